"""Checked telemetry into the three feature sets in addition to what they hold, with a count of every row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from feature_sets.checks import InputError
from feature_sets.device_labels import device_labels, plain_integers, within_population
from feature_sets.device_metrics import device_metrics
from feature_sets.ingestion.absent_values import group_lines, rate_lines
from feature_sets.ingestion.added_calendar import check_scope, with_empty_calendar
from feature_sets.ingestion.append import Appended, prepare_rows
from feature_sets.ingestion.appended_readings import prepare_readings
from feature_sets.ingestion.device_history import DeviceChanges, device_changes, ingest_devices
from feature_sets.ingestion.history.computed import ComputedColumns
from feature_sets.ingestion.history.horizon_target import HorizonTarget
from feature_sets.ingestion.history.label_columns import LabelColumns
from feature_sets.ingestion.history.merged_rows import Accepted
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.label_history import append_labels
from feature_sets.ingestion.label_state import LabelState, Retold
from feature_sets.ingestion.maintenance_history import CalendarChange, Sources, with_calendar
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.ingestion.telemetry_ingest import METRIC_OPTIONS, recorded_schema
from feature_sets.ingestion.topology_history import with_links
from feature_sets.ingestion.vectorized_ingest import Contents
from feature_sets.labels.contradicted import Contradicted, contradicted
from feature_sets.labels.withdrawn import Withdrawn, withdrawn
from feature_sets.telemetry.alarm_rows import rows_that
from feature_sets.telemetry.cell_text import shown
from feature_sets.telemetry.each_horizon import ahead_targets
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.schema_content import CALENDAR, changed_unit, gets_calendar, rows_depend_on


@dataclass(frozen=True)
class TelemetryAppended:
    """What became of telemetry that was added to a history.

    :param metrics: of the readings.
    :param labels: of the labels of devices in the population.
    :param devices: of the devices.
    :param retold: of labels that are rows, where label rows are made of what was told.
    :param contradicted: incidents of files that end otherwise than was sent live.
    :param unraised: rows of alarm logs in the history that clear what is not raised; None without a log.
    :param withdrawn: what files had said of incidents, and say no more.
    """

    metrics: Appended
    labels: Appended
    devices: DeviceChanges
    retold: Retold | None = None
    contradicted: Contradicted = field(default_factory=Contradicted)
    unraised: int | None = None
    withdrawn: Withdrawn = field(default_factory=Withdrawn)

    @property
    def conflicts(self) -> list[Mapping[str, Any]]:
        """Some of the rows that say something else than what stays."""
        labels = self.labels.conflicts if self.retold is None else self.retold.conflicts
        return [*self.metrics.conflicts, *labels, *self.contradicted.samples]

    def lines(self, warned: bool = False) -> list[str]:
        """What is worth knowing, for people.

        :param warned: whether ``conflict_warning`` and ``further_conflicts`` tell of readings in conflict.
        """
        out = []
        for name, done in (("metrics", self.metrics), ("labels", self.labels)):
            out.append(self._counted(name, done))
            out += [f"  {line}" for line in rate_lines(done.without_rate, done.new)]
            out += [f"  {line}" for line in group_lines(done.without_others, done.new)]
            if done.rewritten:
                out.append(
                    f"  {done.rewritten:,} earlier rows computed anew, because of rows that came later: "
                    f"back to {done.rewritten_from}"
                )
            if done.changed:
                out.append(f"  {done.changed:,} earlier labels are others now: back to {done.changed_from}")
            if done.dropped:
                why = (
                    "nobody says what they are now" if name == "labels" else "with these, they were too late"
                )
                out.append(f"  {done.dropped:,} earlier rows left out: {why}")
            if warned and name == "metrics":
                continue
            if done.conflicting:
                out.append(f"  {done.conflicting:,} rows say something else than the history, which stays:")
            out += _conflict_lines(done.conflicts)
        out += self.contradicted.lines()
        if self.unraised:
            clear = rows_that(self.unraised, "clear")
            out.append(f"alarm log: {clear} what is not raised, of all in the history now")
        return out + [f"static: {line}" for line in self.devices.lines()]

    def _counted(self, name: str, done: Appended) -> str:
        """What was new of a table."""
        if name == "labels" and self.retold is not None:
            told = f"{self.retold.new:,} new, {self.retold.known:,} told already"
            return f"labels: {told}; {done.new:,} rows made at readings, {done.rows:,} in the history now"
        known = f"{done.known:,} in the history already"
        return f"{name}: {done.new:,} new rows, {known}, {done.rows:,} in it now"


def dropped_warning(count: int) -> str:
    """What is wrong if rows of the history are no more in it; empty without one."""
    if not count:
        return ""
    return (
        f"{count:,} rows are in the history no more: by the arrival of new ones, their device was too far "
        "ahead when they came. If that arrival is wrong, correct it and use --replace"
    )


def _conflict_lines(conflicts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Rows that say something else than what stays, one a line."""
    return [
        f"  {conflict['key']} at {conflict['time']}: {conflict['column']} is {shown(conflict['kept'])}, "
        f"given {shown(conflict['given'])}"
        for conflict in conflicts
    ]


