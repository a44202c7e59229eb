"""Counts for Prometheus what became of the events of a request, live or replayed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from graphs.protocol.records import IncidentRecord, LabelRecord, MaintenanceRecord, TelemetryRecord
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from graphs.protocol.telemetry_columns import columns_of
from graphs.state.journal import TOLD
from graphs.state.serving_metrics import ServingMetrics


def count_request(metrics: ServingMetrics, request: Request) -> None:
    """Count the events of a request that all steps have handled."""
    if request.kind is Kind.TELEMETRY:
        _telemetry(metrics, request)
    elif request.kind in (Kind.LABELS, Kind.INCIDENTS):
        _labels(metrics, request)
        _unnamed(metrics, request.labels, Kind.INCIDENTS)
    elif request.kind is Kind.MAINTENANCE:
        for status, count in _by_status(request.maintenance).items():
            metrics.maintenance.labels(status).inc(count)
        _unnamed(metrics, request.maintenance, Kind.MAINTENANCE)


def count_journaled(metrics: ServingMetrics, request: Request) -> None:
    """Count the events of an entry of the journal, unless the history told them or another schema did.

    What an endpoint of another schema accepted was counted there, and answered by another model.
    """
    if request.kind not in TOLD and not request.of_other_schema:
        count_request(metrics, request)


def _telemetry(metrics: ServingMetrics, request: Request) -> None:
    columns = columns_of(request.telemetry)
    if columns is not None:  # Nothing is out of range in them.
        for status, number in Counter(columns.statuses).items():
            metrics.events.labels(status).inc(number)
        return
    for status, count in _by_status(request.telemetry).items():
        metrics.events.labels(status).inc(count)
    for record in request.telemetry:
        for metric in record.event.out_of_range:
            metrics.out_of_range.labels(metric).inc()
    count_refused(metrics, request)


def count_refused(metrics: ServingMetrics, request: Request) -> None:
    """Count the readings of a request that broke a rule; one that was sent alone is answered without them."""
    if request.errors and request.kind is Kind.TELEMETRY:
        metrics.events.labels("refused").inc(len(request.errors))


def _labels(metrics: ServingMetrics, request: Request) -> None:
    labels = [record for record in request.labels if isinstance(record, LabelRecord)]
    incidents = [record for record in request.labels if isinstance(record, IncidentRecord)]
    for status, count in _by_status(labels).items():
        metrics.labels.labels(status).inc(count)
    for status, count in _by_status(incidents).items():
        metrics.incidents.labels(status).inc(count)


def _unnamed(
    metrics: ServingMetrics, records: Iterable[LabelRecord | IncidentRecord | MaintenanceRecord], kind: Kind
) -> None:
    """Count scopes that name no registered device."""
    count = sum(not isinstance(record, LabelRecord) and record.devices == 0 for record in records)
    if count:
        metrics.unnamed.labels(kind.value).inc(count)


def _by_status(
    records: Iterable[TelemetryRecord | LabelRecord | IncidentRecord | MaintenanceRecord],
) -> dict[str, int]:
    """Number of records of each status. A ``Counter`` takes ten times as long for a single event."""
    counts: dict[str, int] = {}
    for record in records:
        counts[record.status] = counts.get(record.status, 0) + 1
    return counts
