"""The files of one telemetry table as one table, typed by what the schema says of each column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.checks import InputError
from feature_sets.rows.entity_keys import KEY_TEXT_RULE, is_key_text
from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.arrow_files import check_separator, file_columns, partition_values, read_file
from feature_sets.telemetry.cell_numbers import numbers_of, wholes_of
from feature_sets.telemetry.cell_text import Texts, id_text, one_form, texts_of
from feature_sets.telemetry.device_keys import compose_keys, no_keys
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.events import brief
from feature_sets.telemetry.file_chunks import file_chunks, read_ahead
from feature_sets.telemetry.file_format import FileFormat
from feature_sets.telemetry.found_separator import form_of_file
from feature_sets.telemetry.no_value import CellRule
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.time_columns import times_in_order
from feature_sets.telemetry.twice_shown import TwiceShown

AS_WHOLE = "(whole)"
"""After the name of a column that is read as floats and as whole numbers."""


@dataclass(frozen=True)
class Columns:
    """Columns of a table by what they are.

    :param times: read by the grammar of ``event_time``.
    :param numbers: as float64.
    :param truths: 0 or 1, or a word of ``labels.values``.
    :param texts: of any type, as text.
    :param ids: of the texts those that are compared with each other only: 7.0 is 7 there.
    :param wholes: name -> the largest whole number that there may be.
    :param keyed: whether each row is of one device; without that there is no key.
    :param optional: those that a file may lack; its rows have nothing there.
    """

    times: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    truths: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    keyed: bool = True
    wholes: Mapping[str, int] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()

    def whole_key(self, column: str) -> str:
        """How a column is called as whole numbers; another name than its own if it is read as floats too."""
        return f"{column} {AS_WHOLE}" if column in self.numbers else column

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys([*self.times, *self.numbers, *self.truths, *self.texts, *self.wholes]))


@dataclass
class FileRows:
    """Rows of a table as they were in one file, or in a part of it, typed.

    :param name: of the file in the folder.
    :param raw: the columns as they were in the file, by their names in the schema; without those of numbers
        that are all right.
    :param devices: key of each row, none in the rows below.
    :param columns: typed, and ``device`` as text.
    :param texts: those of text.
    :param missing: rows without a device.
    :param ambiguous: rows whose key would be ambiguous.
    :param broken: rows whose key has a lone surrogate or a NUL.
    :param refused: column -> rows whose cell is not what the column is; of times: no time at all.
    :param naive: column -> rows whose time has no zone.
    :param local: the same, also where the schema has a zone for them; of all rows, not of some taken.
    :param units: column -> epoch unit -> rows.
    :param twice: column -> rows whose time clocks show twice; they are refused, too.
    :param unused: columns that nobody reads.
    :param absent: columns that the file may lack, and does.
    :param file: number of the file.
    :param first: number of the first row in the file, from 0 on.
    :param places: numbers of the rows after it; all, in their order, if None.
    """

    name: str
    raw: pa.Table
    devices: Texts
    missing: Bools
    ambiguous: Bools
    broken: Bools
    columns: dict[str, pd.Series] = field(default_factory=dict)
    texts: dict[str, Texts] = field(default_factory=dict)
    refused: dict[str, Bools] = field(default_factory=dict)
    naive: dict[str, Bools] = field(default_factory=dict)
    local: dict[str, Bools] = field(default_factory=dict)
    units: dict[str, dict[str, int]] = field(default_factory=dict)
    twice: dict[str, TwiceShown] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    file: int = 0
    first: int = 0
    places: Integers | None = None

    def row_number(self, place: int) -> int:
        """Number of a row in the file, from 0 on."""
        return self.first + (place if self.places is None else int(self.places[place]))

    def take(self, rows: Integers) -> FileRows:
        """Some rows, to say what is wrong with them."""
        return replace(
            self,
            raw=self.raw.take(pa.array(rows)),
            devices=Texts(self.devices.codes[rows], self.devices.values),
            missing=self.missing[rows],
            ambiguous=self.ambiguous[rows],
            broken=self.broken[rows],
            columns={name: column.iloc[rows].reset_index(drop=True) for name, column in self.columns.items()},
            texts={},
            twice={},
            local={},
            refused={name: mask[rows] for name, mask in self.refused.items()},
            naive={name: mask[rows] for name, mask in self.naive.items()},
            places=rows,
        )


@dataclass(frozen=True)
class _FilePlan:
    """How the rows of one file are read.

    :param form: of the file.
    :param present: how the file calls each column, see ``columns_of``.
    :param given: columns that its path gives it.
    :param keys: columns that the key is made of.
    :param wanted: all columns that are read.
    :param inside: those of them that are in the file.
    """

    path: Path
    name: str
    schema: TelemetrySchema
    columns: Columns
    form: FileFormat
    present: Mapping[str, str | None]
    given: Mapping[str, str]
    keys: tuple[str, ...]
    wanted: tuple[str, ...]
    inside: tuple[str, ...]

    @property
    def absent(self) -> tuple[str, ...]:
        """Wanted columns that it may lack, and does."""
        return tuple(column for column in self.wanted if column not in self.present)

    @classmethod
    def of(cls, folder: Path, path: Path, schema: TelemetrySchema, columns: Columns) -> _FilePlan:
        """Raise TelemetryError unless the file has all that is asked for."""
        name = str(path.relative_to(folder))
        form = form_of_file(path, name, schema)
        present = columns_of(folder, path, schema, form)
        keys: tuple[str, ...] = schema.entity if columns.keyed else ()
        if not all(column in present for column in keys):
            if DEVICE not in present:
                absent = next(column for column in keys if column not in present)
                rule = f"is required (or a column '{DEVICE}' with the full key)"
                if form.format == "grafana":
                    rule += (
                        ', as a label of the series, or in their names by files.series: "{device} {metric}"'
                    )
                check_separator(path, name, schema.files)
                raise TelemetryError(f"{name}, column '{absent}'", rule, list(present))
            keys = (DEVICE,)
        for column in columns.names:
            if column not in present and column not in columns.optional:
                check_separator(path, name, schema.files)
                way = " (unless the metric is optional)" if column in schema.metric_names else ""
                raise TelemetryError(f"{name}, column '{column}'", f"is required{way}", list(present))
        wanted = tuple(dict.fromkeys([*keys, *columns.names]))
        inside = [column for column in wanted if present.get(column) is not None]
        if not inside:  # Its path says it all, but for the number of its rows.
            inside = [column for column, given_as in present.items() if given_as is not None][:1]
        if not inside:
            raise TelemetryError(name, "must have columns", list(present))
        given = partition_values(path, folder, schema.files)
        return cls(path, name, schema, columns, form, present, given, keys, wanted, tuple(inside))

    def asked(self) -> dict[str, Any]:
        """What is asked of the file."""
        rules = cell_rules_of(self.schema)
        # Those with words are none from the start: else the whole file would be read anew as text.
        numbers = [name for name in self.columns.numbers if name not in rules or not rules[name].values]
        return {
            "path": self.path,
            "name": self.name,
            "columns": [str(self.present[column]) for column in self.inside],
            "numbers": [str(self.present[column]) for column in numbers if column in self.inside],
            "form": self.form,
            "wholes": [str(self.present[column]) for column in self.columns.wholes if column in self.inside],
            "words": self.schema.no_value_words,
        }

    def rows(self, table: pa.Table, file: int = 0, first: int = 0) -> FileRows:
        """Rows that were read, typed."""
        table = table.rename_columns(list(self.inside))
        for column in self.wanted:
            if column not in self.present:
                table = table.append_column(column, pa.nulls(table.num_rows))
            elif column not in self.inside:
                constant = pa.array([self.given[column]], pa.string()).dictionary_encode()
                indices = pa.array(np.zeros(table.num_rows, dtype=np.int32))
                table = table.append_column(
                    column, pa.DictionaryArray.from_arrays(indices, constant.dictionary)
                )
        parts = [_texts(table, column, self.name) for column in self.keys]
        separator = self.schema.separator
        composed = compose_keys(parts, separator) if self.keys else no_keys(table.num_rows)
        rows = FileRows(
            self.name,
            table,
            composed.texts,
            composed.missing,
            composed.ambiguous,
            composed.broken,
            {DEVICE: composed.texts.series()},
            unused=tuple(
                column for column in self.present if column not in (*self.wanted, *self.schema.entity)
            ),
            absent=self.absent,
            file=file,
            first=first,
        )
        _type_columns(rows, self.schema, self.columns)
        return rows


def load_file(folder: Path, path: Path, schema: TelemetrySchema, columns: Columns) -> FileRows:
    """Rows of one file, which has all entity columns, or ``device`` with the full key, where rows have one.

    :param columns: what else is read; all must be there.
    :raises TelemetryError: if it cannot be read or lacks a column.
    """
    plan = _FilePlan.of(folder, path, schema, columns)
    return plan.rows(read_file(**plan.asked()))


def load_chunks(
    folder: Path, files: Sequence[Path], schema: TelemetrySchema, columns: Columns
) -> Iterator[FileRows]:
    """Rows of files, each in parts that take little memory; the next one is read meanwhile.

    A file without rows has one part.

    :raises TelemetryError: as ``load_file``, when it is that file's turn.
    """

    def tables() -> Iterator[tuple[_FilePlan, pa.Table, int, int]]:
        for number, path in enumerate(files):
            plan = _FilePlan.of(folder, path, schema, columns)
            first = 0
            for table in file_chunks(**plan.asked()):
                yield plan, table, number, first
                first += table.num_rows

    for plan, table, number, first in read_ahead(tables()):
        yield plan.rows(table, number, first)


def columns_of(
    folder: Path, path: Path, schema: TelemetrySchema, form: FileFormat | None = None
) -> dict[str, str | None]:
    """Names of the schema for the columns of a file, and how the file calls them; None for a folder's name.

    :param form: of the file, if it was found before; see ``form_of_file``.
    :raises TelemetryError: if the file cannot be read, or two of its columns get one name.
    """
    name = str(path.relative_to(folder))
    found: dict[str, str | None] = {}
    for column in file_columns(path, name, form or form_of_file(path, name, schema)):
        called = schema.rename.get(column, column)
        if called in found:
            other = f"'{found[called]}'"
            if called != column and called != found[called]:
                other += f", as rename in the schema makes both '{called}'"
            rule = f"must not be beside {other}: a file has one column of '{called}', by whichever name"
            raise TelemetryError(f"{name}, column '{column}'", rule, [found[called], column])
        found[called] = column
    return {**dict.fromkeys(partition_values(path, folder, schema.files)), **found}


def has_column(folder: Path, files: Sequence[Path], schema: TelemetrySchema, column: str) -> bool:
    """Whether all files have a column.

    :raises TelemetryError: if some have it and some do not, or a file cannot be read.
    """
    present = [columns_of(folder, path, schema) for path in files]
    found = [column in columns for columns in present]
    if any(found) and not all(found):
        without = found.index(False)
        name = str(files[without].relative_to(folder))
        given = list(present[without])
        raise TelemetryError(f"{name}, column '{column}'", "must be in all files or none", given)
    return all(found)


def joined(parts: Sequence[FileRows], kind: str) -> dict[str, Any]:
    """Columns or rows of all files, one after the other, of ``columns``, ``refused`` or ``naive``."""
    content: list[Mapping[str, Any]] = [getattr(part, kind) for part in parts]
    if len(content) == 1:
        return dict(content[0])
    if kind == "columns":
        return {
            column: pd.concat([part[column] for part in content], ignore_index=True) for column in content[0]
        }
    return {column: np.concatenate([part[column] for part in content]) for column in content[0]}


def _type_columns(rows: FileRows, schema: TelemetrySchema, columns: Columns) -> None:
    table, rules = rows.raw, cell_rules_of(schema)
    for column in columns.times:
        where = f"{rows.name}, column '{column}'"
        parsed = times_in_order(table[column], schema.time_rules, where, rows.first)
        rows.columns[column] = parsed.times
        rows.refused[column], rows.naive[column] = parsed.unparsable, parsed.naive
        rows.units[column], rows.twice[column] = parsed.units, parsed.twice
        rows.local[column] = parsed.local
    for column in columns.numbers:
        decimal = schema.files.decimal_of(rows.name)
        read = numbers_of(table[column], decimal)
        values, refused = (
            read if column not in rules else rules[column].of_numbers(read, table[column], decimal)
        )
        rows.columns[column], rows.refused[column] = pd.Series(values), refused
        if not refused.any() and column not in columns.wholes:  # Nobody will ask what it said.
            rows.raw = rows.raw.drop_columns([column])
    for column, largest in columns.wholes.items():
        decimal, key = schema.files.decimal_of(rows.name), columns.whole_key(column)
        found = wholes_of(table[column], largest, decimal)
        found = found if column not in rules else rules[column].of_wholes(found, table[column], decimal)
        whole, rows.refused[key] = found
        rows.columns[key] = pd.Series(whole)
    for column in columns.truths:
        texts = _texts(table, column, rows.name)
        truths = [schema.labels.truth_of(text) for text in texts.values]
        numbers = [np.nan if truth is None else float(truth) for truth in truths]
        values = np.array([*numbers, np.nan])[texts.codes]
        rows.columns[column], rows.refused[column] = pd.Series(values), np.isnan(values)
    for column in columns.texts:
        # Where no row needs a key, a column of keys is text as others are.
        if column not in rows.columns or (column == DEVICE and not columns.keyed):
            one_of = id_text if column in columns.ids else one_form
            codes, words = _texts(table, column, rows.name)
            broken = next((word for word in words if not is_key_text(word)), None)
            if broken is not None:
                raise TelemetryError(f"{rows.name}, column '{column}'", KEY_TEXT_RULE, brief(broken))
            rows.texts[column] = Texts(codes, [one_of(word) for word in words])
            rows.columns[column] = rows.texts[column].series()


def cell_rules_of(schema: TelemetrySchema) -> Mapping[str, CellRule]:
    """Rules of columns of numbers; the values of a long layout have that of all metrics in their column."""
    if not schema.files.is_long:
        return schema.cell_rules
    every = CellRule.of(schema.no_value)
    return {} if every.is_plain else {schema.files.value: every}


def _texts(table: pa.Table, column: str, name: str) -> Texts:
    try:
        return texts_of(table[column])
    except InputError as error:
        raise TelemetryError(f"{name}, column '{column}'", error.rule, error.got) from None
