"""Checked telemetry into the three feature sets in place of what they held, with a count of every row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import mlrun.feature_store as fstore
import pandas as pd
from mlrun.data_types.infer import InferOptions

from feature_sets.device_labels import device_labels, plain_integers, within_population
from feature_sets.device_metrics import STOREY, VECTORIZED, check_engine, device_metrics
from feature_sets.devices import as_names, devices
from feature_sets.groups import Groups
from feature_sets.ingestion.device_history import DeviceChanges, device_changes, ingest_devices
from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.label_history import made_labels
from feature_sets.ingestion.label_state import LabelState
from feature_sets.ingestion.maintenance_history import intervals_of, with_calendar
from feature_sets.ingestion.storey_ingest import ingest_with_storey
from feature_sets.ingestion.topology_history import attachments
from feature_sets.ingestion.vectorized_ingest import Contents, ingest_vectorized
from feature_sets.labels.derived_labels import Told, derived_labels
from feature_sets.labels.horizon import with_target
from feature_sets.labels.maintenance import with_maintenance
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.intervals import Intervals
from feature_sets.telemetry.links import following
from feature_sets.telemetry.readings import Readings
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.schema_content import UNITS, units_of
from feature_sets.windows.event_status import QUARANTINED, TOO_LATE

METRIC_OPTIONS = InferOptions.schema() + InferOptions.all_stats() - InferOptions.Index


def ingest_telemetry(
    rows: Telemetry,
    schema: TelemetrySchema,
    engine: str = VECTORIZED,
    source: str = "",
    read: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Ingest checked telemetry into ``devices``, ``device_metrics`` and ``device_labels``.

    The offline target of the metrics gets every row, with its windows as of its event time; the online target
    each device's newest row. What they held is replaced; ``append_telemetry`` adds to it.

    :param engine: what fills ``device_metrics`` and ``device_labels``; both leave the same behind, but rows
        can only be added to what the vectorized one left.
    :param source: where the rows come from, for those who add to them.
    :param read: table -> what was read of the source.
    :returns: rows that each feature set took: ``devices``, ``rows_ingested``, ``label_rows``; with an
        arrival time in the schema ``rows_too_late`` and ``rows_quarantined``, those left out because of it;
        with counters ``without_rate``, how many readings of each have no rate; with neighbors or peers
        ``without_others``, how many rows have none of their values.
    :raises IngestError: if a row of the metrics did not arrive.
    """
    check_engine(engine)
    feature_set = device_metrics(schema, engine)
    changes = device_changes(rows, schema, None, None)
    readings = rows.all_readings(schema.time)
    calendar = intervals_of(schema, rows.maintenance or {}, changes.attributes)
    state = LabelState.of(None, schema).told(rows, schema)
    if engine == STOREY:
        return _with_storey(feature_set, rows, readings, schema, changes, state, calendar)
    contents = _contents(rows, schema, changes, source, read or {})
    ingest_devices(schema, changes, None, contents["static"])
    done = ingest_vectorized(feature_set, readings, METRIC_OPTIONS, schema.arrival, contents["metrics"])
    label_contents, given = contents["labels"], rows.labels
    if schema.labels.is_derived:
        stored = StoredHistory.of(feature_set)
        state = state.at_readings(stored, changes.attributes, schema)
        label_contents = replace(label_contents, attachments=state.attachments())
        given = made_labels(state, stored, changes.attributes, schema) if stored else given.head(0)
    labels = _label_rows(given, schema, changes.attributes, calendar)
    ingest_vectorized(device_labels(schema), labels, contents=label_contents)
    left_out: dict[str, int] = {}
    if schema.arrival is not None:
        left_out = {f"rows_{name}": done.left_out.get(name, 0) for name in (TOO_LATE, QUARANTINED)}
    _check_all(done.rows, sum(left_out.values()), len(readings))
    rates: dict[str, Any] = {"without_rate": dict(done.without_rate)} if schema.counter_metrics else {}
    rates |= {"without_others": dict(done.without_others)} if schema.group_features else {}
    counts = {"devices": len(rows.static), "rows_ingested": done.rows}
    return {**counts, **left_out, **rates, "label_rows": len(labels)}


def _with_storey(
    feature_set: fstore.FeatureSet,
    rows: Telemetry,
    readings: Readings,
    schema: TelemetrySchema,
    changes: DeviceChanges,
    state: LabelState,
    calendar: Intervals,
) -> dict[str, Any]:
    """The same with MLRun's own engine; the schema has nothing that it cannot compute."""
    metrics = KeyedRows.of(readings.frame(), DEVICE, schema.time).in_event_order()
    devices(schema, rows.static).ingest(as_names(rows.static, schema.static), return_df=False)
    ingested = ingest_with_storey(feature_set, metrics.frame, schema)
    told = Told(state.statements, state.incidents, changes.attributes)
    given = derived_labels(metrics, told, schema) if schema.labels.is_derived else rows.labels
    labels = _label_rows(given, schema, changes.attributes, calendar)
    device_labels(schema).ingest(labels, return_df=False)
    _check_all(ingested, 0, len(readings))
    return {"devices": len(rows.static), "rows_ingested": ingested, "label_rows": len(labels)}


def _contents(
    rows: Telemetry, schema: TelemetrySchema, changes: DeviceChanges, source: str, read: Mapping[str, Any]
) -> dict[str, Contents]:
    """What the history of each table is made of."""
    contents = {
        table: Contents(recorded_schema(schema), {source: read.get(table, {})} if source else {})
        for table in ("static", "metrics", "labels")
    }
    labels, links = contents["labels"], following(rows.links, {}, None)
    sources = with_calendar(schema, labels.sources, {}, source, rows.maintenance, changes.attributes)
    groups = Groups(schema, links, changes.attributes)
    return {
        **contents,
        "labels": replace(labels, sources=sources),
        "metrics": replace(contents["metrics"], attachments=attachments(schema, links), groups=groups),
    }


def _check_all(ingested: int, left_out: int, read: int) -> None:
    """Raise IngestError unless every row was ingested, or left out because of its arrival time."""
    if ingested + left_out != read:
        raise IngestError(f"every row must be ingested, got {ingested} of {read}; see the log")


def _label_rows(
    given: pd.DataFrame, schema: TelemetrySchema, attributes: pd.DataFrame, calendar: Intervals
) -> pd.DataFrame:
    """Label rows of devices in the population with what is predicted, in the order of time."""
    labels = with_maintenance(within_population(schema, given, attributes), schema, calendar)
    labels = with_target(labels, schema)
    return plain_integers(labels.sort_values([schema.time, DEVICE], kind="stable", ignore_index=True))


def recorded_schema(schema: TelemetrySchema, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What of a schema the rows of a history depend on: all but its split. Units are a field of their own.

    :param before: what was recorded of the history.
    """
    content = schema.history_content()
    if units := units_of(content, before):
        content[UNITS] = units
    for metric in content["metrics"].values():
        metric.pop("unit", None)
    # As the manifest gives it back.
    recorded: dict[str, Any] = json.loads(json.dumps(content, default=str))
    return recorded
