"""The files of the metrics as readings in event order, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.checks import duration_seconds
from feature_sets.rows.entity_keys import key_parts
from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.rows.row_sort import RUN_BYTES, RowSort
from feature_sets.rows.spilled_rows import RowSpool, check_free_space
from feature_sets.telemetry.cell_text import Texts
from feature_sets.telemetry.checked_rows import CheckedRows, FileTally, Where, none_left
from feature_sets.telemetry.early_readings import EarlyReadings
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.lacking_metrics import LackingMetrics
from feature_sets.telemetry.local_readings import LocalReadings
from feature_sets.telemetry.long_layout import JoinedReadings, LongLayout, NoNumber
from feature_sets.telemetry.look_alikes import look_alikes_note
from feature_sets.telemetry.merged_readings import MERGED, MergedReadings
from feature_sets.telemetry.open_ends import note_open_ends
from feature_sets.telemetry.reading_columns import LongGaps, asked_columns, checked_readings, reject_readings
from feature_sets.telemetry.reading_table import (
    ARRIVAL,
    DEVICE_CODE,
    NAIVE_TIME,
    NO_TIME,
    ROW,
    TIME,
    arrow_values,
    ascends,
    file_and_row,
    micros_of,
    plain_values,
    row_numbers,
    times_of,
)
from feature_sets.telemetry.readings import NEVER, SortedReadings
from feature_sets.telemetry.repeated_rows import (
    CONTRADICTING,
    EQUAL,
    FIRST_ROW,
    FIRST_TO_ARRIVE,
    Place,
    contradiction,
    plain_of,
)
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.table_files import FileRows, load_chunks
from feature_sets.telemetry.table_rows import PartNotes, PartRows
from feature_sets.telemetry.totals_rows import totals_note
from feature_sets.telemetry.unit_suspicion import ValueSamples, gauges, unit_suspicions

_CELL_BYTES = 8


@dataclass(frozen=True)
class ReadingRules:
    """What readings are held against.

    :param devices: that are known; all are, if None.
    :param now: epoch seconds.
    :param some: whether there must be a reading.
    :param folder: of temporary files, see ``SpillFile``.
    """

    devices: Collection[str] | None
    now: float
    some: bool
    folder: Path | None = None

    def knows(self, keys: Sequence[str]) -> Bools:
        """Which devices are known, and one more: no key is not."""
        if self.devices is None:
            return np.ones(len(keys) + 1, dtype=np.bool_)
        return np.array([*(key in self.devices for key in keys), False], dtype=np.bool_)


def read_readings(
    base: Path, files: Sequence[Path], schema: TelemetrySchema, report: FileReport, rules: ReadingRules
) -> SortedReadings:
    """Readings of files, in event order; every row is checked and counted.

    The rows are checked as they come, and sorted by time, on disk if they do not fit into memory. Then those
    of one time are put together: values of one reading, or repeated rows.

    :param files: at least one.
    :raises TelemetryError: if a file cannot be read, or there must be a reading and is none.
    :raises InputError: if the disk has too little space for temporary files.
    """
    return _ReadingFiles(base, files, schema, report, rules).read()


class _ReadingFiles:
    def __init__(
        self,
        base: Path,
        files: Sequence[Path],
        schema: TelemetrySchema,
        report: FileReport,
        rules: ReadingRules,
    ) -> None:
        self._base, self._files, self._schema = base, files, schema
        self._report, self._rules = report, rules
        self._times = [schema.time] if schema.arrival is None else [schema.time, schema.arrival]
        self._tolerance = duration_seconds(schema.windows.future_tolerance)
        self._tally, self._notes = FileTally(base, files), PartNotes()
        self._numbers: dict[str, int] = {}
        self._long = (
            LongLayout(schema, report, self._key, self._tally.row_text) if schema.files.is_long else None
        )
        self._samples: dict[str, int] = {}
        self._values = ValueSamples(gauges(schema))
        self._local = LocalReadings(schema.assume_timezone)

    def read(self) -> SortedReadings:
        """See ``read_readings``."""
        schema, report = self._schema, self._report
        report.paths = self._tally.names
        size = sum(path.stat().st_size for path in self._files)
        if size > RUN_BYTES:  # Unpacked it will hardly take less.
            check_free_space(self._rules.folder, size)
        sort = RowSort(TIME, self._rules.folder, RUN_BYTES)
        for part in load_chunks(self._base, self._files, schema, asked_columns(schema, self._times)):
            self._notes.take(part)
            devices = self._devices_of(part.devices)
            micros, local = micros_of(part.columns[schema.time]), part.local[schema.time]
            self._local.take(part.file, devices, micros, local)
            sort.add(
                self._long_part(part, self._long, devices) if self._long else self._wide_part(part, devices)
            )
        readings = self._checked(sort)
        sort.close()
        if self._long is not None:
            self._long.tell()
        note_open_ends(self._base, self._files, report)
        self._local.tell(list(self._numbers), report)
        self._notes.tell_unused(report)
        self._notes.tell_absent(len(self._files), report)
        for column, kind in zip(self._times, ("time", "arrival"), strict=False):
            self._notes.tell_units(column, kind, report)
        if self._rules.some and not len(readings):
            raise none_left(report)
        report.marks |= self._tally.marks(len(self._rules.devices or ()))
        report.values_of = self._values.found(self._tally.names, list(self._numbers))
        if self._rules.some:  # Else the history tells more.
            report.warnings += [found.sentence for found in unit_suspicions(report.values_of)]
            levels = len(schema.entity), schema.separator
            if note := totals_note(key_parts(key, *levels) for key in readings.first_seen.index):
                report.warnings.append(note)
            if note := look_alikes_note(readings.first_seen.index):
                report.notes.append(note)
        return readings

    def _devices_of(self, texts: Texts) -> Integers:
        """Number of the device of each row; -1 without one."""
        places = [self._numbers.setdefault(key, len(self._numbers)) for key in texts.values]
        return np.array([*places, -1], dtype=np.int64)[texts.codes]

    def _wide_part(self, part: FileRows, found: Integers) -> pa.Table:
        """Rows of a part that nothing is wrong with, but that may be repeated."""
        schema = self._schema
        rows = PartRows([part], schema, self._report, self._tally)
        for column, kind in zip(self._times, ("time", "arrival"), strict=False):
            rows.reject_times(column, kind)
        rows.reject_from_future(self._times[-1], self._rules.now, self._tolerance)
        reject_readings(rows, schema)
        rows.known = self._rules.devices or ()
        rows.reject("unknown_device", ~self._rules.knows(part.devices.values)[part.devices.codes], DEVICE)
        kept = np.flatnonzero(rows.keep)
        devices = found[kept]
        arrays = {name: part.columns[name].array for name in gauges(schema)}
        self._values.take(part.file, devices, arrays, kept)
        columns = {
            TIME: pa.array(micros_of(part.columns[schema.time])[kept]),
            DEVICE_CODE: pa.array(devices.astype(np.int32)),
            ROW: pa.array(row_numbers(part.file, part.first + kept)),
        }
        if schema.arrival is not None:
            columns[ARRIVAL] = pa.array(micros_of(part.columns[schema.arrival])[kept])
        columns |= {name: arrow_values(part.columns[name].array[kept]) for name in schema.sent_fields}
        return pa.table(columns)

    def _long_part(self, part: FileRows, long: LongLayout, devices: Integers) -> pa.Table:
        """Parts of readings; rows without a device or a time are left out."""
        table, without = long.parts(part, devices)
        if len(without):
            rows = PartRows([part.take(without)], self._schema, self._report, self._tally)
            rows.reject_times(self._schema.time, "time")
        return table

    def _checked(self, sort: RowSort) -> SortedReadings:
        """All that is found of each time put together, checked as far as it was not."""
        schema = self._schema
        keys = list(self._numbers)
        ranks = np.empty(len(keys), dtype=np.int64)
        ranks[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
        spool = RowSpool(self._rules.folder, RUN_BYTES)
        firsts, newest = np.full(len(keys), NEVER), None
        gaps, early = LongGaps(schema, len(keys)), EarlyReadings()
        lacking = LackingMetrics(schema.metrics, len(keys))
        # As many rows as are sorted at a time, about.
        rows = max(1, RUN_BYTES // (4 * _CELL_BYTES * (len(schema.sent_fields) + 3)))
        for table in sort.slices(rows):
            micros, devices, arrival, frame = (
                self._of_parts(self._long.joined(table, ranks), keys)
                if self._long
                else self._once(table, ranks)
            )
            if not len(micros):
                continue
            frame = checked_readings(frame, schema, self._report)
            gaps.take(devices, micros)
            early.take(devices, micros)
            lacking.take(devices, frame)
            np.minimum.at(firsts, devices, micros)
            newest = int(micros[-1])
            columns = {TIME: pa.array(micros), DEVICE_CODE: pa.array(devices.astype(np.int32))}
            if arrival is not None:
                columns[ARRIVAL] = pa.array(arrival)
            columns |= {name: arrow_values(frame[name]) for name in schema.reading_columns}
            spool.append(pa.table(columns))
        gaps.tell(self._report)
        early.tell(keys, self._report)
        if self._rules.some and (note := lacking.note(keys)):  # Of a part alone nobody knows.
            self._report.notes.append(note)
        return SortedReadings(schema, keys, spool, firsts, newest)

    def _once(self, table: pa.Table, ranks: Integers) -> _Checked:
        """Rows of which none is repeated: the first to arrive stays, or the first row."""
        micros, devices, row = (table[name].to_numpy() for name in (TIME, DEVICE_CODE, ROW))
        order_by = [micros, ranks[devices]]
        arrival = None
        if self._schema.arrival is not None:
            arrival = table[ARRIVAL].to_numpy()
            order_by += [(micros > arrival + self._tolerance * 1_000_000).astype(np.int64), arrival]
        order_by.append(row)
        order = np.arange(len(row))
        if not ascends(order_by):
            order = np.lexsort(order_by[::-1])
        again = np.zeros(len(order), dtype=np.bool_)
        again[1:] = (micros[order][1:] == micros[order][:-1]) & (devices[order][1:] == devices[order][:-1])
        values = {name: plain_values(table[name]) for name in self._schema.sent_fields}
        source: Mapping[str, Integers] = {}
        if again.any():
            apart = [file_and_row(row)[0], *([] if arrival is None else [arrival])]
            found = MergedReadings.of(values, order, again, apart)
            self._tell_repeated(table, values, found)
            order, source = found.kept, found.source
        frame = pd.DataFrame(
            {name: column[source.get(name, order)] for name, column in values.items()}, copy=False
        )
        return micros[order], devices[order], None if arrival is None else arrival[order], frame

    def _tell_repeated(self, table: pa.Table, values: Mapping[str, Any], found: MergedReadings) -> None:
        """Count the rows that repeat another by what they say: the same, more, or something else."""
        numbers = table[ROW].to_numpy()
        for reason, rows in (
            (EQUAL, found.equal),
            (MERGED, found.merged),
            (CONTRADICTING, found.contradicting),
        ):
            self._report.reject(reason, len(rows))
            self._tally.reject(reason, file_and_row(numbers[rows])[0])
        shown = found.contradicted(values, numbers)
        if shown is None or numbers[shown.row] >= self._samples.get(CONTRADICTING, NEVER):
            return
        self._samples[CONTRADICTING] = int(numbers[shown.row])
        place, stays = (
            Place(plain_of(values[shown.column], at), self._tally.row_text(int(numbers[at])))
            for at in (shown.row, shown.kept)
        )
        key = self._key(int(table[DEVICE_CODE][shown.row].as_py()), int(table[TIME][shown.row].as_py()))
        which = FIRST_ROW if self._schema.arrival is None else FIRST_TO_ARRIVE
        self._report.samples[CONTRADICTING] = contradiction(key, shown.column, place, stays, which)

    def _key(self, device: int, micros: int) -> dict[str, object]:
        """What a device and a time are called in the files."""
        return {DEVICE: list(self._numbers)[device], self._schema.time: times_of(np.array([micros]))[0]}

    def _of_parts(self, found: JoinedReadings, keys: Sequence[str]) -> _Checked:
        """Readings of long layout that nothing is wrong with."""
        schema, rules = self._schema, self._rules
        no_arrivals = self._long.no_arrivals if self._long else {}
        no_numbers = self._long.no_numbers if self._long else {}
        rows = _JoinedRows(
            found, keys, self._tally, schema, self._report, self._samples, no_arrivals, no_numbers
        )
        if found.arrival is not None and schema.arrival is not None:
            rows.reject("unparsable_arrival", found.arrival == NO_TIME, schema.arrival)
            rows.reject("naive_arrival", found.arrival == NAIVE_TIME, schema.arrival)
        rows.reject_from_future(self._times[-1], rules.now, self._tolerance)
        reject_readings(rows, schema)
        rows.known = rules.devices or ()
        rows.reject("unknown_device", ~rules.knows(keys)[found.devices], DEVICE)
        kept = np.flatnonzero(rows.keep)
        arrays = {name: rows.frame[name].array for name in gauges(schema)}
        by_file = kept[np.argsort(rows.file[kept], kind="stable")]
        files, begins = np.unique(rows.file[by_file], return_index=True)
        for file, mine in zip(files.tolist(), np.split(by_file, begins)[1:], strict=True):
            self._values.take(file, found.devices[mine], arrays, mine)
        frame = rows.frame[list(schema.sent_fields)]
        arrival = None if found.arrival is None else found.arrival[kept]
        if len(kept) < len(frame):
            frame = frame.take(kept)
        return found.micros[kept], found.devices[kept], arrival, frame


_Checked = tuple[Integers, Integers, Integers | None, pd.DataFrame]
"""Time, device, arrival where it is known, and the values of readings."""


class _JoinedRows(CheckedRows):
    """Readings of long layout while reasons to leave them out are found.

    :param samples: reason -> the row that the sample in the report is of.
    :param no_arrivals: see ``LongLayout``.
    :param no_numbers: see ``LongLayout``.
    """

    def __init__(
        self,
        found: JoinedReadings,
        keys: Sequence[str],
        tally: FileTally,
        schema: TelemetrySchema,
        report: FileReport,
        samples: dict[str, int],
        no_arrivals: Mapping[int, object],
        no_numbers: Mapping[tuple[str, int], NoNumber],
    ) -> None:
        times = {schema.time: times_of(found.micros)}
        if found.arrival is not None and schema.arrival is not None:
            times[schema.arrival] = times_of(found.arrival)
        file, self._row = file_and_row(found.row)
        super().__init__(pd.DataFrame({**times, **found.values}, copy=False), file, schema, report, tally)
        self._found, self._keys, self._samples = found, keys, samples
        self._no_arrivals, self._no_numbers = no_arrivals, no_numbers

    def reject_refused(self, column: str, reason: str) -> None:
        """Leave out rows whose value is not what the metric is."""
        self.reject(reason, self._found.refused[self.schema.sent_fields.index(column)], column)

    def where(self, row: int, column: str) -> Where:
        """Where its first value is, with the time if that is to blame, else with the device.

        Of a value that is no number it is the first such one of its metric and file.
        """
        cells: dict[str, object] = {DEVICE: self._keys[int(self._found.devices[row])]}
        number, file = int(self._found.row[row]), int(self.file[row])
        fields, none = self.schema.sent_fields, self._no_numbers.get((column, file))
        if none is not None and self._found.refused[fields.index(column)][row]:
            cells = {column: none.cell, DEVICE: self._keys[none.device]}
            return Where(self.tally.names[file], none.row, cells)
        has_none = self._found.arrival is not None and self._found.arrival[row] < 0
        if column == self.schema.arrival and has_none:
            cells = {column: self._no_arrivals[number]} if number in self._no_arrivals else cells
        elif column in (self.schema.time, self.schema.arrival):
            cells = {column: self.frame[column].iloc[row].isoformat()}
        return Where(self.tally.names[file], int(self._row[row]), cells)

    def sample(self, reason: str, rows: Bools, column: str) -> None:
        """Of all rows that are left out the first one in the files."""
        first = int(np.flatnonzero(rows)[np.argmin(self._found.row[rows])])
        number = int(self._found.row[first])
        if number < self._samples.get(reason, NEVER):
            self._samples[reason] = number
            self.report.samples[reason] = self.shown(reason, first, column)
