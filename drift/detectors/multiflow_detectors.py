"""DDM, EDDM and Page-Hinkley straight from scikit-multiflow 0.5.3.

They behave as the package wrote them, also where our own differ on purpose (``ddm.py``, ``eddm.py`` and
``page_hinkley.py`` say where). They need scikit-multiflow, see ``scikit_multiflow.py``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from drift.detectors.scikit_multiflow import drift_detection
from drift.detectors.wrapped import OPTIONAL_FLOAT, Found, WrappedDetector
from feature_sets.checks import check_number

_FLAGS = {"peer_drift": "in_concept_change", "peer_warning": "in_warning_zone"}
_FLAG_TYPES = {"peer_drift": bool, "peer_warning": bool}


class _Multiflow(WrappedDetector):
    """What the three have in common: ``add_element`` and two flags."""

    def _feed(self, x: float) -> Found:
        self._peer.add_element(x)
        return Found(bool(self._peer.detected_change()), bool(self._peer.detected_warning_zone()))


class MultiflowDDM(_Multiflow):
    """DDM of scikit-multiflow.

    :param min_instances: also the package's ``min_num_instances``.
    :param warning_level: standard deviations.
    :param out_control_level: standard deviations, at least ``warning_level``.
    :param min_instances_after_drift: see ``Detector``.
    :raises ImportError: if scikit-multiflow is not installed.
    """

    name = "skmultiflow.ddm"
    parameter_names = ("min_instances", "warning_level", "out_control_level", "min_instances_after_drift")
    peer_state: ClassVar = {
        "samples": "sample_count",
        "rate": "miss_prob",
        "deviation": "miss_std",
        "least_sum": "miss_prob_sd_min",
        "least_rate": "miss_prob_min",
        "least_deviation": "miss_sd_min",
        **_FLAGS,
    }
    infinities: ClassVar = {
        "least_sum": float("inf"),
        "least_rate": float("inf"),
        "least_deviation": float("inf"),
    }
    state_types: ClassVar = {
        "samples": int,
        "rate": float,
        "deviation": float,
        "least_sum": OPTIONAL_FLOAT,
        "least_rate": OPTIONAL_FLOAT,
        "least_deviation": OPTIONAL_FLOAT,
        **_FLAG_TYPES,
    }

    def __init__(
        self,
        min_instances: int = 30,
        warning_level: float = 2.0,
        out_control_level: float = 3.0,
        min_instances_after_drift: int | None = None,
    ) -> None:
        self.warning_level = check_number("skmultiflow.ddm: warning_level", warning_level, above=0)
        level = check_number(
            "skmultiflow.ddm: out_control_level", out_control_level, at_least=self.warning_level
        )
        self.out_control_level = level
        super().__init__(min_instances, min_instances_after_drift)

    @property
    def statistic(self) -> float | None:
        """Least standard deviations by which the rate lies above its minimum; None while there is none."""
        peer = self._peer
        if not 0 < peer.miss_sd_min < float("inf"):
            return None
        return float((peer.miss_prob + peer.miss_std - peer.miss_prob_min) / peer.miss_sd_min)

    @property
    def drift_limit(self) -> float:
        """The package's out-of-control level."""
        return self.out_control_level

    @property
    def warning_limit(self) -> float:
        """The package's warning level."""
        return self.warning_level

    def _new_peer(self) -> Any:
        return drift_detection().DDM(self._least, self.warning_level, self.out_control_level)


class MultiflowEDDM(_Multiflow):
    """EDDM of scikit-multiflow; its levels (0.9 and 0.95) and minima (30 and 30) cannot be set.

    :param min_instances: how many first values are never reported on.
    :param min_instances_after_drift: see ``Detector``.
    :raises ImportError: if scikit-multiflow is not installed.
    """

    name = "skmultiflow.eddm"
    parameter_names = ("min_instances", "min_instances_after_drift")
    peer_state: ClassVar = {
        "samples": "m_n",
        "errors": "m_num_errors",
        "last_error": "m_d",
        "error_before": "m_lastd",
        "mean": "m_mean",
        "squares": "m_std_temp",
        "largest": "m_m2s_max",
        **_FLAGS,
    }
    state_types: ClassVar = {
        "samples": int,
        "errors": int,
        "last_error": int,
        "error_before": int,
        "mean": float,
        "squares": float,
        "largest": float,
        **_FLAG_TYPES,
    }

    def __init__(self, min_instances: int = 30, min_instances_after_drift: int | None = None) -> None:
        super().__init__(min_instances, min_instances_after_drift)

    @property
    def statistic(self) -> float | None:
        """Current mean and two deviations of the distances, as a share of the largest ones."""
        peer = self._peer
        if not peer.m_m2s_max:
            return None
        return float((peer.m_mean + 2 * (peer.m_std_temp / peer.m_num_errors) ** 0.5) / peer.m_m2s_max)

    @property
    def drift_limit(self) -> float:
        """The package's constant; drift lies below it."""
        return float(self._peer.FDDM_OUTCONTROL)

    @property
    def warning_limit(self) -> float:
        """The package's constant; warnings lie below it."""
        return float(self._peer.FDDM_WARNING)

    def _new_peer(self) -> Any:
        return drift_detection().EDDM()


class MultiflowPageHinkley(_Multiflow):
    """Page-Hinkley of scikit-multiflow; takes error flags or any number up to 1e100 in size.

    :param min_instances: also the package's ``min_instances``; its sum runs from the first value on.
    :param threshold: the package's default is 50.
    :param delta: excess over the mean that is tolerated.
    :param alpha: share of the sum that is kept.
    :param min_instances_after_drift: see ``Detector``.
    :raises ImportError: if scikit-multiflow is not installed.
    """

    name = "skmultiflow.page_hinkley"
    parameter_names = ("min_instances", "threshold", "delta", "alpha", "min_instances_after_drift")
    takes_any_number = True
    peer_state: ClassVar = {"samples": "sample_count", "mean": "x_mean", "sum": "sum", **_FLAGS}
    state_types: ClassVar = {"samples": int, "mean": float, "sum": float, **_FLAG_TYPES}

    def __init__(
        self,
        min_instances: int = 30,
        threshold: float = 50.0,
        delta: float = 0.005,
        alpha: float = 1 - 0.0001,
        min_instances_after_drift: int | None = None,
    ) -> None:
        self.threshold = check_number("skmultiflow.page_hinkley: threshold", threshold, above=0)
        self.delta = check_number("skmultiflow.page_hinkley: delta", delta, at_least=0)
        self.alpha = check_number("skmultiflow.page_hinkley: alpha", alpha, above=0, at_most=1)
        super().__init__(min_instances, min_instances_after_drift)

    @property
    def statistic(self) -> float | None:
        """The package's sum; None before the first tested value."""
        return float(self._peer.sum) if self._testing else None

    @property
    def drift_limit(self) -> float:
        """The threshold."""
        return self.threshold

    @property
    def warning_limit(self) -> None:
        """None: Page-Hinkley has no warning zone."""
        return

    def _new_peer(self) -> Any:
        return drift_detection().PageHinkley(self._least, self.delta, self.threshold, self.alpha)
