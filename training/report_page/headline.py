"""What a reader of the report sees first: the question that the model answers, and a few numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from drift.share_text import decimal
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import TelemetrySchema


def what_is_predicted(schema: TelemetrySchema) -> str:
    """The question that the model answers, in words."""
    if schema.horizon_seconds:
        return f"will '{schema.label}' start on a device within {schema.horizon}?"
    return f"is '{schema.label}' true of a device now?"


def facts(model: ModelSchema, balance: pd.DataFrame) -> dict[str, str]:
    """The numbers to see first."""
    metrics = model.metrics
    shown = {
        **{
            f"{shown_as}, test part": with_interval(metrics, score)
            for score, shown_as in (("average_precision", "average precision"), ("f1", "F1"))
            if score in metrics
        },
        "alarms per device-day, test part": f"{metrics['alarms_per_device_day']:.2g}"
        if "alarms_per_device_day" in metrics
        else "",
        "base rate: errors among the test rows": decimal(metrics["base_rate"])
        if "base_rate" in metrics
        else "",
        "model": model.algorithm.replace("_", " "),
        "threshold": f"{model.threshold:.3g} ({model.threshold_rule})",
        "inputs": str(len(model.inputs)),
        "exploration sample": f"{int(balance['rows'].sum()):,} rows",
        "trained on": f"{model.training_start[:16]} to {model.training_end[:16]}".replace("T", " "),
    }
    return {name: value for name, value in shown.items() if value}


def with_interval(metrics: Mapping[Any, Any], name: str) -> str:
    """A score and, where it is known, its interval."""
    text = decimal(metrics[name])
    low, high = (metrics.get(f"{name}_{bound}", np.nan) for bound in ("low", "high"))
    return text if np.isnan(low) or np.isnan(high) else f"{text} ({decimal(low)} to {decimal(high)})"
