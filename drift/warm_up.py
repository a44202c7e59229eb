"""Detectors that know how often the model is wrong: taught by the base data set before they go live.

The base data set is one the model was not trained on (its held-out later rows), with labels. Rows the model
was trained on teach a detector an error rate that is too good, and its first live values look like drift.

Its rows must be in the order in which labels arrive, all devices of one time before those of the next: then
the base shows the runs that live errors come in, and ``calibration.py`` sets limits that they keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from drift.alert import USUAL, Hysteresis
from drift.calibration import LEARN_ON, calibrated, labels_to_learn, promise
from drift.change_size import counts_of
from drift.detectors.ddm import DDM
from drift.detectors.detector import Detector
from drift.detectors.eddm import EDDM
from drift.detectors.likelihood_ratio import LikelihoodRatio
from drift.detectors.page_hinkley import PageHinkley
from drift.detectors.registry import DETECTORS
from drift.detectors.values import error_value
from drift.monitor import DriftMonitor
from drift.verdict import ANY, Verdict
from feature_sets.checks import InputError, check_choice, check_integer, check_mapping

LEAST_BASE = 30
"""Fewest base rows from which a detector is warmed up: the minimum of both papers."""


@dataclass(frozen=True)
class DetectorSettings:
    """Which detectors are set up, with which limits, and whose finding is the verdict.

    The limits of DDM, EDDM and Page-Hinkley are those of MLRun's former hub function, moved away where the
    base needs it.

    :param names: detectors by registered name, in the order they are reported.
    :param verdict: ``any``, ``all within N`` labels, or the name of the detector that decides; None means
        ``glr`` if it is among the names, else ``any``. ``docs/drift_benchmark.md`` says why.
    :param calibrate: whether limits are moved until replays of the base keep the promised rate.
    :param min_instances: values of the warm-up and after that are not tested; None means the length of the
        warm-up, so that testing starts with the first live value.
    :param min_instances_after_drift: values not tested after a drift, when a detector starts anew.
    :param ddm_warning: standard deviations.
    :param ddm_drift: standard deviations.
    :param eddm_warning: share of the largest distance.
    :param eddm_drift: share of the largest distance.
    :param page_hinkley_threshold: errors above the mean, net.
    :param page_hinkley_delta: excess of the error rate over its mean that is tolerated.
    :param options: for the other detectors: name -> parameters of its class, such as
        ``{"river.adwin": {"delta": 0.001}}``.
    """

    names: tuple[str, ...] = ("glr", "ddm", "eddm", "page_hinkley")
    verdict: str | None = None
    calibrate: bool = True
    min_instances: int | None = None
    min_instances_after_drift: int = 30
    ddm_warning: float = 2.0
    ddm_drift: float = 3.0
    eddm_warning: float = 0.95
    eddm_drift: float = 0.9
    page_hinkley_threshold: float = 10.0
    page_hinkley_delta: float = 0.005
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.names:
            check_choice("detector settings: names", name, DETECTORS)
        if not self.names or len(set(self.names)) != len(self.names):
            raise InputError("detector settings: names", "must be at least one, each once", self.names)
        if self.min_instances is not None:
            check_integer("detector settings: min_instances", self.min_instances, at_least=0)
        after = self.min_instances_after_drift
        check_integer("detector settings: min_instances_after_drift", after, at_least=0)
        Verdict(self.verdict_rule, self.names)
        check_mapping("detector settings: options", self.options, DETECTORS)
        for name in self.names:
            self.detector(name, 0)

    @property
    def verdict_rule(self) -> str:
        """The verdict in words, with the default in place."""
        if self.verdict is not None:
            return self.verdict
        return LikelihoodRatio.name if LikelihoodRatio.name in self.names else ANY

    def detector(self, name: str, min_instances: int) -> Detector:
        """Create a new detector with these limits.

        :raises InputError: if a limit breaks the detector's rule.
        """
        after = self.min_instances_after_drift
        if name == DDM.name:
            return DDM(min_instances, self.ddm_warning, self.ddm_drift, after)
        if name == EDDM.name:
            return EDDM(min_instances, self.eddm_warning, self.eddm_drift, min_instances_after_drift=after)
        if name == PageHinkley.name:
            return PageHinkley(
                min_instances,
                self.page_hinkley_threshold,
                self.page_hinkley_delta,
                min_instances_after_drift=after,
            )
        check_choice("detector settings: names", name, DETECTORS)
        arguments: dict[str, Any] = {**self.options.get(name, {})}
        arguments |= {"min_instances": min_instances, "min_instances_after_drift": after}
        try:
            return DETECTORS[name](**arguments)
        except TypeError as error:
            known = ", ".join(DETECTORS[name].parameter_names)
            given = sorted(self.options[name])
            raise InputError(
                f"detector settings: options of {name}", f"must be among {known}", given
            ) from error


def error_stream(labels: Iterable[Any], predictions: Iterable[Any]) -> npt.NDArray[np.int8]:
    """1 where the prediction differs from the label, 0 where it equals it.

    >>> error_stream(["ok", "bad", "ok"], ["ok", "ok", "ok"]).tolist()
    [0, 1, 0]

    :param labels: classes, in the order in which labels arrive; numbers, booleans or text.
    :param predictions: predicted classes, not probabilities; same length and order.
    :returns: shape (n,).
    :raises InputError: if lengths differ, a value is missing, only one side is text, or only predictions are
        fractions.
    """
    truth, predicted = _column(labels), _column(predictions)
    if len(truth) != len(predicted):
        raise InputError("predictions", f"must be as many as labels, {len(truth)}", len(predicted))
    for name, values in (("labels", truth), ("predictions", predicted)):
        missing = int(values.isna().sum())
        if missing:
            raise InputError(name, "must have no missing value", f"{missing} of {len(values)}")
    if _is_number(truth) != _is_number(predicted):
        # "1" is not 1: every row would be an error
        given = f"{predicted.dtype} and {truth.dtype}"
        raise InputError("predictions and labels", "must both be numbers or both be text", given)
    if _has_fractions(predicted) and not _has_fractions(truth):
        raise InputError("predictions", "must be classes, as labels are", "fractions: probabilities?")
    differs = np.asarray(truth.to_numpy() != predicted.to_numpy())
    return differs.astype(np.int8)


def detectors_from(
    base_errors: Iterable[Any],
    settings: DetectorSettings = DetectorSettings(),
) -> list[Detector]:
    """Detectors that have seen the base error stream and test from the first live value on.

    Nothing is tested during the warm-up: a change inside the base stream is not reported, its error rate is
    then that of the mixture.

    :param base_errors: 1 or 0 per base row, in the order in which labels arrive.
    :raises InputError: if there are fewer than ``LEAST_BASE`` values or one is neither 0 nor 1.
    """
    errors = [error_value(x, f"base_errors[{i}]") for i, x in enumerate(base_errors)]
    if len(errors) < LEAST_BASE:
        raise InputError("base_errors", f"must be at least {LEAST_BASE} values", len(errors))
    least = len(errors) if settings.min_instances is None else settings.min_instances
    longest = labels_to_learn(errors) if settings.calibrate and settings.min_instances is None else least
    detectors = [settings.detector(name, longest if name in LEARN_ON else least) for name in settings.names]
    for detector in detectors:
        for error in errors:
            detector.update(error)
    return [calibrated(each, errors) for each in detectors] if settings.calibrate else detectors


def warmed_monitor(
    labels: Iterable[Any],
    predictions: Iterable[Any],
    settings: DetectorSettings = DetectorSettings(),
    cool_down: int = 100,
    hysteresis: Hysteresis = USUAL,
) -> DriftMonitor:
    """Set up a monitor ready for the labeled stream, from a base data set's labels and predictions.

    :param labels: see ``error_stream``.
    :param predictions: see ``error_stream``.
    :param cool_down: see ``DriftMonitor``.
    :param hysteresis: see ``DriftMonitor``.
    :raises InputError: see ``error_stream`` and ``detectors_from``.
    """
    errors = error_stream(labels, predictions)
    detectors = detectors_from(errors, settings)
    rule = settings.verdict_rule
    promised = promise(errors, Verdict(rule, settings.names)) if settings.calibrate else ""
    return DriftMonitor(detectors, cool_down, rule, promised, hysteresis, counts_of(errors.tolist()))


def _column(values: Iterable[Any]) -> pd.Series:
    """Values without their index, as two frames with other row labels are compared by position."""
    plain = values.to_numpy() if isinstance(values, pd.Series) else list(values)
    return pd.Series(plain).infer_objects()


def _is_number(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values))


def _has_fractions(values: pd.Series) -> bool:
    if not pd.api.types.is_float_dtype(values):
        return False
    return bool((values != np.floor(values)).any())
