"""DDM: drift when the error rate climbs above the best it has been.

J. Gama, P. Medas, G. Castillo, P. Rodrigues, "Learning with Drift Detection", Brazilian Symposium on
Artificial Intelligence (SBIA), 2004, pages 286-295.

After n values with error rate p the rate has the standard deviation s = sqrt(p (1 - p) / n). DDM keeps the
p and s of the moment when p + s was smallest (p_min, s_min) and warns when p + s > p_min + 2 s_min; beyond
3 s_min there is drift.

Compared with scikit-multiflow 0.5.3 and river 0.21:

- ``min_instances`` values are not tested here, as river's ``warm_start``. scikit-multiflow counts from 1
  and tests from value ``min_num_instances - 1`` on, two values earlier than ours with the same number.
- Both take the minimum from a stream without any error, so p_min = s_min = 0, and the first error of a
  model that was perfect so far is a "drift". That is a standard deviation estimated from nothing; here the
  minimum is kept only once both an error and a right prediction have been seen.
- p is a ratio of two counts here and a running mean there; they differ by rounding only.

With these exceptions the alarms are the same, value for value.
"""

from __future__ import annotations

import math
from types import NoneType
from typing import ClassVar

from drift.detectors.detector import Detector
from feature_sets.checks import check_number


class DDM(Detector):
    """Drift Detection Method of Gama et al. (2004); takes error flags.

    :param min_instances: how many first values are never tested.
    :param warning_level: warn beyond this many standard deviations above the minimum.
    :param drift_level: drift beyond this many; at least ``warning_level``.
    :param min_instances_after_drift: see ``Detector``.
    """

    name = "ddm"
    parameter_names = ("min_instances", "warning_level", "drift_level", "min_instances_after_drift")
    state_types: ClassVar = {"errors": int, "p_min": (float, NoneType), "s_min": (float, NoneType)}

    def __init__(
        self,
        min_instances: int = 30,
        warning_level: float = 2.0,
        drift_level: float = 3.0,
        min_instances_after_drift: int | None = None,
    ) -> None:
        self.warning_level = check_number("ddm: warning_level", warning_level, above=0)
        self.drift_level = check_number("ddm: drift_level", drift_level, at_least=self.warning_level)
        super().__init__(min_instances, min_instances_after_drift)

    @property
    def error_rate(self) -> float:
        """Share of errors in this episode; 0 before its first value."""
        return self._errors / self._n if self._n else 0.0

    @property
    def statistic(self) -> float | None:
        """Standard deviations s_min by which p + s lies above p_min."""
        if self._p_min is None or self._s_min is None:
            return None
        p, s = self._rate_and_deviation()
        return (p + s - self._p_min) / self._s_min

    @property
    def drift_limit(self) -> float:
        """The drift level, in standard deviations."""
        return self.drift_level

    @property
    def warning_limit(self) -> float:
        """The warning level, in standard deviations."""
        return self.warning_level

    def _forget(self) -> None:
        self._errors = 0
        self._p_min: float | None = None
        self._s_min: float | None = None

    def _is_possible(self) -> bool:
        if self._p_min is None or self._s_min is None:
            return self._errors <= self._n and self._p_min is self._s_min
        return 0 < self._errors < self._n and 0 < self._p_min < 1 and self._s_min > 0

    def _rate_and_deviation(self) -> tuple[float, float]:
        p = self._errors / self._n
        return p, math.sqrt(p * (1 - p) / self._n)

    def _learn_and_test(self, x: float) -> None:
        self._errors += int(x)
        self._warning = False
        if not self._testing or not 0 < self._errors < self._n:
            return
        p, s = self._rate_and_deviation()
        if self._p_min is None or self._s_min is None or p + s <= self._p_min + self._s_min:
            self._p_min, self._s_min = p, s
        self._drift = p + s > self._p_min + self.drift_level * self._s_min
        self._warning = not self._drift and p + s > self._p_min + self.warning_level * self._s_min
