"""Annotated CSV of InfluxDB as tables of text, one row a value; a file may hold several tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from feature_sets.checks import InputError
from feature_sets.telemetry.json_files import labels_beside
from feature_sets.telemetry.text_files import open_text, readable_cells

_TIME, _FIELD, _VALUE, _MEASUREMENT = "_time", "_field", "_value", "_measurement"
_NO_TAGS = ("", "result", "table", "_start", "_stop", _TIME, _FIELD, _VALUE, _MEASUREMENT)
_NUMBERS = ("double", "long", "unsignedLong", "boolean")
_SHOWN = 100

BEGINNING = ",result,table,"
"""With what the header of a table begins."""


class _Table(NamedTuple):
    """One table of a file.

    :param header: names of its columns.
    :param kinds: annotation -> what it says of each column.
    """

    header: list[str]
    kinds: Mapping[str, list[str]]

    @property
    def is_error(self) -> bool:
        """Whether it tells why a query failed."""
        return "error" in self.header and "reference" in self.header

    @property
    def metrics(self) -> dict[str, int]:
        """Columns that hold values, with their places: that of fields, or each number that is no tag."""
        if _FIELD in self.header and _VALUE in self.header:
            return {_VALUE: self.header.index(_VALUE)}
        types, groups = self.kinds.get("#datatype", []), self.kinds.get("#group", [])
        return {
            name: place
            for place, (name, kind) in enumerate(zip(self.header, types, strict=False))
            if kind in _NUMBERS and name not in ("", "table") and groups[place : place + 1] != ["true"]
        }

    @property
    def tags(self) -> dict[str, int]:
        """Columns that name the series, with their places."""
        metrics = self.metrics
        return {
            name: place
            for place, name in enumerate(self.header)
            if name not in _NO_TAGS and name not in metrics
        }


def _rows(path: Path | str) -> Iterator[tuple[int, _Table, list[str] | None]]:
    """Lines of a file with their table: first its header as None, then each row.

    :raises InputError: if a line does not fit its table, or the file holds an error.
    """
    kinds: dict[str, list[str]] = {}
    table: _Table | None = None
    with (
        readable_cells(),
        open_text(path) as stream,
        io.TextIOWrapper(stream, "utf-8-sig", newline="") as text,
    ):
        reader = csv.reader(text)
        line = 1
        for row in reader:
            here, line = line, reader.line_num + 1
            if not row or row == [""]:
                table = None
            elif row[0].startswith("#"):
                if table is not None:
                    table, kinds = None, {}
                kinds[row[0]] = row
            elif table is None:
                table, kinds = _Table(row, kinds), {}
                if not table.is_error:
                    _check(table, here)
                    yield here, table, None
            elif table.is_error:
                raise InputError(f"line {here:,}", "must be no error of the query", ",".join(row)[:_SHOWN])
            elif len(row) != len(table.header):
                rule = f"must have {len(table.header):,} cells, as the header of its table has"
                raise InputError(f"line {here:,}", rule, f"{len(row):,}: {','.join(row)[:_SHOWN]}")
            else:
                yield here, table, row


def _check(table: _Table, line: int) -> None:
    """Raise InputError unless a table has times and values."""
    header = table.header
    where = f"line {line:,}"
    for kind, said in table.kinds.items():
        if len(said) != len(header):
            rule = f"must have {len(said):,} cells, as the annotation {kind} before it has"
            raise InputError(where, rule, f"{len(header):,}: {','.join(header)[:_SHOWN]}")
    if _TIME not in header:
        rule = f"must have the column {_TIME}; values of a whole query, such as a mean, have none"
        raise InputError(where, rule, header)
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise InputError(where, "must have columns of different names", twice)
    if not table.metrics:
        rule = f"must have the columns {_FIELD} and {_VALUE}, or #datatype must say which are numbers"
        raise InputError(where, rule, header)


@lru_cache(maxsize=8)
def tags_of(path: str, stamp: tuple[int, int]) -> tuple[str, ...]:
    """Names of the tags of all tables of a file.

    :param stamp: time of the last change and size, so that it is another one if it changes.
    :raises InputError: if the file is of another form.
    """
    found: dict[str, None] = {}
    for _, table, row in _rows(path):
        if row is None:
            found.update(dict.fromkeys(table.tags))
    return tuple(found)


def has_more_tables(path: Path) -> bool:
    """Whether a file has more than the table that it begins with.

    :raises OSError: if it cannot be read.
    """
    with open_text(path) as stream, io.TextIOWrapper(stream, "utf-8-sig", "replace") as text:
        return sum(line.startswith(BEGINNING) for line in text) > 1


class _Plan(NamedTuple):
    """Where a row of a table has what is asked for.

    :param time: place of the time.
    :param values: place of each value, and the name of its metric; None where the row has it.
    :param labels: place of each label that is asked for, -1 if the table has none.
    """

    time: int
    values: list[tuple[int, str | None]]
    labels: list[int]
    field: int
    measurement: int
    defaults: list[str]

    @classmethod
    def of(cls, table: _Table, own: tuple[str, str, str], stem: str, labels: Sequence[str]) -> _Plan:
        header = table.header
        called = dict(zip(labels_beside(table.tags, own), table.tags.values(), strict=True))
        is_named = _FIELD in header and _VALUE in header
        values: list[tuple[int, str | None]] = [
            (place, None if is_named else stem if name == _VALUE else name)
            for name, place in table.metrics.items()
        ]
        return cls(
            header.index(_TIME),
            values,
            [called.get(label, -1) for label in labels],
            header.index(_FIELD) if is_named else -1,
            header.index(_MEASUREMENT) if _MEASUREMENT in header else -1,
            table.kinds.get("#default", []),
        )


def value_tables(
    path: Path, own: tuple[str, str, str], stem: str, columns: Sequence[str], rows: int
) -> Iterator[pa.Table]:
    """Columns of the values of all tables, some rows at a time; there is one part at least.

    A metric is ``measurement_field``, as of Telegraf; where the query kept no fields, the name of its column.

    :param own: names of the columns of the time, the metric and the value.
    :param stem: name of the file, for values without any name.
    :param columns: which of these and of the labels.
    :param rows: of a part, about.
    :raises InputError: if the file is of another form.
    """
    labels = [column for column in columns if column not in own]
    cells: dict[str, list[str | None]] = {name: [] for name in (*own, *labels)}
    times, metrics, values = (cells[name] for name in own)
    beside = [cells[label] for label in labels]
    names: dict[tuple[str, str], str] = {}
    plan: _Plan | None = None
    given = False
    for _, table, row in _rows(path):
        if row is None:
            plan = _Plan.of(table, own, stem, labels)
            continue
        if plan is None:
            raise RuntimeError("a row must come after the header of its table")
        if plan.defaults:
            row = [cell or default for cell, default in zip(row, plan.defaults, strict=True)]
        measurement = row[plan.measurement] if plan.measurement >= 0 else ""
        for place, name in plan.values:
            key = measurement, row[plan.field] if name is None else name
            metric = names.get(key) or names.setdefault(key, "_".join(filter(None, key)))
            if not row[place] and name is not None:  # A pivoted row need not have all fields.
                continue
            times.append(row[plan.time])
            metrics.append(metric)
            values.append(row[place])
            for label, at in zip(beside, plan.labels, strict=True):
                label.append(row[at] if at >= 0 else None)
        if len(times) >= rows:
            given = True
            yield _table(cells, columns)
            for column in cells.values():
                column.clear()
    if times or not given:
        yield _table(cells, columns)


def _table(cells: Mapping[str, list[str | None]], columns: Sequence[str]) -> pa.Table:
    return pa.table({name: pa.array(cells[name], pa.string()).dictionary_encode() for name in columns})
