"""Units of model inputs, derived from the units of the metrics they are computed from."""

from __future__ import annotations

from feature_sets.telemetry.expected_interval import AGE
from feature_sets.telemetry.peers import DIFFERENCE
from feature_sets.telemetry.schema import TelemetrySchema


def input_units(schema: TelemetrySchema) -> dict[str, str]:
    """Feature name -> unit, for every raw metric, rolling feature and derived feature of a schema.

    A change and a difference have the unit of their metric, a window of neighbors that of the window, an age
    is in seconds; a ratio, a coefficient of variation and the share of expected readings have none (``""``).
    A one-hot column is not in it: it has no unit.
    """
    units = {metric.name: metric.unit for metric in schema.metrics}
    for metric in schema.metrics:
        for operation in schema.windows.operations:
            unit = metric.unit
            if operation == "count":
                unit = "readings"
            elif operation in ("stdvar", "sqr") and unit:
                unit = f"({unit})^2"
            for length in schema.windows.lengths:
                units[f"{metric.name}_{operation}_{length}"] = unit
    for name in schema.presence_features:
        units[name] = "s" if name == AGE else ""
    for feature in schema.derived.features(schema.metric_names):
        units[feature.name] = units[feature.metric] if feature.kind == "change" else ""
    units |= dict.fromkeys(schema.relative_features, "")
    neighbors, peers = schema.derived.neighbors, schema.derived.peers
    if neighbors is not None:
        units |= {part.name: units[part.window_feature] for part in neighbors.features(schema.metric_names)}
    if peers is not None:
        for part in peers.features(schema.metric_names):
            units[part.name] = units[part.metric] if part.comparison == DIFFERENCE else ""
    return units
