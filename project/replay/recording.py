"""Readings and labels of a stretch of time, out of the history of a project, by when they became known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import mlrun.feature_store as fstore
import pandas as pd
import pyarrow as pa

from feature_sets import device_labels, device_metrics
from feature_sets.device_labels import within_population
from feature_sets.ingestion.history.held_rows import held_rows
from feature_sets.ingestion.history.manifest import HistoryFile
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.label_state import LabelState
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.rows.stored_rows import in_utc
from feature_sets.rows.whole_numbers import to_frame
from feature_sets.telemetry.incident_rows import KNOWN as INCIDENT_KNOWN
from feature_sets.telemetry.incident_rows import START
from feature_sets.telemetry.maintenance_columns import IN_MAINTENANCE
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.errors import NetopsError
from project.replay.recorded_incidents import incidents_between
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans

KNOWN = "(known)"
"""Column with the time at which a row became known; no schema can have a column of this name."""

LABEL_DELAY_SECONDS = 60.0
"""How long after its event, and after the horizon, a label is taken to have become known."""

_LOOK_BACK = pd.Timedelta(days=1)
"""How far before a stretch its labels are read, to tell an error that began before it."""


@dataclass(frozen=True)
class Recording:
    """What became known in a stretch of time [start, end).

    :param metrics: device, event time, arrival where the schema has it, readings, and ``KNOWN``: the arrival
        or, where nobody knows it, the event time.
    :param labels: device, event time, label, what is predicted of it, columns that exclude it, and ``KNOWN``:
        the event time, later by the horizon and the delay of labels.
    :param label_history: what labels said of errors by the end, of times since a day before the start.
    :param incidents: those of that time, see ``incident_types``; None if labels are no incidents.
    :param spans: of these, by device.
    """

    metrics: pd.DataFrame
    labels: pd.DataFrame
    label_history: pd.DataFrame
    incidents: pd.DataFrame | None = None
    spans: IncidentSpans = NO_INCIDENTS

    def of_population(self, schema: TelemetrySchema) -> Recording:
        """The same of the devices that the schema's population names, in the current project."""
        history = TelemetryHistory.of(schema) if schema.population else None
        static = history.attributes if history is not None else None
        if static is None:
            return self
        metrics, labels, label_history = (
            within_population(schema, rows, static)
            for rows in (self.metrics, self.labels, self.label_history)
        )
        return replace(self, metrics=metrics, labels=labels, label_history=label_history)


def read_recording(
    schema: TelemetrySchema,
    start: pd.Timestamp,
    end: pd.Timestamp,
    label_delay_seconds: float = LABEL_DELAY_SECONDS,
) -> Recording:
    """What became known in [start, end), out of the history of the current project. Nothing is written.

    :param label_delay_seconds: how long after its event, and after the horizon, a label became known.
    :raises InputError: if the history was ingested in a way that is not read here.
    :raises NetopsError: if there is no history, or no reading in that time.
    """
    arrival = schema.arrival or schema.time
    tolerance = pd.Timedelta(schema.windows.future_tolerance)
    metrics = _rows(
        device_metrics.device_metrics(schema),
        dict.fromkeys((schema.time, arrival)),
        schema.reading_columns,
        lambda file: file.arrived >= _micros(start) and file.first < _micros(end + tolerance),
    )
    metrics = metrics.assign(**{KNOWN: metrics[arrival]})
    metrics = metrics[(metrics[KNOWN] >= start) & (metrics[KNOWN] < end)]
    if metrics.empty:
        raise NetopsError(_no_readings(schema, start, end))
    delay = pd.Timedelta(seconds=label_delay_seconds + schema.horizon_seconds)
    back = start - _LOOK_BACK - delay
    marks = [IN_MAINTENANCE] if schema.maintenance is not None else []
    columns = dict.fromkeys([schema.label, schema.target, *schema.exclude_labels, *marks])
    labels = _rows(
        device_labels.device_labels(schema),
        {schema.time: None},
        [name for name in columns if name != schema.time],
        lambda file: file.last >= _micros(back) and file.first < _micros(end),
    )
    labels = labels.assign(**{KNOWN: labels[schema.time] + delay})
    known = _at_readings(labels[(labels[KNOWN] >= start) & (labels[KNOWN] < end)], schema)
    # Whether a device is in error is known before the horizon has passed.
    told = labels[schema.time] + pd.Timedelta(seconds=label_delay_seconds) < end
    history = labels[(labels[schema.time] >= back) & told]
    metrics, known, history = (rows.reset_index(drop=True) for rows in (metrics, known, history))
    incidents = _incidents(schema, start, end)
    return Recording(metrics, known, history, incidents, _spans(incidents, history, schema))


