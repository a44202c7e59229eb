"""How the metrics of the simulated network behave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import TelemetrySchema

_TABLE = Path(__file__).with_name("simulated_metrics.yaml")


@dataclass(frozen=True)
class MetricBehavior:
    """How one metric behaves, in its own unit; see ``simulated_metrics.yaml`` for the fields."""

    mean: float
    spread: float
    noise: float
    daily: float
    error: float
    surge: float
    shift: float
    decimals: int


def metric_behaviors(schema: TelemetrySchema) -> tuple[MetricBehavior, ...]:
    """Behavior of each metric of the simulated network's schema, in its order.

    :raises InputError: unless the table describes exactly the schema's metrics.
    """
    table = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
    if set(table) != set(schema.metric_names):
        raise InputError(_TABLE.name, f"must describe {sorted(schema.metric_names)}", sorted(table))
    return tuple(MetricBehavior(**table[name]) for name in schema.metric_names)
