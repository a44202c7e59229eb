"""The table ``maintenance`` of a folder of telemetry: the calendar, row by row.

A row is left out for the first reason that fits: ``unparsable_start``, ``naive_start``, ``unparsable_end``,
``naive_end``, ``end_before_start``, ``bad_scope``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from feature_sets.checks import InputError
from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.arrow_files import check_separator, partition_values, read_file
from feature_sets.telemetry.calendar import Calendar, Maintenance, checked_scope, scope_columns
from feature_sets.telemetry.cell_text import plain_value, texts_of
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.event_time import seconds_of
from feature_sets.telemetry.events import brief
from feature_sets.telemetry.found_separator import form_of_file
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.intervals import OPEN
from feature_sets.telemetry.maintenance_columns import MaintenanceColumns
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.table_files import columns_of
from feature_sets.telemetry.time_columns import times_in_order

_SHOWN = 5


def read_calendar(
    folder: Path, files: Sequence[Path], schema: TelemetrySchema, report: FileReport
) -> dict[str, Maintenance]:
    """Entries of all files by their digests; the same entry twice is one.

    :param schema: with ``maintenance``.
    :raises TelemetryError: if a file cannot be read, or lacks the start or every column of a scope.
    """
    found: dict[str, Maintenance] = {}
    for path in files:
        for entry in _File(folder, path, schema, report).entries():
            found.setdefault(entry.digest, entry)
    return found


def scopes_of(calendar: Calendar) -> dict[str, list[str]]:
    """Values that the entries of a calendar name, by column."""
    found: dict[str, list[str]] = {}
    for entry in calendar.values():
        for column, value in entry.scope:
            found.setdefault(column, []).append(value)
    return found


class _File:
    """Rows of one file while reasons to leave them out are found."""

    def __init__(self, folder: Path, path: Path, schema: TelemetrySchema, report: FileReport) -> None:
        self._schema, self._report = schema, report
        self._name = str(path.relative_to(folder))
        columns = schema.maintenance or MaintenanceColumns()
        form = form_of_file(path, self._name, schema)
        present = columns_of(folder, path, schema, form)
        self._scope = [column for column in scope_columns(schema) if column in present]
        for column, there in ((columns.start, columns.start in present), ("scope", bool(self._scope))):
            if not there:
                rule = "is required"
                if column == "scope":
                    rule = f"must be at least one of {', '.join(scope_columns(schema))}"
                check_separator(path, self._name, schema.files)
                raise TelemetryError(f"{self._name}, column '{column}'", rule, list(present))
        self._start = columns.start
        self._end = columns.end if columns.end in present else ""
        self._reason = columns.reason if columns.reason in present else ""
        asked = [name for name in (self._start, self._end, self._reason, *self._scope) if name]
        inside = [name for name in asked if present[name] is not None]
        called = [str(present[name]) for name in inside]
        self._table = read_file(path, self._name, called, form=form).rename_columns(inside)
        self._table = self._table.select(inside)
        given = partition_values(path, folder, schema.files)
        for name in asked:
            if name not in inside:
                self._table = self._table.append_column(
                    name, pa.array([given[name]] * self._table.num_rows, pa.string())
                )
        self._keep = np.ones(self._table.num_rows, dtype=np.bool_)
        report.paths.append(self._name)
        report.rows_read += self._table.num_rows
        unused = [name for name in present if name not in asked]
        if unused:
            report.notes.append(f"not used by the schema: {listed(unused, _SHOWN)}")

    def entries(self) -> list[Maintenance]:
        """What is left."""
        starts = self._times(self._start, "start")
        ends = np.full(len(starts), OPEN, dtype=np.int64)
        if self._end:
            given = texts_of(self._table[self._end]).codes >= 0
            ends[given] = self._times(self._end, "end", given)[given]
        self._reject("end_before_start", ends <= starts, self._end or self._start)
        texts = {column: self._texts(column) for column in self._scope}
        reasons = self._texts(self._reason) if self._reason else [None] * len(starts)
        found = []
        for row in np.flatnonzero(self._keep).tolist():
            try:
                scope = checked_scope({name: values[row] for name, values in texts.items()}, self._schema)
            except InputError as error:
                self._report.reject("bad_scope", 1)
                self._report.samples.setdefault("bad_scope", f"row {row + 1:,} of {self._name}: {error}")
                continue
            found.append(Maintenance(scope, int(starts[row]), int(ends[row]), reasons[row] or ""))
        return found

    def _times(self, column: str, kind: str, given: Bools | None = None) -> Integers:
        """Microseconds since the epoch; rows without a time are left out."""
        where = f"{self._name}, column '{column}'"
        parsed = times_in_order(self._table[column], self._schema.time_rules, where)
        refused = parsed.unparsable if given is None else parsed.unparsable & given
        twice = parsed.twice  # Work covers all time that it may have had.
        refused[twice.rows] = False
        self._reject(f"unparsable_{kind}", refused, column)
        self._reject(f"naive_{kind}", parsed.naive, column)
        for unit, rows in parsed.units.items():
            self._report.notes.append(f"{kind}_unit {unit}: {rows:,} times were epoch numbers in this unit")
        moments = parsed.times.dt.tz_convert("UTC").dt.tz_localize(None)
        micros: Integers = moments.to_numpy("datetime64[us]").astype(np.int64)
        if len(twice.rows):
            micros = micros.copy()
            micros[twice.rows] = twice.second if kind == "end" else twice.first
            which = "later" if kind == "end" else "earlier"
            self._report.notes.append(
                f"{len(twice.rows):,} in column '{column}' of {self._name} are in an hour that clocks show "
                f"twice: the {which} moment is taken; times in UTC, or with an offset, would tell"
            )
        return micros

    def _texts(self, column: str) -> list[str | None]:
        try:
            texts = texts_of(self._table[column])
        except InputError as error:
            raise TelemetryError(f"{self._name}, column '{column}'", error.rule, error.got) from None
        return [*texts.series().tolist()]

    def _reject(self, reason: str, rows: Bools, column: str) -> None:
        newly = rows & self._keep
        self._report.reject(reason, int(np.count_nonzero(newly)))
        self._keep &= ~newly
        if newly.any():
            row = int(np.argmax(newly))
            cell = plain_value(self._table[column][row])
            rule = ""
            try:
                seconds_of(cell, *self._schema.time_rules)
            except InputError as error:
                rule = f": {error.rule}"
            sample = f"{column} {brief(cell)!r} in row {row + 1:,} of {self._name}{rule}"
            self._report.samples.setdefault(reason, sample)
