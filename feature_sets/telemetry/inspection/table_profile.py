"""What the files of one table hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from feature_sets.checks import InputError
from feature_sets.telemetry.arrow_files import file_columns, first_rows, partition_values
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.event_time import DATE_ORDERS
from feature_sets.telemetry.file_format import PLAIN, FileFormat
from feature_sets.telemetry.inspection.column_profile import ColumnProfile, profile_column
from feature_sets.telemetry.inspection.date_order import EITHER
from feature_sets.telemetry.inspection.likely_format import form_of_one
from feature_sets.telemetry.time_columns import parse_times

LOOKED_AT = 100_000
"""Rows of a table that are looked at; the whole of a small one."""
_PLACES = 10
"""Places among many files that are looked at. Each has rows enough to tell how often a device reports."""


@dataclass(frozen=True)
class TableProfile:
    """What the files of one table hold.

    :param name: such as ``metrics``.
    :param files: names of its files.
    :param rows: of all files; None if it was not counted.
    :param looked_at: rows that the columns were looked at in: the first ones of some files, see ``_looks``.
    :param columns: name -> what it holds.
    :param partial: columns that some files have and some do not.
    :param of_folders: columns that the names of folders give, as in ``day=2/0.parquet``.
    :param head: the rows that were looked at.
    :param decimal: sign of numbers in text, a point or a comma.
    :param renamed: column -> how the files call it, where a schema would rename it.
    :param in_files: how some files call a column -> how the others do.
    :param lengths: rows of each file that were looked at.
    :param whole: whether all rows of each file were.
    :param zone: of times without one.
    :param folder: that the files are in, and how they are written.
    :param present: columns of each file.
    """

    name: str
    files: tuple[str, ...]
    rows: int | None
    looked_at: int
    columns: Mapping[str, ColumnProfile]
    partial: tuple[str, ...] = ()
    of_folders: frozenset[str] = frozenset()
    head: pa.Table = field(default_factory=lambda: pa.table({}))
    decimal: str = "."
    renamed: Mapping[str, str] = field(default_factory=dict)
    in_files: Mapping[str, str] = field(default_factory=dict)
    lengths: tuple[int, ...] = ()
    whole: tuple[bool, ...] = ()
    zone: str = "UTC"
    folder: Path | None = None
    form: FileFormat = PLAIN
    present: tuple[frozenset[str], ...] = ()

    @property
    def is_cut(self) -> bool:
        """Whether there are rows that were not looked at."""
        return not all(self.whole)

    def runs(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Number of the run of each row that was looked at: rows of one run follow each other."""
        begins = np.cumsum([0, *(not whole for whole in self.whole[:-1])])
        return np.repeat(begins[: len(self.lengths)], self.lengths)

    def of_cut_files(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Of each row that was looked at, whether others of its file were not."""
        return np.repeat(np.logical_not(self.whole[: len(self.lengths)]), self.lengths)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return {
            "files": list(self.files),
            "rows": self.rows,
            "rows_looked_at": self.looked_at,
            "columns": {name: column.to_dict() for name, column in self.columns.items()},
            "partial_columns": list(self.partial),
        }

    def called(self, names: Mapping[str, str]) -> TableProfile:
        """The same with other names of columns.

        :param names: of the files -> of the schema.
        """
        new = {name: names.get(name, name) for name in self.columns}
        return replace(
            self,
            columns={new[name]: column for name, column in self.columns.items()},
            partial=tuple(new.get(name, name) for name in self.partial),
            head=self.head.rename_columns([new[name] for name in self.head.column_names]),
            renamed={new[name]: name for name in self.columns if new[name] != name},
        )

    def in_order(self, order: str | None) -> TableProfile:
        """The same with dates read in this order where their own numbers do not tell; None leaves them."""
        columns = {
            name: profile_column(name, self.head[name], self.decimal, order)
            if order and column.order == EITHER
            else column
            for name, column in self.columns.items()
        }
        return replace(self, columns=columns)

    def times(self, name: str) -> pd.Series:
        """The times in a column, in UTC; none where nobody knows the order of dates or which hour."""
        order = self.columns[name].order
        return parse_times(self.head[name], self.zone, order if order in DATE_ORDERS else None).times

    def name_in(self, column: str, file: Sequence[str]) -> str | None:
        """How a file calls a column; None if it has none of its names.

        :param file: its columns, as it calls them.
        """
        common = self.renamed.get(column, column)
        names = [common, *(own for own, other in self.in_files.items() if other == common)]
        return next((name for name in names if name in file), None)

    def row_text(self, place: int) -> str:
        """Where a row that was looked at is, such as ``row 2 of a.csv``."""
        file = int(np.searchsorted(np.cumsum(self.lengths), place, side="right"))
        return f"row {place - sum(self.lengths[:file]) + 1:,} of {self.files[file]}"

    def heading(self) -> str:
        """One line about the table."""
        shown = self.files[0] if len(self.files) == 1 else f"{len(self.files):,} files, {self.files[0]} first"
        if self.rows == self.looked_at:
            return f"{self.name}: {self.rows:,} rows ({shown})"
        seen = sum(length > 0 for length in self.lengths)
        if len(self.files) == 1:
            looked = f"the first {self.looked_at:,} were looked at"
        else:
            each = "each file" if seen == len(self.files) else f"{seen:,} files"
            looked = f"{self.looked_at:,} were looked at, the first ones of {each}"
        count = f"more than {self.looked_at:,}" if self.rows is None else f"{self.rows:,}"
        return f"{self.name}: {count} rows, of which {looked} ({shown})"


def profile_table(
    folder: Path,
    name: str,
    files: Sequence[Path],
    form: FileFormat = PLAIN,
    names: Mapping[str, str] = MappingProxyType({}),
) -> TableProfile:
    """Look at the first rows of the files of a table: of each, or at ten places among many.

    :param files: of the table, at least one.
    :param form: of CSV files.
    :param names: of columns of some files -> those that the other files give them.
    :raises TelemetryError: if a file cannot be read.
    """
    present = [
        frozenset(
            names.get(column, column)
            for column in (*_columns_of(folder, path, form), *partition_values(path, folder, form))
        )
        for path in files
    ]
    looks = _looks(folder, files, form, present)
    heads = [
        look.head.rename_columns([names.get(column, column) for column in look.head.column_names])
        for look in looks
        if look.head is not None
    ]
    rows = [
        _counted(path) if look.rows is None else look.rows for path, look in zip(files, looks, strict=True)
    ]
    whole = _joined(heads)
    # Of files of both kinds, those in CSV may have another one.
    decimal = next((sign for path in files if (sign := form.decimal_of(path.name)) != "."), ".")
    partial = sorted(frozenset.union(*present) - frozenset.intersection(*present))
    return TableProfile(
        name,
        tuple(str(path.relative_to(folder)) for path in files),
        None if None in rows else sum(count or 0 for count in rows),
        whole.num_rows,
        {column: profile_column(column, whole[column], decimal) for column in whole.column_names},
        tuple(partial),
        frozenset(column for path in files for column in partition_values(path, folder, form)),
        whole,
        decimal,
        lengths=tuple(0 if look.head is None else look.head.num_rows for look in looks),
        folder=folder,
        form=form,
        whole=tuple(look.head is not None and look.rows == look.head.num_rows for look in looks),
        present=tuple(present),
        in_files=names,
    )


def _columns_of(folder: Path, path: Path, form: FileFormat) -> list[str]:
    name = str(path.relative_to(folder))
    return file_columns(path, name, form_of_one(path, name, form), keep=False)


class _Look(NamedTuple):
    """The first rows of a file, None if it was not looked at, and how many it has, None if nobody counted."""

    head: pa.Table | None = None
    rows: int | None = None


def _looks(
    folder: Path, files: Sequence[Path], form: FileFormat, present: Sequence[frozenset[str]]
) -> list[_Look]:
    """The first rows of each file; of many files those at some places, and of some that follow each.

    Files with other columns have a share of their own: a few of them among many would not be seen.
    What a file leaves of its share is for those that come later.

    :param present: columns of each file.
    """
    found = [_Look()] * len(files)
    kinds: dict[frozenset[str], list[int]] = {}
    for number, columns in enumerate(present):
        kinds.setdefault(columns, []).append(number)
    alike = sorted(kinds.values(), key=len) if len(kinds) <= _PLACES else [list(range(len(files)))]
    left = LOOKED_AT
    for kind, numbers in enumerate(alike):
        places = min(_PLACES, len(numbers))
        begins = np.linspace(0, len(numbers), places + 1).astype(int).tolist()
        of_kind = left // (len(alike) - kind)
        for place, (begin, end) in enumerate(pairwise(begins)):
            share = of_kind // (places - place)
            for number in numbers[begin:end]:
                if share <= 0:
                    break
                head, rows = _first_rows(folder, files[number], share, form)
                found[number] = _Look(head, rows)
                share, of_kind, left = (rest - head.num_rows for rest in (share, of_kind, left))
    return found


def _first_rows(folder: Path, path: Path, rows: int, form: FileFormat) -> tuple[pa.Table, int | None]:
    """See ``first_rows``; with the columns that the path gives."""
    name = str(path.relative_to(folder))
    head, count = first_rows(path, name, rows, form_of_one(path, name, form))
    for column, value in partition_values(path, folder, form).items():
        if column not in head.column_names:
            head = head.append_column(column, pa.array([value] * head.num_rows, pa.string()))
    return head, count


def _counted(path: Path) -> int | None:
    return int(pq.read_metadata(path).num_rows) if path.suffix == ".parquet" else None


def _joined(heads: list[pa.Table]) -> pa.Table:
    """One table; a column of different types in different files becomes text."""
    fields: dict[str, list[pa.Schema]] = {}
    for head in heads:
        for each in head.schema:
            fields.setdefault(each.name, []).append(pa.schema([each]))
    for name in [name for name, kinds in fields.items() if not _fit(kinds)]:
        heads = [
            head.set_column(head.schema.get_field_index(name), name, _as_text(head[name]))
            if name in head.column_names
            else head
            for head in heads
        ]
    return pa.concat_tables(heads, promote_options="default")


def _fit(kinds: list[pa.Schema]) -> bool:
    """Whether a column of these types, one a schema, can be one without becoming text."""
    try:
        pa.unify_schemas(kinds, promote_options="default")
    except pa.ArrowException:
        return False
    return True


def _as_text(column: pa.ChunkedArray) -> pa.Array:
    try:
        codes, values = texts_of(column)
    except InputError:  # Lists and structures.
        return pa.array([None if cell is None else str(cell) for cell in column.to_pylist()], pa.string())
    shown = [value.encode("utf-8", "backslashreplace").decode() for value in values]
    return pa.array(np.array([*shown, None], dtype=object)[codes], pa.string())
