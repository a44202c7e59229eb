"""Page-Hinkley: drift when values stay above their own mean for too long.

E. S. Page, "Continuous Inspection Schemes", Biometrika 41 (1/2), 1954, pages 100-115; in the one-sided form
with a forgetting factor of scikit-multiflow.

With m the mean of all values up to x, the sum S = max(0, alpha S + x - m - delta) grows while values are
above their mean by more than delta, and there is drift when S exceeds the threshold. No warning zone. With
a threshold of 10 it takes ten more errors than usual, net of decay, whatever the error rate.

Compared with scikit-multiflow 0.5.3 and river 0.21:

- The first ``min_instances`` values teach the mean here, and the sum starts after them. Both others sum from
  the first value on and only hold the test back: after a warm-up of thousands of values the sum has often
  passed the threshold by chance, and the first live value is a "drift". That is wrong, so ours differs. With
  ``min_instances=0`` the alarms are those of scikit-multiflow with ``min_instances=1``, value for value.
- river's ``mode="up"`` equals ours for ``alpha=1``; for less it lets the sum decay but not the minimum it is
  compared with, and then differs by a few values.

On a stream of errors with rate p that does not change, S still wanders: by diffusion approximation a false
alarm comes every (exp(b) - 1 - b) v / (2 delta^2) values, with v = p (1 - p) and b = 2 delta threshold / v.
For threshold 10 and delta 0.005 that is 15,000 values at p = 0.03 but only 1,700 at p = 0.1: raise
the threshold for a model that is often wrong. ``mean_values_between_false_alarms`` computes it.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from drift.detectors.detector import Detector
from drift.detectors.values import finite_value
from feature_sets.checks import InputError, check_number

LARGEST = 1e100
"""Largest value taken, in size; the sum of any number of them is still a finite float."""


class PageHinkley(Detector):
    """Page-Hinkley test for an increase of the mean; takes error flags or any number up to 1e100 in size.

    :param min_instances: how many first values only teach the mean; the sum starts after them.
    :param threshold: drift when the sum exceeds it, in units of the values.
    :param delta: excess over the mean that is tolerated, in units of the values.
    :param alpha: share of the sum that is kept from one value to the next; 1 never forgets.
    :param min_instances_after_drift: see ``Detector``.
    """

    name = "page_hinkley"
    parameter_names = ("min_instances", "threshold", "delta", "alpha", "min_instances_after_drift")
    state_types: ClassVar = {"mean": float, "sum": float}

    def __init__(
        self,
        min_instances: int = 30,
        threshold: float = 10.0,
        delta: float = 0.005,
        alpha: float = 1 - 0.0001,
        min_instances_after_drift: int | None = None,
    ) -> None:
        self.threshold = check_number("page_hinkley: threshold", threshold, above=0)
        self.delta = check_number("page_hinkley: delta", delta, at_least=0)
        self.alpha = check_number("page_hinkley: alpha", alpha, above=0, at_most=1)
        super().__init__(min_instances, min_instances_after_drift)

    @property
    def statistic(self) -> float | None:
        """The sum S; None while values are not tested."""
        return self._sum if self._testing else None

    @property
    def drift_limit(self) -> float:
        """The threshold."""
        return self.threshold

    @property
    def warning_limit(self) -> None:
        """None: Page-Hinkley has no warning zone."""
        return

    def _checked(self, x: Any) -> float:
        value = finite_value(x)
        if abs(value) > LARGEST:
            raise InputError("x", f"must be at most {LARGEST:g} in size", x)
        return value

    def _is_possible(self) -> bool:
        return self._sum >= 0

    def _forget(self) -> None:
        self._mean = 0.0
        self._sum = 0.0

    def _learn_and_test(self, x: float) -> None:
        self._mean += (x - self._mean) / self._n
        if self._testing:
            self._sum = max(0.0, self.alpha * self._sum + (x - self._mean - self.delta))
            self._drift = self._sum > self.threshold


def mean_values_between_false_alarms(
    error_rate: float, threshold: float = 10.0, delta: float = 0.005
) -> float:
    """Estimate how many values a steady error stream lasts until Page-Hinkley is wrong about it.

    >>> round(mean_values_between_false_alarms(error_rate=0.1))
    1668

    Diffusion approximation of a reflected random walk, without forgetting and with a well-known mean; the
    real number is somewhat larger, as the sum overshoots the threshold.

    :param error_rate: share of errors, above 0 and below 1.
    :param threshold: as for ``PageHinkley``.
    :param delta: as for ``PageHinkley``, above 0.
    :returns: number of values; infinity where the number is too large for a float.
    :raises InputError: if a parameter is out of range.
    """
    check_number("error_rate", error_rate, above=0, below=1)
    check_number("threshold", threshold, above=0)
    check_number("delta", delta, above=0)
    variance = error_rate * (1 - error_rate)
    b = 2 * delta * threshold / variance
    try:
        return (math.expm1(b) - b) * variance / (2 * delta**2)
    except OverflowError:
        return math.inf
