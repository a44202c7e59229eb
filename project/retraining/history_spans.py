"""Incidents that the history of a project has, where the loop counts error episodes."""

from __future__ import annotations

from collections.abc import Iterable

from feature_sets.feature_vector import ALL_FEATURES
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans


def history_spans(project: str, schema: TelemetrySchema, keys: Iterable[str]) -> IncidentSpans:
    """Spans of the incidents of some devices; those that an endpoint was told since are not among them.

    :param keys: of the devices.
    """
    if not schema.labels.has_incidents:
        return NO_INCIDENTS
    # What looks at the loop alone is to start fast.
    from training.dataset.label_history import read_incident_spans

    return read_incident_spans(f"store://feature-vectors/{project}/{ALL_FEATURES}", schema, keys)
