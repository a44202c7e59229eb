"""Readers for a folder of telemetry: Parquet or CSV files in, checked frames and a report out.

A row is left out for the first reason that fits, in this order: ``missing_device``, ``separator_in_key``,
``broken_text_in_key`` (a NUL or a lone surrogate), ``unparsable_time``, ``naive_time``,
``unparsable_arrival``, ``naive_arrival``, ``unparsable_valid_from``, ``naive_valid_from``, ``from_future``
(further ahead of the clock than the tolerance), ``not_a_number`` or ``not_a_counter`` (in the order of the
metrics), ``not_an_uptime``, ``bad_label``, ``unknown_device`` (no such device in the static file),
``duplicate``, ``merged`` or ``contradicting`` (says the same as the row of its (device, time) that stays, or
more, which that row takes, or something else: the first to arrive stays or, where nobody knows, the first
row; one that arrived before its own time does not). Values in rows that stay:
``out_of_range`` and ``infinite`` become NaN, ``missing_values`` are NaN already.
All are counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from feature_sets.checks import duration_seconds
from feature_sets.telemetry.calendar import Calendar
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.events import label_columns
from feature_sets.telemetry.folder_files import MAINTENANCE, find_files, unread_files, unread_notes
from feature_sets.telemetry.frames import VALID_FROM, Telemetry
from feature_sets.telemetry.incident_files import find_incident_files, note_incidents, read_incidents
from feature_sets.telemetry.incident_rows import IncidentPart, said, texts_about
from feature_sets.telemetry.ingest_report import FileMark, FileReport, IngestReport
from feature_sets.telemetry.label_form import POSITIVES
from feature_sets.telemetry.label_notes import note_labels_beside
from feature_sets.telemetry.links import GivenLinks
from feature_sets.telemetry.maintenance_table import read_calendar, scopes_of
from feature_sets.telemetry.reading_files import ReadingRules, read_readings
from feature_sets.telemetry.readings import Readings, SortedReadings
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.schema_notes import note_absent_values, note_lone_categories
from feature_sets.telemetry.scope_notes import note_absent_scopes, warn_of_nobody
from feature_sets.telemetry.table_files import Columns, has_column
from feature_sets.telemetry.table_rows import TableRows, split_files
from feature_sets.telemetry.topology_table import TABLE as TOPOLOGY
from feature_sets.telemetry.topology_table import find_link_files, read_links
from feature_sets.telemetry.valid_from import in_time_order, newest

__all__ = [
    "FileReport",
    "IngestReport",
    "KnownTelemetry",
    "Telemetry",
    "TelemetryError",
    "open_telemetry",
    "read_telemetry",
]

TABLES = ("static", "metrics", "labels")

_TIMES = "datetime64[ns, UTC]"


@dataclass(frozen=True)
class KnownTelemetry:
    """What earlier ingestions read of a folder, and which devices they know.

    :param files: table -> file -> its mark.
    :param devices: keys of devices that need not be in the static file.
    :param attributes: of these, as text; None if nobody knows.
    """

    files: Mapping[str, Mapping[str, FileMark]] = field(default_factory=dict)
    devices: Collection[str] = ()
    attributes: pd.DataFrame | None = None


def read_telemetry(
    folder: str | Path,
    schema: TelemetrySchema,
    known: KnownTelemetry | None = None,
    clock: Callable[[], float] = time.time,
    may_be_day: bool = False,
) -> tuple[Telemetry, IngestReport]:
    """Read ``metrics``, ``labels`` and ``static`` of a folder and check every row against the schema.

    :param folder: has each table as ``NAME.parquet``, ``NAME.csv`` or a sub-folder ``NAME/`` of such files.
    :param known: of earlier ingestions. Files of metrics and labels that did not change since are not read,
        tables may be absent, or without a usable row, but not all of them. Incidents may always be absent
        where the schema has features relative to the device.
    :param clock: epoch seconds now. What lies further ahead of it than the tolerance is left out: labels, and
        readings or, where the schema names it, their arrival.
    :param may_be_day: whether the static file may be absent though the schema has attributes, as in a look at
        a further day without its history. Nothing is known of devices then: each attribute is missing.
    :raises TelemetryError: if a table or a column is missing, a file cannot be read, or no row is left.
    :raises InputError: if the disk has too little space for temporary files.
    """
    found, report = open_telemetry(folder, schema, known, clock, may_be_day=may_be_day)
    return found.loaded(), report


def open_telemetry(
    folder: str | Path,
    schema: TelemetrySchema,
    known: KnownTelemetry | None = None,
    clock: Callable[[], float] = time.time,
    scratch: Path | None = None,
    may_be_day: bool = False,
) -> tuple[Telemetry, IngestReport]:
    """What ``read_telemetry`` gives, with ``readings`` in the place of ``metrics``.

    These take the same memory, however many there are; what does not fit into it is on disk.

    :param scratch: folder of temporary files; the system's own by default.
    :param may_be_day: see ``read_telemetry``.
    :raises TelemetryError: see ``read_telemetry``.
    :raises InputError: see ``read_telemetry``.
    """
    report = IngestReport()
    base = Path(folder)
    optional = dict.fromkeys(TABLES, known is not None)
    # Without attributes to read, the devices are those that report.
    optional["static"] |= may_be_day or not schema.attributes
    # Where nobody has reported an incident yet, a model can be made of the features relative to the device.
    optional["labels"] |= schema.labels.has_incidents and bool(schema.relative_features)
    files = {
        name: find_incident_files(base, optional[name], schema.files)
        if name == "labels" and schema.labels.has_incidents
        else find_files(base, name, optional[name], schema.files)
        for name in TABLES
    }
    if not any(files.values()):
        find_files(base, "metrics", form=schema.files)
    calendar_files: list[Path] = []
    if schema.maintenance is not None:
        calendar_files = find_files(base, MAINTENANCE, optional=True, form=schema.files)
    link_files = find_link_files(base, schema, known is not None)
    others = [*calendar_files, *link_files]
    unread = unread_files(base, [*(path for found in files.values() for path in found), *others])
    reading = _Reading(base, schema, known, clock(), scratch)
    listed = bool(files["static"]) or known is not None
    attributes = reading.static(files["static"], report.static)
    # One row a device, without the time from which it holds.
    static = newest(attributes).drop(columns=VALID_FROM) if VALID_FROM in attributes else attributes
    devices = {*static[DEVICE], *(known.devices if known else ())}
    metrics = reading.metrics(files["metrics"], report.metrics, devices if listed else None)
    if not listed:
        names = pd.DataFrame({DEVICE: list(metrics.first_seen.index)}, dtype=object)
        static = attributes = names.reindex(columns=attributes.columns).astype(object)
        devices = set(static[DEVICE])
        report.static.rows_read = len(static)
        report.static.notes.append("no static file: the devices are those of the metrics")
    every = attributes
    if known is not None and known.attributes is not None:  # Those of earlier days are devices as well.
        every = pd.concat([known.attributes, attributes], ignore_index=True)
    labels, incidents = reading.labels_and_incidents(files["labels"], report.labels, devices, every)
    if not files["labels"] and known is None:
        report.labels.notes.append("no file of incidents: every reading counts as healthy until one is told")
    report.metrics.notes += unread_notes(base, unread)
    calendar: Calendar | None = None
    if calendar_files:
        report.maintenance = FileReport(MAINTENANCE)
        calendar = read_calendar(base, calendar_files, schema, report.maintenance)
        nowhere = note_absent_scopes(scopes_of(calendar), schema, devices, every, report.maintenance)
        if calendar and all(nowhere.intersection(entry.scope) for entry in calendar.values()):
            warn_of_nobody(report.maintenance, "entries of the calendar", len(calendar))
    links: GivenLinks | None = None
    if link_files:
        report.topology = FileReport(TOPOLOGY)
        links = read_links(base, link_files, schema, report.topology, devices)
    if known is None:
        _compare(metrics, labels, static, schema, report)
    history = attributes if VALID_FROM in attributes else None
    nothing = SortedReadings.none(schema).frame()
    found = Telemetry(nothing, labels, static, history, incidents=incidents, maintenance=calendar)
    return replace(found, readings=metrics, links=links), report


def _compare(
    metrics: Readings,
    labels: pd.DataFrame,
    static: pd.DataFrame,
    schema: TelemetrySchema,
    report: IngestReport,
) -> None:
    """Note labels without a reading and devices without a row, in a folder that is the whole history."""
    note_labels_beside(metrics, labels, schema, report.labels)
    silent = len(static) - len(metrics.first_seen)
    if silent > 0:
        report.static.notes.append(f"{silent:,} devices have no row in metrics")


class _Reading:
    """The tables of one folder as they are read."""

    def __init__(
        self,
        folder: Path,
        schema: TelemetrySchema,
        known: KnownTelemetry | None,
        now: float,
        scratch: Path | None,
    ) -> None:
        self._scratch = scratch
        self._now, self._tolerance = now, duration_seconds(schema.windows.future_tolerance)
        self._folder, self._schema = folder, schema
        self._marks = known.files if known else {}
        # Without a history there must be something to begin it with.
        self._some = known is None

    def static(self, files: list[Path], report: FileReport) -> pd.DataFrame:
        """Attributes of the devices, by device, then by the time from which they hold if one is given."""
        schema = self._schema
        columns = list(schema.attributes)
        if not files:
            return TableRows.none(dict.fromkeys(columns, "object"))
        since: list[str] = []
        if VALID_FROM not in columns and has_column(self._folder, files, schema, VALID_FROM):
            since = [VALID_FROM]
        asked = Columns(times=tuple(since), texts=tuple(columns))
        rows = TableRows(self._folder, files, schema, report, asked)
        for column in since:
            rows.reject_times(column, "valid_from", optional=True)
        rows.reject_duplicates([DEVICE, *since])
        frame = rows.accepted([DEVICE, *since], self._some)
        if since:  # What holds from the beginning comes first.
            frame = in_time_order(frame)
        for column in columns:
            report.count("missing_values", column, int(frame[column].isna().sum()))
        note_absent_values(frame, schema.population, "population", report)
        note_lone_categories(frame, schema.static, report)
        return frame[[DEVICE, *since, *(column for column in columns if column != DEVICE)]]

    def metrics(self, files: list[Path], report: FileReport, devices: set[str] | None) -> Readings:
        """Readings of known devices, sorted by time and device; of all if none is known."""
        unread, unchanged = split_files(
            self._folder, files, self._marks.get("metrics", {}), len(devices or ()), self._now
        )
        report.leave(unchanged)
        if not unread:
            return SortedReadings.none(self._schema)
        rules = ReadingRules(devices, self._now, self._some, self._scratch)
        return read_readings(self._folder, unread, self._schema, report, rules)

    def labels_and_incidents(
        self, files: list[Path], report: FileReport, devices: set[str], attributes: pd.DataFrame
    ) -> tuple[pd.DataFrame, IncidentPart | None]:
        """Labels as rows, or as incidents, by the form of the schema."""
        if not self._schema.labels.has_incidents:
            return self.labels(files, report, devices), None
        marks = self._marks.get("labels", {})
        found = read_incidents(self._folder, files, self._schema, report, marks, self._now, self._some)
        note_incidents(found, self._schema, devices, attributes, report)
        if self._some:
            texts = found.frame.rename(columns={said(name): name for name in texts_about(self._schema)})
            note_absent_values(texts, self._schema.exclude_labels, "exclude_labels", report)
        return self.labels([], report, devices), found

    def labels(self, files: list[Path], report: FileReport, devices: set[str]) -> pd.DataFrame:
        """Labels of known devices, sorted by time and device."""
        schema = self._schema
        excluding = list(label_columns(schema))
        unread, unchanged = split_files(
            self._folder, files, self._marks.get("labels", {}), len(devices), self._now
        )
        report.leave(unchanged)
        if not unread:
            return TableRows.none(
                {schema.time: _TIMES, schema.label: "int64", **dict.fromkeys(excluding, "object")}
            )
        # Positives need not say that they are.
        told = schema.labels.form != POSITIVES or has_column(self._folder, unread, schema, schema.label)
        truths = (schema.label,) if told else ()
        asked = Columns(times=(schema.time,), truths=truths, texts=tuple(excluding))
        rows = TableRows(self._folder, unread, schema, report, asked)
        rows.reject_times(schema.time, "time")
        rows.reject_from_future(schema.time, self._now, self._tolerance)
        if told:
            rows.reject_refused(schema.label, "bad_label")
        else:
            rows.frame[schema.label] = 1
        rows.known = devices
        rows.reject("unknown_device", ~rows.frame[DEVICE].isin(devices).to_numpy(), DEVICE)
        rows.reject_duplicates([DEVICE, schema.time])
        frame = rows.accepted([schema.time, DEVICE], self._some, len(devices))
        frame[schema.label] = frame[schema.label].astype(np.int64)
        for column in excluding:
            report.count("missing_values", column, int(frame[column].isna().sum()))
        if self._some:  # A part of a history need not have them.
            note_absent_values(frame, schema.exclude_labels, "exclude_labels", report)
        return frame[[DEVICE, schema.time, schema.label, *excluding]]
