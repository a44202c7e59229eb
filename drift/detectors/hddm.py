"""HDDM-A and HDDM-W of river: drift when a mean has grown by more than a bound allows.

I. Frias-Blanco, J. del Campo-Avila, G. Ramos-Jimenez, R. Morales-Bueno, A. Ortiz-Diaz, Y. Caballero-Mota,
"Online and Non-Parametric Drift Detection Methods Based on Hoeffding's Bounds", IEEE Transactions on
Knowledge and Data Engineering 27 (3), 2015, pages 810-823. A compares averages with Hoeffding's bound, W
weighted averages, in which recent values count for more, with McDiarmid's.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from drift.detectors.wrapped import OPTIONAL_FLOAT, Found, WrappedDetector
from feature_sets.checks import check_number

_FLAGS = {"peer_drift": "_drift_detected", "peer_warning": "_warning_detected"}
_FLAG_TYPES = {"peer_drift": bool, "peer_warning": bool}
_SAMPLES = {
    "total": "_total",
    "before_rise": "_s1_incr",
    "since_rise": "_s2_incr",
    "before_fall": "_s1_decr",
    "since_fall": "_s2_decr",
}


class _HDDM(WrappedDetector):
    """What both have in common: two confidences, and a statistic in units of the bound for drift."""

    def __init__(
        self,
        min_instances: int,
        drift_confidence: float,
        warning_confidence: float,
        min_instances_after_drift: int | None,
    ) -> None:
        where = f"{self.name}: drift_confidence"
        self.drift_confidence = check_number(where, drift_confidence, above=0, below=1)
        where = f"{self.name}: warning_confidence"
        self.warning_confidence = check_number(
            where, warning_confidence, at_least=self.drift_confidence, below=1
        )
        super().__init__(min_instances, min_instances_after_drift)

    @property
    def drift_limit(self) -> float:
        """1: the bound for drift is the unit of the statistic."""
        return 1.0

    def _feed(self, x: float) -> Found:
        self._peer.update(x)
        return Found(self._peer.drift_detected, self._peer.warning_detected)


class HDDMA(_HDDM):
    """HDDM with averages, one-sided; takes error flags.

    :param min_instances: how many first values are never reported on.
    :param drift_confidence: risk of the bound for drift.
    :param warning_confidence: risk of the bound for a warning, at least ``drift_confidence``.
    :param min_instances_after_drift: see ``Detector``.
    """

    name = "river.hddm_a"
    parameter_names = ("min_instances", "drift_confidence", "warning_confidence", "min_instances_after_drift")
    peer_state: ClassVar = {
        **_FLAGS,
        "n_all": "_z.n",
        "mean_all": "_z._mean",
        "n_min": "_x_min.n",
        "mean_min": "_x_min._mean",
        "n_max": "_x_max.n",
        "mean_max": "_x_max._mean",
    }
    state_types: ClassVar = {
        **_FLAG_TYPES,
        **dict.fromkeys(("n_all", "mean_all", "n_min", "mean_min", "n_max", "mean_max"), float),
    }

    def __init__(
        self,
        min_instances: int = 30,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        min_instances_after_drift: int | None = None,
    ) -> None:
        super().__init__(min_instances, drift_confidence, warning_confidence, min_instances_after_drift)

    @property
    def statistic(self) -> float | None:
        """How far the mean lies above its minimum, in units of the bound; None without values since."""
        peer = self._peer
        since = peer._z.n - peer._x_min.n
        if not self._testing or not since:
            return None
        bound = math.sqrt(since / peer._x_min.n / peer._z.n / 2 * math.log(2 / self.drift_confidence))
        return float((peer._z.get() - peer._x_min.get()) / bound)

    @property
    def warning_limit(self) -> float:
        """The bound for a warning in units of that for drift."""
        return math.sqrt(math.log(2 / self.warning_confidence) / math.log(2 / self.drift_confidence))

    def _new_peer(self) -> Any:
        from river.drift.binary import HDDM_A  # a second to import: only if it is chosen

        return HDDM_A(self.drift_confidence, self.warning_confidence)


class HDDMW(_HDDM):
    """HDDM with weighted averages, one-sided; takes error flags.

    :param min_instances: how many first values are never reported on.
    :param drift_confidence: risk of the bound for drift.
    :param warning_confidence: risk of the bound for a warning, at least ``drift_confidence``.
    :param lambda_val: weight of the newest value.
    :param min_instances_after_drift: see ``Detector``.
    """

    name = "river.hddm_w"
    parameter_names = (
        "min_instances",
        "drift_confidence",
        "warning_confidence",
        "lambda_val",
        "min_instances_after_drift",
    )
    peer_state: ClassVar = {
        **_FLAGS,
        "least": "_incr_cutpoint",
        "largest": "_decr_cutpoint",
        **{f"{name}_started": f"{place}._is_init" for name, place in _SAMPLES.items()},
        **{f"{name}_weight": f"{place}._ibc" for name, place in _SAMPLES.items()},
    }
    infinities: ClassVar = {"least": math.inf, "largest": -math.inf}
    state_types: ClassVar = {
        **_FLAG_TYPES,
        "least": OPTIONAL_FLOAT,
        "largest": OPTIONAL_FLOAT,
        **{f"{name}_started": bool for name in _SAMPLES},
        **{f"{name}_weight": float for name in _SAMPLES},
        **{f"{name}_mean": float for name in _SAMPLES},
    }

    def __init__(
        self,
        min_instances: int = 30,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        lambda_val: float = 0.05,
        min_instances_after_drift: int | None = None,
    ) -> None:
        self.lambda_val = check_number("river.hddm_w: lambda_val", lambda_val, above=0, below=1)
        super().__init__(min_instances, drift_confidence, warning_confidence, min_instances_after_drift)

    @property
    def statistic(self) -> float | None:
        """How far the recent mean lies above the one before, in units of the bound; None without both."""
        before, since = self._peer._s1_incr, self._peer._s2_incr
        if not (self._testing and before.is_init and since.is_init):
            return None
        bound = math.sqrt((before.ibc + since.ibc) * math.log(1 / self.drift_confidence) / 2)
        return float((since.ewma - before.ewma) / bound)

    @property
    def warning_limit(self) -> float:
        """The bound for a warning in units of that for drift."""
        return math.sqrt(math.log(1 / self.warning_confidence) / math.log(1 / self.drift_confidence))

    def _new_peer(self) -> Any:
        from river.drift.binary import HDDM_W  # a second to import: only if it is chosen

        return HDDM_W(self.drift_confidence, self.warning_confidence, self.lambda_val)

    def _state_value(self, name: str) -> Any:
        sample = self._sample(name)
        return super()._state_value(name) if sample is None else float(sample.ewma)

    def _restore(self, name: str, value: Any) -> None:
        sample = self._sample(name)
        if sample is None:
            super()._restore(name, value)
        elif sample.is_init:
            sample._ewma.update(value)  # the first value of a weighted mean is the mean

    def _sample(self, name: str) -> Any:
        """The package's sample whose mean a field is; None if the field is another."""
        known, is_mean = name.removesuffix("_mean"), name.endswith("_mean")
        return getattr(self._peer, _SAMPLES[known]) if is_mean and known in _SAMPLES else None
