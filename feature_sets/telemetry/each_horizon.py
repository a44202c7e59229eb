"""A schema of several horizons as one schema for each model."""

from __future__ import annotations

import dataclasses

from feature_sets.checks import duration_seconds
from feature_sets.telemetry.horizons import ahead_of
from feature_sets.telemetry.schema import TelemetrySchema


def by_horizon(schema: TelemetrySchema) -> dict[str, TelemetrySchema]:
    """The schema by horizon, the primary one first: the same, with that horizon alone.

    Of one horizon it is the schema itself.
    """
    if not schema.further_horizons:
        return {schema.horizon: schema}
    return {
        horizon: dataclasses.replace(schema, horizon=horizon, further_horizons=())
        for horizon in schema.horizons
    }


def further(schema: TelemetrySchema) -> dict[str, TelemetrySchema]:
    """The same without the primary horizon."""
    return {horizon: one for horizon, one in by_horizon(schema).items() if horizon != schema.horizon}


def ahead_targets(schema: TelemetrySchema) -> tuple[str, ...]:
    """Columns of what is predicted ahead, beside the label; in the order of the horizons."""
    return ahead_of(schema.label, schema.horizons)


def longest_horizon_seconds(schema: TelemetrySchema) -> int:
    """The longest of all horizons, in seconds; 0 where only errors now are predicted."""
    return duration_seconds(schema.horizons[-1])