def _incidents(schema: TelemetrySchema, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame | None:
    """Incidents of a stretch of time, those that began or were known later left out."""
    if not schema.labels.has_incidents:
        return None
    stored = StoredHistory.of(device_labels.device_labels(schema))
    rows = LabelState.of(stored, schema, with_log=False).incidents
    rows = rows[(rows[START] < end) & ~(rows[INCIDENT_KNOWN] >= end)]
    return incidents_between(rows, schema, _micros(start - _LOOK_BACK), _micros(end))


def _spans(incidents: pd.DataFrame | None, labels: pd.DataFrame, schema: TelemetrySchema) -> IncidentSpans:
    history = TelemetryHistory.of(schema) if incidents is not None else None
    if incidents is None or history is None:
        return NO_INCIDENTS
    return IncidentSpans.of(incidents, labels[DEVICE].unique(), history.attributes, schema)


def _at_readings(labels: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    """Labels that are told by themselves: of errors now not those of incidents whose device is silent."""
    stored = StoredHistory.of(device_metrics.device_metrics(schema))
    has_others = schema.labels.has_incidents and bool(schema.further_horizons) and not schema.horizon_seconds
    if stored is None or not has_others or not len(labels):
        return labels
    return labels[held_rows(stored, KeyedRows.of(labels, DEVICE, schema.time))[0] >= 0]


def _rows(
    feature_set: fstore.FeatureSet,
    times: dict[str, None],
    columns: Sequence[str],
    chosen: Callable[[HistoryFile], bool],
) -> pd.DataFrame:
    """Rows of the chosen files: device, times in UTC, columns."""
    history = StoredHistory.of(feature_set)
    if history is None:
        raise NetopsError(
            f"project '{feature_set.metadata.project}' must have a history to replay, got none; "
            "add telemetry with 'netops ingest' or 'netops run'"
        )
    wanted = [DEVICE, *times, *columns]
    known = {DEVICE, *times, *history.record.spec.features.keys()}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise NetopsError(
            f"history must hold {', '.join(missing)}, which the model predicts from; it has another schema. "
            "'netops run' trains a model for the telemetry that is there"
        )
    files = [file for file in history.manifest.files if chosen(file)]
    tables = [history.folder.read(file.path, wanted).select(wanted) for file in files]
    if not tables:
        empty = pd.DataFrame({name: [] for name in wanted})
        return empty.astype(dict.fromkeys(times, "datetime64[ns, UTC]"))
    frame = to_frame(
        pa.concat_tables(
            [table.replace_schema_metadata(None) for table in tables], promote_options="permissive"
        )
    )
    for time in times:
        frame = in_utc(frame, time)
    return frame.astype({DEVICE: str})


def _micros(moment: pd.Timestamp) -> int:
    return moment.value // 1000


def _no_readings(schema: TelemetrySchema, start: pd.Timestamp, end: pd.Timestamp) -> str:
    history = StoredHistory.of(device_metrics.device_metrics(schema))
    manifest = history.manifest if history is not None else None
    extent = "none at all"
    if manifest is not None and manifest.first is not None and manifest.last is not None:
        first, last = (pd.Timestamp(at, unit="us", tz="UTC") for at in (manifest.first, manifest.last))
        extent = f"those of {first.isoformat()} to {last.isoformat()}"
    # Readings of a live endpoint arrived when their request did, however old they were.
    by = f", by the time at which they arrived ({schema.arrival})" if schema.arrival else ""
    extent += " by event time" if schema.arrival and manifest is not None else ""
    return f"history must hold readings from {start.isoformat()} to {end.isoformat()}{by}, got {extent}"
