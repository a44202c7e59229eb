"""EDDM: drift when errors come closer together than they ever did.

M. Baena-Garcia, J. del Campo-Avila, R. Fidalgo, A. Bifet, R. Gavalda, R. Morales-Bueno, "Early Drift
Detection Method", Fourth International Workshop on Knowledge Discovery from Data Streams, 2006.

The distance of an error is the number of values since the error before it. With the mean p' and the
standard deviation s' of all distances, EDDM keeps the largest p' + 2 s' and warns when the current one is
below 0.95 of it; below 0.90 there is drift. It finds gradual change earlier than DDM, and is the less
patient of the two: see the false-alarm rates in the tests.

Compared with scikit-multiflow 0.5.3 (whose levels and minima are constants that cannot be set):

- ``min_instances`` values are not tested here; scikit-multiflow has the constant 30 and tests from value 29
  on, so ``min_instances=28`` here is the same. river's ``warm_start`` is also the number of errors.
- As there, s' divides by the number of errors (river: by one less); the distance of the very first error is
  counted from the start of the stream; and a warning stays up between errors, since only an error is news.

The alarms are the same, value for value.
"""

from __future__ import annotations

import math
from typing import ClassVar

from drift.detectors.detector import Detector
from feature_sets.checks import check_integer, check_number


class EDDM(Detector):
    """Early Drift Detection Method of Baena-Garcia et al. (2006); takes error flags.

    :param min_instances: how many first values are never tested; the largest p' + 2 s' is looked for
        after them only.
    :param warning_level: warn below this share of the largest p' + 2 s', between 0 and 1.
    :param drift_level: drift below this share; not above ``warning_level``.
    :param min_errors: no flag before more errors than this were seen.
    :param min_instances_after_drift: see ``Detector``.
    """

    name = "eddm"
    parameter_names = (
        "min_instances",
        "warning_level",
        "drift_level",
        "min_errors",
        "min_instances_after_drift",
    )
    state_types: ClassVar = {
        "errors": int,
        "last_error": int,
        "mean": float,
        "squares": float,
        "largest": float,
        "current": float,
    }

    def __init__(
        self,
        min_instances: int = 30,
        warning_level: float = 0.95,
        drift_level: float = 0.9,
        min_errors: int = 30,
        min_instances_after_drift: int | None = None,
    ) -> None:
        self.warning_level = check_number("eddm: warning_level", warning_level, above=0, at_most=1)
        self.drift_level = check_number("eddm: drift_level", drift_level, above=0, at_most=self.warning_level)
        self.min_errors = check_integer("eddm: min_errors", min_errors, at_least=1)
        super().__init__(min_instances, min_instances_after_drift)

    @property
    def statistic(self) -> float | None:
        """Current p' + 2 s' as a share of the largest one."""
        return self._current / self._largest if self._largest else None

    @property
    def drift_limit(self) -> float:
        """The drift level; drift lies below it."""
        return self.drift_level

    @property
    def warning_limit(self) -> float:
        """The warning level; warnings lie below it."""
        return self.warning_level

    def _forget(self) -> None:
        self._errors = 0
        self._last_error = 0
        self._mean = 0.0
        self._squares = 0.0
        self._largest = 0.0
        self._current = 0.0

    def _is_possible(self) -> bool:
        counts = self._errors <= self._last_error <= self._n
        return counts and self._squares >= 0 and 0 <= self._current <= self._largest

    def _learn_and_test(self, x: float) -> None:
        if not x:
            return
        self._errors += 1
        distance = self._n - self._last_error
        self._last_error = self._n
        # Welford's running mean and sum of squared deviations: nothing is stored per error
        before = self._mean
        self._mean += (distance - before) / self._errors
        self._squares += (distance - self._mean) * (distance - before)
        self._warning = False
        if not self._testing:
            return
        self._current = self._mean + 2 * math.sqrt(self._squares / self._errors)
        if self._current > self._largest:
            self._largest = self._current
            return
        if self._errors > self.min_errors:
            share = self._current / self._largest
            self._drift = share < self.drift_level
            self._warning = not self._drift and share < self.warning_level