def further_conflicts(done: Appended) -> list[str]:
    """Those that ``conflict_warning`` does not show, one a line."""
    return _conflict_lines(done.conflicts[1:])


def conflict_warning(done: Appended) -> str:
    """What is wrong if files say something else of readings than the history; empty if none does.

    :param done: of the readings.
    """
    if not done.conflicting or done.conflicting_span is None:
        return ""
    first, last = done.conflicting_span
    rows = "1 row says" if done.conflicting == 1 else f"{done.conflicting:,} rows say"
    sample = next(iter(done.conflicts), None)
    such = ""
    if sample is not None:
        such = (
            f", such as {sample['column']} of {sample['key']} at {sample['time']}: "
            f"{shown(sample['kept'])} there, {shown(sample['given'])} given"
        )
    return (
        f"{rows} something else of {first} to {last} than the history, which stays{such}. If the files are "
        "right, as a corrected one that was delivered, take them with --replace, from a folder with all files"
    )


def append_telemetry(
    rows: Telemetry,
    schema: TelemetrySchema,
    history: TelemetryHistory,
    source: str = "",
    read: Mapping[str, Any] | None = None,
    accepted: Accepted | None = None,
) -> TelemetryAppended:
    """Add checked telemetry to ``devices``, ``device_metrics`` and ``device_labels``.

    What they hold then equals one ingestion of everything, to the last bit. Devices join, and the newest
    attributes count; labels count by the attributes that held at their time. A call that failed, or was
    killed, is made good by calling it again.

    :param history: of ``TelemetryHistory.of``, read just before.
    :param source: where the rows come from.
    :param read: table -> what was read of the source so far; takes the place of what the history has.
    :param accepted: rows of the history that keep their arrival, see there.
    :raises InputError: if the schema is not that of the history, or a column is of another type; nothing is
        written then.
    :raises IngestError: if a file cannot be read or written.
    :raises OnlineStoreError: if the online store does not take the newest rows.
    """
    contents = {
        name: _contents(history, name, schema, source, read or {}) for name in ("static", "metrics", "labels")
    }
    for name, content in contents.items():
        _check_schema(history, name, content)
    check_scope(schema, history.attributes)
    devices = device_changes(rows, schema, history.attributes, history)
    contents["metrics"] = replace(contents["metrics"], accepted=accepted)
    contents["metrics"] = with_links(contents["metrics"], rows.links, schema, history, devices.attributes)
    readings = rows.all_readings(schema.time)
    add_metrics = prepare_readings(
        device_metrics(schema), readings, METRIC_OPTIONS, schema.arrival, contents["metrics"]
    )
    before = history.labels.manifest.sources if history.labels else {}
    sources = with_calendar(
        schema, contents["labels"].sources, before, source, rows.maintenance, devices.attributes
    )
    contents["labels"] = replace(contents["labels"], sources=sources)
    if schema.labels.is_derived:
        known = LabelState.of(history.labels, schema)
        state, retold = known.told(rows, schema), known.retold(rows.labels, schema)
        ingest_devices(schema, devices, history.static, contents["static"])
        done = add_metrics()
        stored = StoredHistory.of(device_metrics(schema))
        calendar = CalendarChange.of(schema, before, sources, devices.attributes)
        before_labels = with_empty_calendar(history.labels, schema, recorded_schema(schema))
        made = append_labels(
            before_labels, known, state, stored, devices.attributes, schema, contents["labels"], calendar
        )
        others = contradicted(state.incidents, known.incidents, schema)
        gone = withdrawn(known.incidents, state.incidents, known.alarms, state.alarms, rows.incidents, schema)
        return TelemetryAppended(done, made, devices, retold, others, state.unraised, gone)
    labels = within_population(schema, rows.labels, devices.attributes)
    labels = plain_integers(labels.sort_values([schema.time, DEVICE], kind="stable", ignore_index=True))
    _add_calendar(history.labels, labels, schema)
    add_labels = prepare_rows(
        device_labels(schema),
        labels,
        contents=contents["labels"],
        computed=_label_columns(schema, before, sources, devices.attributes),
    )
    # Nothing is written before all of it is checked.
    ingest_devices(schema, devices, history.static, contents["static"])
    return TelemetryAppended(add_metrics(), add_labels(), devices)


