"""The content of ``model.json``, field by field, as the arguments of a ``ModelSchema``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from feature_sets.checks import InputError, check_mapping, check_number
from feature_sets.model_package.calibration import Calibration
from feature_sets.model_package.model_input import Histogram, ModelInput
from feature_sets.telemetry.schema import TelemetrySchema


def schema_arguments(content: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a model schema, from the content of its file.

    :raises KeyError: naming a field that is absent.
    :raises InputError: naming the field, the rule and what was given.
    """
    texts = ("version", "threshold_rule", "algorithm", "code_version")
    return {
        "telemetry": TelemetrySchema.from_dict(content["telemetry"]),
        "inputs": tuple(_model_input(column) for column in _items("inputs", content["inputs"])),
        "threshold": check_number("threshold", content["threshold"], at_least=0),
        "metrics": check_mapping("metrics", content["metrics"]),
        "training_start": _instant("training_start", content["training_start"]),
        "training_end": _instant("training_end", content["training_end"]),
        "sha256": check_mapping("sha256", content["sha256"]),
        "calibration": _calibration(content["calibration"]),
        "predictions": _histogram("predictions", content["predictions"]),
        "parameters": check_mapping("parameters", content["parameters"]),
        "validation": check_mapping("validation", content["validation"]),
        "trained_devices": {
            device: _instant(f"trained_devices.{device}", end)
            for device, end in check_mapping("trained_devices", content.get("trained_devices", {})).items()
        },
        **{name: _text(name, content[name]) for name in texts},
    }


def _model_input(content: object) -> ModelInput:
    column = check_mapping("inputs", content)
    name = _text("inputs.name", column["name"])
    histogram = _histogram(f"input '{name}'", column)
    return ModelInput(
        name=name,
        unit=_text(f"input '{name}': unit", column["unit"]),
        imputation=check_number(f"input '{name}': imputation", column["imputation"]),
        edges=histogram.edges,
        counts=histogram.counts,
        category=_text(f"input '{name}': category", column.get("category", "")),
    )


def _histogram(where: str, content: object) -> Histogram:
    given = check_mapping(where, content)
    edges = _items(f"{where}: edges", given["edges"])
    return Histogram(
        edges=tuple(check_number(f"{where}: edges", edge) for edge in edges),
        counts=tuple(_items(f"{where}: counts", given["counts"])),
    )


def _calibration(content: object) -> Calibration:
    given = check_mapping("calibration", content)
    return Calibration(
        method=_text("calibration: method", given["method"]),
        a=check_number("calibration: a", given["a"]),
        b=check_number("calibration: b", given["b"]),
    )


def _instant(where: str, value: object) -> str:
    """ISO 8601 text of a time with its zone, or an empty text."""
    text = _text(where, value)
    try:
        zoned = not text or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        zoned = False
    if not zoned:
        raise InputError(where, "must be an ISO 8601 time with its zone, or empty", text)
    return text


def _items(where: str, value: object) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise InputError(where, "must be a list", value)
    return value


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise InputError(where, "must be text", value)
    return value
