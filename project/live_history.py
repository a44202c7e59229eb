"""From the journal of an endpoint into the history: what it accepted, each row once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import mlrun
import numpy as np
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.ingestion.history.held_rows import held_rows
from feature_sets.ingestion.label_state import LabelState, Retold
from feature_sets.ingestion.live_units import live_unit_warnings
from feature_sets.ingestion.maintenance_history import LIVE, calendar_of
from feature_sets.ingestion.telemetry_append import TelemetryAppended, append_telemetry, dropped_warning
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.calendar import Calendar
from feature_sets.telemetry.repeated_rows import contradicting, first_contradiction, repeated
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.event_status import TOO_LATE
from graphs.initializer import SETTINGS
from graphs.serving_graph import journal_key
from graphs.state.accepted_entries import AcceptedEntries, accepted_entries
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.journal import TOLD
from graphs.state.placed_labels import placed_labels
from graphs.state.settings import ServingSettings
from project.function_names import SERVING
from project.live_incidents import live_incidents
from project.live_rows import LiveRows, as_id, just_before, live_rows
from project.passed_contradictions import passed_contradictions
from project.refused_labels import without_refused
from project.schema_change_text import anew_lines, lacking_by_metric
from project.settings import Settings
from project.streams_check import check_streams
from project.too_late_readings import newest_before
from project.untold_warnings import UntoldWarnings

COUNTS = (
    *("readings", "readings_new", "readings_known", "readings_too_late", "readings_quarantined"),
    *("readings_of_other_schema", "readings_read_anew", "readings_of_other_entity"),
    *("readings_conflicting", "readings_rewritten", "rows_dropped", "late_readings"),
    *("labels", "labels_new", "labels_known", "labels_quarantined", "labels_of_other_column"),
    *("labels_of_other_entity", "label_rows_new"),
    *("labels_outside_population", "labels_conflicting", "labels_changed", "labels_rewritten"),
    *("incidents", "incidents_quarantined", "incidents_unknown", "incidents_waiting"),
    "incidents_conflicting",
    *("maintenance_changes", "devices_unknown"),
)
"""Counts of the job; ``readings`` and ``labels`` are the sums of new, known and those left out."""

CLOCKS_APART_SECONDS = 3600
"""How far the clocks of an endpoint and of its journal may be apart."""
_TABLES = ("metrics", "labels")
_SHOWN = 5
"""Conflicts that are told at most."""


@dataclass(frozen=True)
class LiveJournal:
    """Where what an endpoint accepts is kept.

    :param function: name of the serving function.
    :param url: of Redis; empty if there is none.
    :param key: prefix of the journal's keys.
    :param archive: folder of its archive.
    :param label_deadline: in seconds, see ``ServingSettings``.
    """

    function: str
    url: str
    key: str
    archive: Path
    label_deadline: float = ServingSettings.label_deadline_seconds

    def accepted(self, after: EntryId) -> AcceptedEntries:
        """What the endpoint accepted after an id.

        :raises ApiError: if the journal cannot be read.
        :raises OSError: if a file of the archive cannot be read.
        """
        return accepted_entries(self.url, self.key, self.archive, after)

    def arrived_since(self, seconds: float) -> AcceptedEntries:
        """What arrived since a time, with some of what came shortly before; errors as of ``accepted``.

        An entry is made after the arrival of its events, by a clock of its own. Archives before are not read.

        :param seconds: since the epoch.
        """
        begin = max(0, int((seconds - CLOCKS_APART_SECONDS) * 1000))
        return self.accepted((begin, 0))

    @classmethod
    def of(cls, project: str, settings: Settings) -> LiveJournal:
        """Of the endpoint of a project that sees real traffic.

        :raises InputError: see ``check_streams``.
        """
        check_streams(settings)
        return cls(
            SERVING,
            settings.redis_url or mlrun.mlconf.redis.url or "",
            journal_key(project, SERVING),
            settings.accepted_events(project),
            _label_deadline(project),
        )


def _label_deadline(project: str) -> float:
    """The one that the endpoint was deployed with; where none ever was, there is no journal to read."""
    try:
        function = mlrun.get_run_db().get_function(SERVING, project)
    except mlrun.errors.MLRunNotFoundError:
        function = None
    if function is None:  # MLRun's client gives that without an API.
        return ServingSettings.label_deadline_seconds
    return float(function["spec"]["parameters"][SETTINGS]["label_deadline_seconds"])


@dataclass(frozen=True)
class _Mark:
    """How far a journal was read.

    :param position: id of the last entry.
    :param arrived: arrival of its last reading, microseconds.
    :param again: what to begin behind as soon as there are more devices; None if nothing waits for them.
    :param again_arrived: the same as ``arrived``, there.
    :param devices: how many devices were known then.
    """

    position: EntryId = BEFORE_ALL
    arrived: int = 0
    again: EntryId | None = None
    again_arrived: int = 0
    devices: int = 0

    @classmethod
    def of(cls, history: TelemetryHistory, table: str, function: str) -> _Mark:
        """As a history has it."""
        content = history.read(table, LIVE).get("functions", {}).get(function)
        if content is None:
            return cls()
        again = as_id(content["again"]) if content["again"] else None
        return cls(**{**content, "position": as_id(content["position"]), "again": again})

    def start(self, devices: int) -> tuple[EntryId, int]:
        """What to begin behind, and the arrival of the reading there."""
        if self.again is not None and devices > self.devices:
            return self.again, self.again_arrived
        return self.position, self.arrived

    def after(
        self, found: LiveRows, history: TelemetryHistory, schema: TelemetrySchema, position: EntryId
    ) -> dict[str, Any]:
        """What the manifest says of the journal when these rows are in the history."""
        known = history.device_keys
        mark = _Mark(position, found.arrived, devices=len(known))
        waiting = ~found.rows.labels[DEVICE].isin(known).to_numpy()
        if self.again is not None and len(known) <= self.devices:
            mark = replace(mark, again=self.again, again_arrived=self.again_arrived)
        elif schema.population and waiting.any():
            # Whether a label counts is not known before its device is.
            entry, arrived = found.label_entries[int(np.argmax(waiting))]
            mark = replace(mark, again=just_before(entry), again_arrived=arrived)
        return asdict(mark)


def taken_until(history: TelemetryHistory, function: str) -> int:
    """Arrival of the last reading of an endpoint that was looked at, microseconds; 0 before the first."""
    return _Mark.of(history, "metrics", function).arrived


def labels_taken_until(history: TelemetryHistory, journal: LiveJournal) -> float:
    """Arrival up to which the history has every label that was accepted, microseconds; infinite if all.

    :raises ApiError: if the journal cannot be read.
    :raises OSError: if a file of the archive cannot be read.
    """
    mark = _Mark.of(history, _TABLES[-1], journal.function)
    if mark.again is not None:  # Labels wait for their device.
        return mark.again_arrived
    newer = journal.accepted(mark.position).new
    return math.inf if all(entry.kind in TOLD for entry in newer) else mark.arrived


def take_live(
    journal: LiveJournal, schema: TelemetrySchema, untold: UntoldWarnings | None = None
) -> dict[str, Any]:
    """Add to the history what an endpoint accepted since this was done last.

    What was taken is kept with the rows, so a call that failed, or was killed, is made good by the next one.

    :param untold: keeps warnings for whoever calls until they are told; None keeps none.
    :returns: results of the job: counts, ``metrics_lacking`` (metric -> readings of another schema that have
        none), ``watermark``, ``report_lines``.
    :raises InputError: if there is something and no history of this schema to add it to.
    :raises ApiError: if the journal cannot be read.
    """
    history = TelemetryHistory.of(schema)
    marks = [_Mark.of(history, table, journal.function) for table in _TABLES] if history else [_Mark()]
    devices = len(history.device_keys) if history else 0
    after, arrived = min(mark.start(devices) for mark in marks)
    last = max(mark.position for mark in marks)
    entries = placed_labels(journal.accepted(after), schema.reading_columns)
    if all(entry.kind in TOLD for entry in entries.new):
        return {**dict.fromkeys(COUNTS, 0), "report_lines": ["live: nothing new", *_warned([], untold)]}
    if history is None:
        rule = "must have been begun by 'netops ingest' before what arrived live is added"
        raise InputError("history", rule, "none")
    found, refused = without_refused(
        live_rows(entries, schema, arrived, newest_before(entries, journal.archive, schema)),
        entries,
        journal.archive,
        schema,
        history.attributes,
        journal.label_deadline,
    )
    mark = marks[-1].after(found, history, schema, max(found.position, last))
    read = {
        table: {"functions": {**history.read(table, LIVE).get("functions", {}), journal.function: mark}}
        for table in _TABLES
    }
    incidents = None
    rows = found.rows
    if schema.labels.has_incidents:
        known = LabelState.of(history.labels, schema, with_log=False).incidents
        incidents = live_incidents(known, found.incidents, schema)
        rows = replace(rows, incidents=incidents.part)
    # Of the history as it is before they are added.
    unknown = set(found.rows.metrics[DEVICE]) - history.device_keys
    late, too_late = (_new_ones(rows_of, history, schema) for rows_of in (found.late, found.too_late))
    rows = replace(rows, maintenance=_calendar(found, history, schema))
    units = live_unit_warnings(history.metrics, schema, found.rows.metrics)
    if untold is not None:
        untold.keep(units)
    done = append_telemetry(rows, schema, history, LIVE, read)
    repeats = _repeats(found.rows.metrics, schema)
    passed = passed_contradictions(found.passed, schema)
    counts = {
        **found.counts,
        "late_readings": late,
        # A file may have brought what the endpoint had forgotten, or never had.
        "readings_too_late": too_late,
        "readings_taken_before": found.counts["readings_taken_before"] + len(found.too_late) - too_late,
        **_label_counts(found, refused, done, schema),
        "incidents": len(found.incidents),
        "incidents_quarantined": incidents.quarantined if incidents else 0,
        "incidents_unknown": incidents.unknown if incidents else len(found.incidents),
        "incidents_waiting": incidents.waiting if incidents else 0,
        "devices_unknown": len(unknown),
        "maintenance_changes": len(found.maintenance),
    }
    metrics = replace(
        done.metrics,
        conflicting=done.metrics.conflicting + len(repeats) + len(passed),
        conflicts=[*done.metrics.conflicts, *repeats, *passed][:_SHOWN],
    )
    results = _results(counts, replace(done, metrics=metrics), schema, found.position)
    first, *others = results["report_lines"]
    return {
        **results,
        "metrics_lacking": lacking_by_metric(found),
        "report_lines": [first, *anew_lines(found), *_warned(units, untold), *others],
    }


def _warned(units: Sequence[str], untold: UntoldWarnings | None) -> list[str]:
    """Lines that warn of units, also of those that a call before was killed over."""
    earlier = untold.earlier(units) if untold is not None else []
    return [f"live: warning: {each}" for each in (*earlier, *units)]


def _label_counts(
    found: LiveRows, refused: int, done: TelemetryAppended, schema: TelemetrySchema
) -> dict[str, int]:
    """Labels that count for nothing: of devices outside the population, or against what was said before.

    :param refused: labels that an incident contradicts.
    """
    taken = done.labels.new + done.labels.known + done.labels.duplicates
    if done.retold is not None:  # Of those that belong to no reading of the population nothing is made.
        taken = done.retold.new + done.retold.known
    return {
        "labels_outside_population": len(found.rows.labels) - taken,
        "labels_contradicting": refused if done.retold else _contradicting(found.rows.labels, schema),
    }


def _calendar(found: LiveRows, history: TelemetryHistory, schema: TelemetrySchema) -> Calendar | None:
    """The entries that endpoints accepted, with the changes found; None if there are none."""
    if not found.maintenance or schema.maintenance is None:
        return None
    known = {LIVE: history.read("labels", LIVE)}
    entries = calendar_of(known)
    for change in found.maintenance:
        if change.entry is None:
            entries.pop(change.id, None)
        else:
            entries[change.id] = change.entry
    return entries


def _new_ones(readings: pd.DataFrame, history: TelemetryHistory, schema: TelemetrySchema) -> int:
    """How many readings, given by device and time, the history does not have."""
    if history.metrics is None or not len(readings):
        return len(readings)
    places, _ = held_rows(history.metrics, KeyedRows.of(readings, DEVICE, schema.time))
    return int(np.count_nonzero(places < 0))


def _contradicting(labels: pd.DataFrame, schema: TelemetrySchema) -> int:
    """How many labels say something else than the first one here of their device and time."""
    first = labels.groupby([DEVICE, schema.time], sort=False)[schema.label].transform("first")
    return int((labels[schema.label] != first).sum())


def _repeats(metrics: pd.DataFrame, schema: TelemetrySchema) -> list[dict[str, Any]]:
    """Readings that say something else than the first one here of their device and time."""
    rows, kept = repeated(metrics[[DEVICE, schema.time]])
    values = {name: metrics[name] for name in schema.reading_columns}
    other = contradicting(values, rows, kept)
    found = []
    for row, stays in zip(rows[other].tolist(), kept[other].tolist(), strict=True):
        shown = first_contradiction(values, np.array([row]), np.array([stays]), np.zeros(1, dtype=np.int64))
        key = {"key": metrics[DEVICE].iloc[row], "time": metrics[schema.time].iloc[row].isoformat()}
        kept_value, given = (plain_value(metrics[shown.column].iloc[place]) for place in (stays, row))
        found.append({**key, "column": shown.column, "kept": kept_value, "given": given})
    return found


def plain_value(value: Any) -> Any:
    """A value as JSON has it; None where there is none."""
    return None if pd.isna(value) else getattr(value, "item", lambda: value)()


def _results(
    counts: Mapping[str, int], done: TelemetryAppended, schema: TelemetrySchema, position: EntryId
) -> dict[str, Any]:
    metrics, labels = done.metrics, done.labels
    retold = done.retold or Retold(labels.new, labels.known + labels.duplicates, labels.conflicting)
    results = {
        **{name: count for name, count in counts.items() if name in COUNTS},
        "readings_new": metrics.new,
        "readings_known": metrics.known + metrics.duplicates + counts["readings_taken_before"],
        "readings_too_late": counts["readings_too_late"] + metrics.left_out.get(TOO_LATE, 0),
        "readings_conflicting": metrics.conflicting,
        "readings_rewritten": metrics.rewritten,
        "rows_dropped": metrics.dropped,
        "labels_new": retold.new,
        "label_rows_new": labels.new,
        "labels_known": retold.known,
        "labels_conflicting": retold.conflicting + counts["labels_contradicting"],
        "labels_changed": labels.changed,
        "incidents_conflicting": done.contradicted.count,
        "labels_rewritten": labels.rewritten,
        "rows_ingested": metrics.rows,
        "label_rows": labels.rows,
        "last_event": metrics.last,
        "conflicts": done.conflicts,
        "watermark": {"source": LIVE, "position": list(position)},
    }
    lines = _lines(results, schema) + done.lines()
    if warning := dropped_warning(metrics.dropped):
        lines.append(f"live: warning: {warning}")
    return {**results, "report_lines": lines}


def _lines(results: Mapping[str, Any], schema: TelemetrySchema) -> list[str]:
    """The account of a job, for people."""
    accepted = f"{results['readings']:,} readings and {results['labels']:,} labels"
    if results["incidents"]:
        accepted = f"{accepted}, and {results['incidents']:,} incidents,"
    lines = [f"live: {accepted} that the endpoint accepted were looked at"]
    reasons = {
        "readings_known": "readings sent again, or in the history already",
        "labels_known": "labels sent again, or in the history already",
        "labels_conflicting": "labels say something else than the one before, which stays",
        "readings_quarantined": "readings left out: from the future when they arrived",
        "readings_too_late": "readings left out: too late when they arrived",
        "readings_of_other_schema": "readings left out: of a schema with none of these metrics",
        "readings_of_other_entity": "readings left out: their device has fewer columns than the entity",
        "labels_quarantined": "labels left out: from the future when they arrived",
        "labels_of_other_column": (
            f"labels left out: not of '{schema.label}', from which the history makes what is predicted"
        ),
        "labels_of_other_entity": "labels left out: their device has fewer columns than the entity",
        "incidents_quarantined": "incidents left out: from the future when they arrived",
        "incidents_unknown": "incidents left out: they would end before they start",
        "incidents_waiting": "incidents have no start or no device yet, and count once both came",
        "labels_outside_population": "labels left out: of devices outside the population",
        "late_readings": (
            "readings were late; the schema has no arrival, so the history takes them in order of time and "
            "its windows differ from those that were served"
        ),
        "devices_unknown": "devices are not registered; see netops devices",
        "maintenance_changes": "changes of the calendar of maintenance",
    }
    return lines + [f"  {results[name]:,} {text}" for name, text in reasons.items() if results[name]]
