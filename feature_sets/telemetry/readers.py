"""Readers for a folder of telemetry: Parquet or CSV files in, checked frames and a report out.

A row is left out for the first reason that fits, in this order: ``missing_device``, ``separator_in_key``,
``broken_text_in_key`` (a NUL or a lone surrogate), ``unparsable_time``, ``naive_time``,
``unparsable_arrival``, ``naive_arrival``, ``unparsable_valid_from``, ``naive_valid_from``, ``from_future``
(further ahead of the clock than the tolerance), ``not_a_number``, ``bad_label``, ``unknown_device`` (no such
device in the static file), ``duplicate`` (of a (device, time) the first to arrive stays or, where nobody
knows, the first row; one that arrived before its own time does not).
Values in rows that stay: ``out_of_range`` and ``infinite`` become NaN, ``missing_values`` are NaN already.
All are counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from feature_sets.checks import duration_seconds
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.events import excluding_columns
from feature_sets.telemetry.folder_files import find_files, unread_files, unread_note
from feature_sets.telemetry.frames import VALID_FROM, Telemetry
from feature_sets.telemetry.ingest_report import FileMark, FileReport, IngestReport
from feature_sets.telemetry.long_layout import widened
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.schema_notes import note_absent_values, note_lone_categories
from feature_sets.telemetry.table_files import Columns, has_column
from feature_sets.telemetry.table_rows import TableRows, split_files
from feature_sets.telemetry.valid_from import in_time_order, newest

__all__ = ["FileReport", "IngestReport", "KnownTelemetry", "Telemetry", "TelemetryError", "read_telemetry"]

TABLES = ("static", "metrics", "labels")

_TIMES = "datetime64[ns, UTC]"


@dataclass(frozen=True)
class KnownTelemetry:
    """What earlier ingestions read of a folder, and which devices they know.

    :param files: table -> file -> its mark.
    :param devices: keys of devices that need not be in the static file.
    """

    files: Mapping[str, Mapping[str, FileMark]] = field(default_factory=dict)
    devices: Collection[str] = ()


def read_telemetry(
    folder: str | Path,
    schema: TelemetrySchema,
    known: KnownTelemetry | None = None,
    clock: Callable[[], float] = time.time,
) -> tuple[Telemetry, IngestReport]:
    """Read ``metrics``, ``labels`` and ``static`` of a folder and check every row against the schema.

    :param folder: has each table as ``NAME.parquet``, ``NAME.csv`` or a sub-folder ``NAME/`` of such files.
    :param known: of earlier ingestions. Files of metrics and labels that did not change since are not read,
        tables may be absent, or without a usable row, but not all of them.
    :param clock: epoch seconds now. What lies further ahead of it than the tolerance is left out: labels, and
        readings or, where the schema names it, their arrival.
    :raises TelemetryError: if a table or a column is missing, a file cannot be read, or no row is left.
    """
    report = IngestReport()
    base = Path(folder)
    optional = dict.fromkeys(TABLES, known is not None)
    # Without attributes to read, the devices are those that report.
    optional["static"] |= not schema.static and not schema.population
    files = {name: find_files(base, name, optional[name], schema.files) for name in TABLES}
    if not any(files.values()):
        find_files(base, "metrics", form=schema.files)
    unread = unread_files(base, [path for found in files.values() for path in found])
    reading = _Reading(base, schema, known, clock())
    listed = bool(files["static"]) or known is not None
    attributes = reading.static(files["static"], report.static)
    # One row a device, without the time from which it holds.
    static = newest(attributes).drop(columns=VALID_FROM) if VALID_FROM in attributes else attributes
    devices = {*static[DEVICE], *(known.devices if known else ())}
    metrics = reading.metrics(files["metrics"], report.metrics, devices if listed else None)
    if not listed:
        static = attributes = pd.DataFrame({DEVICE: sorted(metrics[DEVICE].unique())}, dtype=object)
        devices = set(static[DEVICE])
        report.static.rows_read = len(static)
        report.static.notes.append("no static file: the devices are those of the metrics")
    labels = reading.labels(files["labels"], report.labels, devices)
    if unread:
        report.metrics.notes.append(unread_note(unread))
    if known is None:
        _compare(metrics, labels, static, schema, report)
    history = attributes if VALID_FROM in attributes else None
    return Telemetry(metrics=metrics, labels=labels, static=static, attributes=history), report


def _compare(
    metrics: pd.DataFrame,
    labels: pd.DataFrame,
    static: pd.DataFrame,
    schema: TelemetrySchema,
    report: IngestReport,
) -> None:
    """Note labels without a reading and devices without a row, in a folder that is the whole history."""
    pairs, labeled = metrics[[DEVICE, schema.time]], labels[[DEVICE, schema.time]]
    if not labeled.equals(pairs):  # A label for each reading is the rule, and quickly seen.
        unmatched = ~pd.MultiIndex.from_frame(labeled).isin(pd.MultiIndex.from_frame(pairs))
        report.labels.count("label_without_metrics", schema.label, int(unmatched.sum()))
    silent = len(static) - metrics[DEVICE].nunique()
    if silent > 0:
        report.static.notes.append(f"{silent:,} devices have no row in metrics")


class _Reading:
    """The tables of one folder as they are read."""

    def __init__(
        self, folder: Path, schema: TelemetrySchema, known: KnownTelemetry | None, now: float
    ) -> None:
        self._now, self._tolerance = now, duration_seconds(schema.windows.future_tolerance)
        self._folder, self._schema = folder, schema
        self._marks = known.files if known else {}
        # Without a history there must be something to begin it with.
        self._some = known is None

    def static(self, files: list[Path], report: FileReport) -> pd.DataFrame:
        """Attributes of the devices, by device, then by the time from which they hold if one is given."""
        schema = self._schema
        columns = list(dict.fromkeys([*schema.static, *schema.population]))
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

    def metrics(self, files: list[Path], report: FileReport, devices: set[str] | None) -> pd.DataFrame:
        """Readings of known devices, sorted by time and device; of all if none is known."""
        schema = self._schema
        names = list(schema.metric_names)
        times = [schema.time] if schema.arrival is None else [schema.time, schema.arrival]
        unread, unchanged = split_files(
            self._folder, files, self._marks.get("metrics", {}), len(devices or ()), self._now
        )
        report.leave(unchanged)
        if not unread:
            return TableRows.none({**dict.fromkeys(times, _TIMES), **dict.fromkeys(names, "float64")})
        form = schema.files
        is_long = form.is_long
        numbers = (form.value,) if is_long else tuple(names)
        asked = Columns(times=tuple(times), numbers=numbers, texts=(form.metric,) if is_long else ())
        rows = TableRows(self._folder, unread, schema, report, asked, widened if is_long else None)
        for column, kind in zip(times, ("time", "arrival"), strict=False):
            rows.reject_times(column, kind)
        rows.reject_from_future(times[-1], self._now, self._tolerance)
        for name in names:
            rows.reject_refused(name, "not_a_number")
        if devices is not None:
            rows.reject("unknown_device", ~rows.frame[DEVICE].isin(devices).to_numpy(), DEVICE)
        early = None
        if schema.arrival is not None:
            tolerance = pd.Timedelta(schema.windows.future_tolerance)
            early = (rows.frame[schema.time] > rows.frame[schema.arrival] + tolerance).to_numpy()
        rows.reject_duplicates([DEVICE, schema.time], schema.arrival, early)
        frame = rows.accepted([schema.time, DEVICE], self._some, len(devices or ()))
        for metric in schema.metrics:
            values = frame[metric.name].to_numpy(dtype=np.float64, copy=True)
            infinite = np.isinf(values)
            report.count("missing_values", metric.name, int(np.isnan(values).sum()))
            report.count("infinite", metric.name, int(infinite.sum()))
            outside = ~infinite & ((values < metric.low) | (values > metric.high))
            report.count("out_of_range", metric.name, int(outside.sum()))
            values[infinite | outside] = np.nan
            frame[metric.name] = values
        return frame[[DEVICE, *times, *names]]

    def labels(self, files: list[Path], report: FileReport, devices: set[str]) -> pd.DataFrame:
        """Labels of known devices, sorted by time and device."""
        schema = self._schema
        excluding = list(excluding_columns(schema))
        unread, unchanged = split_files(
            self._folder, files, self._marks.get("labels", {}), len(devices), self._now
        )
        report.leave(unchanged)
        if not unread:
            return TableRows.none(
                {schema.time: _TIMES, schema.label: "int64", **dict.fromkeys(excluding, "object")}
            )
        asked = Columns(times=(schema.time,), truths=(schema.label,), texts=tuple(excluding))
        rows = TableRows(self._folder, unread, schema, report, asked)
        rows.reject_times(schema.time, "time")
        rows.reject_from_future(schema.time, self._now, self._tolerance)
        rows.reject_refused(schema.label, "bad_label")
        rows.reject("unknown_device", ~rows.frame[DEVICE].isin(devices).to_numpy(), DEVICE)
        rows.reject_duplicates([DEVICE, schema.time])
        frame = rows.accepted([schema.time, DEVICE], self._some, len(devices))
        frame[schema.label] = frame[schema.label].astype(np.int64)
        for column in excluding:
            report.count("missing_values", column, int(frame[column].isna().sum()))
        if self._some:  # A part of a history need not have them.
            note_absent_values(frame, schema.exclude_labels, "exclude_labels", report)
        return frame[[DEVICE, schema.time, schema.label, *excluding]]
