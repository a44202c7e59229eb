"""Names, types and defaults of the workflow parameters, without importing Kubeflow or MLRun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from feature_sets.checks import InputError, check_boolean, check_choice, check_integer, check_number
from feature_sets.ingestion import defaults as simulation
from training.job import defaults as training
from training.job.parameter_rules import checked

STREAM_SECONDS, STREAM_RATE = 30, 300
_REFERENCES = ("fixed", "day", "week", "rolling", "rolling_week")
"""Those of ``drift.reference_rows``, which takes longer to import than all else here."""

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "telemetry": "",
        "schema": "",
        "seed": simulation.SEED,
        "devices": simulation.DEVICES,
        "ticks": simulation.TICKS,
        "replace": False,
        "live": True,
        "sample_ratio": training.SAMPLE_RATIO,
        "test_fraction": training.TEST_FRACTION,
        "test_devices": training.TEST_DEVICES,
        "train_rows": training.TRAIN_ROWS,
        "training_window": training.TRAINING_WINDOW,
        "split": training.SPLIT,
        "scores_by": training.SCORES_BY,
        "select_k": training.SELECT_K,
        "min_votes": training.MIN_VOTES,
        "max_correlation": training.MAX_CORRELATION,
        "max_drift": training.MAX_DRIFT,
        "search": training.SEARCH,
        "combinations": training.COMBINATIONS,
        "threshold_rule": training.THRESHOLD_RULE,
        "promote": training.PROMOTE,
        "approve": False,
        "trial": False,
        "champion": "",
        "deploy_streaming": True,
        "deploy_concept_drift": True,
        "detectors": "",
        "drift_reference": "week",
        "stream_seconds": STREAM_SECONDS,
        "stream_rate": STREAM_RATE,
        "version": "",
    }
)

SOURCE = ("telemetry", "schema", "seed", "devices", "ticks")
"""Parameters that say where telemetry comes from."""

WATCH = ("detectors", "drift_reference")
"""Parameters that say how the model in production is watched; they change nothing in the model."""

NAMES = MappingProxyType(
    {
        # To replace the history is a decision of its own, which no other run makes on the way.
        "main": tuple(name for name in DEFAULTS if name not in ("replace", "version")),
        "ingest": (*SOURCE, "replace", "live"),
        "live": ("schema",),
        "serve": (),
        "release": (
            "version",
            *SOURCE,
            "deploy_concept_drift",
            "detectors",
            "drift_reference",
            "stream_seconds",
            "stream_rate",
        ),
    }
)
"""Parameters of each workflow."""

REMEMBERED = ("main", "ingest")
"""Workflows that read telemetry, whose arguments the project remembers."""

STREAM = (*SOURCE, "stream_seconds", "stream_rate")
"""Parameters of the telemetry generator."""


def check(
    names: Sequence[str], arguments: Mapping[str, Any], where: str = "workflow parameter '{}'"
) -> dict[str, Any]:
    """Arguments of the types of their defaults.

    :param names: the parameters that may be given, such as ``NAMES["main"]``.
    :param where: what an error calls a parameter, its name in braces.
    :raises InputError: for an unknown name, a value of another type, or one that breaks its rule.
    """
    return {name: _checked(names, name, value, where.format(name)) for name, value in arguments.items()}


def parse(names: Sequence[str], name: str, text: str) -> Any:
    """Value of a parameter given as text, of the type of its default.

    :param names: the parameters that may be given.
    :raises InputError: for an unknown name, or a text that is no such value.
    """
    value: object = text
    if isinstance(DEFAULTS.get(name), bool):
        value = check_boolean(f"workflow parameter '{name}'", text)
    elif isinstance(DEFAULTS.get(name), int | float):
        # What is no number stays text, which the check refuses as it was given.
        with suppress(ValueError):
            value = type(DEFAULTS[name])(text)
    return check(names, {name: value})[name]


def _checked(names: Sequence[str], name: str, value: object, where: str) -> Any:
    check_choice(where, name, names)
    default = DEFAULTS[name]
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise InputError(where, "must be true or false", value)
        return value
    if isinstance(default, int) and isinstance(value, float):
        raise InputError(where, "must be a whole number", value)
    if isinstance(default, int):
        value = check_integer(where, value, at_least=0)
    elif isinstance(default, float):
        value = check_number(where, value)
    elif not isinstance(value, str):
        raise InputError(where, "must be text", value)
    value = checked(name, value, where)
    if name == "drift_reference":
        check_choice(where, value, _REFERENCES)
    if name == "detectors" and isinstance(value, str) and value:
        # Detectors take longer to import than all else here.
        from drift.detector_choice import DetectorChoice

        DetectorChoice.parse(value, where)
    return value
