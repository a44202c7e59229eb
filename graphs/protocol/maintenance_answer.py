"""An entry of the calendar of maintenance as answers show it."""

from __future__ import annotations

from typing import Any

from feature_sets.telemetry.calendar import Maintenance
from feature_sets.telemetry.intervals import OPEN
from feature_sets.telemetry.maintenance_columns import MaintenanceColumns
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.times import iso_time


def maintenance_answer(name: str, entry: Maintenance | None, schema: TelemetrySchema) -> dict[str, Any]:
    """Its id, scope, times and reason, these by the names of the schema; the id alone of one that is gone."""
    if entry is None:
        return {"id": name}
    columns = schema.maintenance or MaintenanceColumns()
    return {
        "id": name,
        "scope": dict(entry.scope),
        columns.start: iso_time(entry.start / 1_000_000),
        columns.end: None if entry.end == OPEN else iso_time(entry.end / 1_000_000),
        columns.reason: entry.reason,
    }
