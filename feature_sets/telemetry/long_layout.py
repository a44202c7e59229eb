"""Metrics in long layout, one row a value with the name of its metric, made one row a reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry.cell_numbers import Numbers, Wholes
from feature_sets.telemetry.cell_text import Texts, plain_value
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.reading_table import (
    ARRIVAL,
    DEVICE_CODE,
    NAIVE_TIME,
    NO_TIME,
    ROW,
    TIME,
    arrow_values,
    ascends,
    micros_of,
    packed,
    plain_values,
    row_numbers,
    unpacked,
)
from feature_sets.telemetry.readings import NEVER
from feature_sets.telemetry.repeated_rows import (
    FIRST_ROW,
    Place,
    contradiction,
    differs,
    first_contradiction,
    kept_of,
)
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.table_files import AS_WHOLE, FileRows

GIVEN, REFUSED = "(given)", "(refused)"
"""Columns of a part of a reading: which values it has, and which of them are not what their metric is."""

_SHOWN = 10

Values = npt.NDArray[np.float64] | pd.arrays.IntegerArray
"""Values of a field, missing where there is none."""


@dataclass(frozen=True)
class JoinedReadings:
    """Readings with all their values, shape (n,), by time and device.

    :param row: number of the first row of each, see ``row_numbers``.
    :param arrival: microseconds, ``NO_TIME`` or ``NAIVE_TIME``; None where nobody knows.
    :param values: by field, missing where there is none.
    :param refused: by field, whether it holds something else; shape (fields, n).
    """

    micros: Integers
    devices: Integers
    row: Integers
    arrival: Integers | None
    values: dict[str, Values]
    refused: Bools


class NoNumber(NamedTuple):
    """A value of long layout that is not what its metric is.

    :param row: in its file, from 0 on.
    :param device: number of its device.
    :param cell: what the file has.
    """

    row: int
    device: int
    cell: object


class _Parts(NamedTuple):
    """Parts of readings, by time, device and row.

    :param row: number of the first row of each.
    :param given: which fields each has; shape (fields, n).
    """

    micros: Integers
    devices: Integers
    row: Integers
    given: Bools


@dataclass
class LongLayout:
    """Makes readings of files in long layout.

    Values of one device and time are one reading; of two of the same metric the first stays. A reading
    without any metric of the schema is left out, and told.

    :param key: what a device, by its number, and a time in microseconds are called in the files.
    :param row_text: where a row is, by its number.
    :param rows: that were read.
    :param readings: that they made.
    :param others: rows of names that are no metric of the schema.
    :param no_arrivals: number of a row -> what it has in the place of an arrival: the first one of each part.
    :param no_numbers: metric and number of a file -> the first value there that is not what the metric is.
    """

    schema: TelemetrySchema
    report: FileReport
    key: Callable[[int, int], Mapping[str, object]]
    row_text: Callable[[int], str]
    rows: int = 0
    readings: int = 0
    others: dict[str, int] = field(default_factory=dict)
    no_arrivals: dict[int, object] = field(default_factory=dict)
    no_numbers: dict[tuple[str, int], NoNumber] = field(default_factory=dict)
    _contradicting: int = NEVER

    def parts(self, part: FileRows, devices: Integers) -> tuple[pa.Table, Integers]:
        """What a part of a file has of readings, by time and device, and rows of values without either.

        :param devices: number of the device of each row, -1 without one.
        """
        schema, form = self.schema, self.schema.files
        self.rows += len(devices)
        metric = self._metrics(part.texts[form.metric])
        micros = micros_of(part.columns[schema.time])
        keyed = (devices >= 0) & (micros >= 0)
        at = np.flatnonzero(keyed & (metric >= 0))
        keys = micros[at], devices[at].astype(np.int64)
        if not ascends(keys):
            order = np.lexsort(keys[::-1])
            at, keys = at[order], (keys[0][order], keys[1][order])
        first = _beginnings(*keys)
        reading = np.cumsum(first) - 1
        again = _occurrences(metric[at] * np.count_nonzero(first) + reading)
        of_reading = first
        if again is not None:  # Values that are given again are kept apart until all are put together.
            order = np.lexsort((again, reading))
            at, keys, again = at[order], (keys[0][order], keys[1][order]), again[order]
            first = _beginnings(*keys) | np.concatenate([[True], again[1:] != again[:-1]])
            of_reading = first & (again == 0)
            reading = np.cumsum(first) - 1
        values, given, refused = self._values(part, metric[at], reading, at)
        if refused.any():
            self._remember_refused(part, metric[at], refused[metric[at], reading], at, devices)
        starts = at[first]
        columns = {
            TIME: pa.array(keys[0][first]),
            DEVICE_CODE: pa.array(keys[1][first].astype(np.int32)),
            ROW: pa.array(row_numbers(part.file, part.first + starts)),
            GIVEN: packed(given),
            REFUSED: packed(refused),
        }
        if schema.arrival is not None:
            arrival = np.maximum(micros_of(part.columns[schema.arrival]), NO_TIME)
            arrival[part.naive[schema.arrival]] = NAIVE_TIME
            columns[ARRIVAL] = pa.array(arrival[starts])
            for kind in (NO_TIME, NAIVE_TIME):
                of_kind = at[of_reading & (arrival[at] == kind)]
                rows = np.sort(of_kind)[:1]
                numbers = row_numbers(part.file, part.first + rows).tolist()
                cells = [plain_value(part.raw[schema.arrival][row]) for row in rows.tolist()]
                self.no_arrivals |= zip(numbers, cells, strict=True)
        columns |= {name: arrow_values(column) for name, column in values.items()}
        return pa.table(columns), np.flatnonzero(~keyed & (metric >= 0))

    def _metrics(self, names: Texts) -> Integers:
        """Place of the field that each row is of, -1 if it is none of the schema; such rows are counted."""
        codes, texts = names
        places = {name: place for place, name in enumerate(self.schema.sent_fields)}
        renamed = [self.schema.rename.get(text, text) for text in texts]
        rows = np.bincount(codes + 1, minlength=len(texts) + 1).tolist()
        for name, count in zip(["no name", *renamed], rows, strict=True):
            if count and name not in places:
                self.others[name] = self.others.get(name, 0) + count
        return np.array([*(places.get(name, -1) for name in renamed), -1], dtype=np.int64)[codes]

    def _values(
        self, part: FileRows, metric: Integers, reading: Integers, at: Integers
    ) -> tuple[dict[str, Values], Bools, Bools]:
        """Values of readings by field, and whether they are given and refused, shape (fields, n).

        :param metric: place of the field of each value.
        :param reading: number of its reading, which has one value of a field at most.
        :param at: its row in the part.
        """
        schema, form = self.schema, self.schema.files
        fields, size = schema.sent_fields, int(reading[-1]) + 1 if len(reading) else 0
        cell = metric * size + reading
        given = np.zeros(len(fields) * size, dtype=np.bool_)
        given[cell] = True
        floats = np.full(len(given), np.nan)
        floats[cell] = part.columns[form.value].to_numpy()[at]
        refused = np.zeros(len(given), dtype=np.bool_)
        refused[cell] = part.refused[form.value][at]
        refusals = refused.reshape(len(fields), size)
        decimal, counters = form.decimal_of(part.name), {metric.name for metric in schema.counter_metrics}
        found: dict[str, Values] = {}
        for place, (name, values) in enumerate(zip(fields, floats.reshape(len(fields), size), strict=True)):
            found[name] = values
            if name in counters or name not in schema.cell_rules:
                continue
            mine = np.flatnonzero(metric == place)
            of, rows = at[mine], reading[mine]
            read = Numbers(values[rows], refusals[place][rows])
            # Where no cell is refused, nobody has kept what they were.
            cells = part.raw[form.value].take(pa.array(of)) if read.refused.any() else pa.nulls(len(of))
            values[rows], refusals[place][rows] = schema.cell_rules[name].of_numbers(read, cells, decimal)
        whole = f"{form.value} {AS_WHOLE}"
        for counter in schema.counter_metrics:
            place = fields.index(counter.name)
            mine = np.flatnonzero(metric == place)
            of, rows = at[mine], reading[mine]
            wholes = Wholes(part.columns[whole].array[of], part.refused[whole][of])
            if counter.name in schema.cell_rules:
                cells = part.raw[form.value].take(pa.array(of))
                wholes = schema.cell_rules[counter.name].of_wholes(wholes, cells, decimal)
            numbers, told = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.bool_)
            numbers[rows] = wholes.values.to_numpy(np.uint64, na_value=0)
            told[rows] = ~np.asarray(wholes.values.isna())
            refusals[place] = False
            refusals[place][rows] = wholes.refused
            if counter.counter is not None:
                refusals[place] |= told & (numbers > np.uint64(counter.counter.largest))
            found[counter.name] = whole_array(numbers, told)
        return found, given.reshape(len(fields), size), refusals

    def _remember_refused(
        self, part: FileRows, metric: Integers, refused: Bools, at: Integers, devices: Integers
    ) -> None:
        """Keep the first value of each metric that is refused, to say what it was.

        :param metric: place of the field of each value.
        :param refused: whether it is.
        :param at: its row in the part.
        """
        cells = part.raw[self.schema.files.value]
        for place in np.unique(metric[refused]).tolist():
            row = int(at[refused & (metric == place)].min())
            found = NoNumber(part.first + row, int(devices[row]), plain_value(cells[row]))
            self.no_numbers.setdefault((self.schema.sent_fields[place], part.file), found)

    def _tell_repeated(
        self, name: str, column: Values, rows: Integers, kept: Integers, found: _Parts
    ) -> None:
        """Count values of a field that are given again, those that are equal apart from the others.

        :param rows: places of the parts of readings with such a value.
        :param kept: of each the place of that with the value that counts.
        """
        other = differs(column, rows, kept)
        self.report.count("repeated_values", name, int(np.count_nonzero(~other)))
        self.report.count("contradicting_values", name, int(np.count_nonzero(other)))
        numbers = found.row[rows[other]]
        if not len(numbers) or numbers.min() >= self._contradicting:
            return
        self._contradicting = int(numbers.min())
        row, stays, _ = first_contradiction({name: column}, rows[other], kept[other], numbers)
        other_value, kept_value = (
            Place(column[at], f"{self.row_text(int(found.row[at]))} on") for at in (row, stays)
        )
        key = self.key(int(found.devices[row]), int(found.micros[row]))
        shown = contradiction(key, name, other_value, kept_value, FIRST_ROW)
        self.report.samples["contradicting_values"] = shown

    def joined(self, table: pa.Table, ranks: Integers) -> JoinedReadings:
        """Readings of parts that are all there are of some times.

        :param ranks: place of each device among all of them in the order of their keys.
        """
        micros, devices, row = (table[name].to_numpy() for name in (TIME, DEVICE_CODE, ROW))
        keys = micros, ranks[devices], row
        if not ascends(keys):
            order = np.lexsort(keys[::-1])
            table = table.take(pa.array(order))
            micros, devices, row = micros[order], devices[order], row[order]
        first = _beginnings(micros, devices)
        fields = self.schema.sent_fields
        values = {name: plain_values(table[name]) for name in fields}
        refused = unpacked(table[REFUSED], len(fields))
        arrival = table[ARRIVAL].to_numpy()[first] if self.schema.arrival is not None else None
        if not first.all():
            reading = np.cumsum(first) - 1
            found = _Parts(micros, devices, row, unpacked(table[GIVEN], len(fields)))
            values, refused = self._first_given(values, found, refused, reading)
        self.readings += int(np.count_nonzero(first))
        return JoinedReadings(micros[first], devices[first], row[first], arrival, values, refused)

    def _first_given(
        self, values: dict[str, Values], parts: _Parts, refused: Bools, reading: Integers
    ) -> tuple[dict[str, Values], Bools]:
        """Of each field and reading the value of the first part that has one.

        :param reading: number of the reading of each part, ascending.
        """
        size = int(reading[-1]) + 1
        refusals = np.zeros((len(values), size), dtype=np.bool_)
        found: dict[str, Values] = {}
        for place, (name, column) in enumerate(values.items()):
            at = np.flatnonzero(parts.given[place])
            again = np.concatenate([[False], reading[at][1:] == reading[at][:-1]])[: len(at)]
            if again.any():
                self._tell_repeated(name, column, at[again], at[kept_of(again)][again], parts)
                at = at[~again]
            of = reading[at]
            refusals[place, of] = refused[place, at]
            if isinstance(column, np.ndarray):
                floats = np.full(size, np.nan)
                floats[of] = column[at]
                found[name] = floats
            else:
                numbers, told = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.bool_)
                numbers[of] = column[at].to_numpy(np.uint64, na_value=0)
                told[of] = ~np.asarray(column[at].isna())
                found[name] = whole_array(numbers, told)
        return found, refusals

    def tell(self) -> None:
        """Note what became of the rows."""
        if self.others:
            told = sorted(self.others.items(), key=lambda entry: -entry[1])
            shown = listed([f"{name} ({rows:,} rows)" for name, rows in told], _SHOWN)
            self.report.notes.append(f"not metrics of the schema: {shown}")
        self.report.notes.append(f"long layout: {self.rows:,} rows make {self.readings:,} readings")


def _beginnings(micros: Integers, devices: npt.NDArray[np.integer[Any]]) -> Bools:
    """Which rows begin another reading than the row before them."""
    other = (micros[1:] != micros[:-1]) | (devices[1:] != devices[:-1])
    return np.concatenate([np.ones(min(len(micros), 1), dtype=np.bool_), other])


def _occurrences(cells: Integers) -> Integers | None:
    """How many equal ones there are before each; None if all differ.

    >>> _occurrences(np.array([7, 8, 7, 7])).tolist()
    [0, 0, 1, 2]

    :param cells: whole numbers that are not much larger than there are cells.
    """
    seen = np.zeros(int(cells.max(initial=-1)) + 1, dtype=np.bool_)
    seen[cells] = True
    if np.count_nonzero(seen) == len(cells):  # Nearly always; sorting costs ten times as much.
        return None
    order = np.argsort(cells, kind="stable")
    begins = np.concatenate([[True], cells[order][1:] != cells[order][:-1]])
    found = np.empty(len(cells), dtype=np.int64)
    found[order] = np.arange(len(cells)) - np.maximum.accumulate(np.where(begins, np.arange(len(cells)), 0))
    return found