def _add_calendar(stored: StoredHistory | None, labels: pd.DataFrame, schema: TelemetrySchema) -> None:
    """Give a history of before the schema had a calendar an empty one, if the labels can be added to it."""
    recorded = recorded_schema(schema)
    if stored is None or not gets_calendar(stored.manifest.schema, recorded):
        return
    plain = replace(schema, maintenance=None)
    computed = HorizonTarget(plain) if ahead_targets(plain) else None
    prepare_rows(device_labels(plain), labels, computed=computed)
    with_empty_calendar(stored, schema, recorded)


def _contents(
    history: TelemetryHistory, table: str, schema: TelemetrySchema, source: str, read: Mapping[str, Any]
) -> Contents:
    stored = history.table(table)
    before = stored.manifest.sources if stored else {}
    sources = {**before, **({source: read[table]} if source and table in read else {})}
    recorded = recorded_schema(schema, stored.manifest.schema if stored else None)
    return Contents(recorded, sources, later=frozenset([CALENDAR]))


def _label_columns(
    schema: TelemetrySchema, before: Sources, now: Sources, attributes: pd.DataFrame
) -> ComputedColumns | None:
    """What of the labels is computed.

    :param before: what was read into the labels of the history.
    :param now: the same, with this part.
    """
    if schema.maintenance is None:
        return HorizonTarget(schema) if ahead_targets(schema) else None
    calendar = CalendarChange.of(schema, before, now, attributes)
    return LabelColumns(schema, calendar.intervals, calendar.again)


def _check_schema(history: TelemetryHistory, table: str, contents: Contents) -> None:
    """Raise InputError unless the schema is that of the history."""
    stored = history.table(table)
    if stored is None:
        return
    if found := changed_unit(stored.manifest.schema, contents.schema):
        metric, unit, given = found
        rule = (
            f"must be {unit!r}, in which the history has its numbers: cells with a unit would become others. "
            "Use another project (--project), or replace the history (netops ingest --replace)"
        )
        raise InputError(f"telemetry schema, unit of {metric}", rule, given)
    before, now = rows_depend_on(stored.manifest.schema), rows_depend_on(contents.schema)
    if gets_calendar(before, now):
        return
    differing = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if differing:
        known = {name: before.get(name) for name in differing}
        rule = (
            f"must be that of the history: {known}. Use another project (--project), "
            "or replace the history (netops ingest --replace)"
        )
        raise InputError("telemetry schema", rule, {name: now.get(name) for name in differing})
