"""Rows of one table of a telemetry folder, while reasons to leave them out are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Bools
from feature_sets.telemetry.cell_text import plain_value, texts_of
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.event_time import seconds_of
from feature_sets.telemetry.events import brief
from feature_sets.telemetry.ingest_report import FileMark, FileReport
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.table_files import Columns, FileRows, joined, load_file

Widen = Callable[[Iterable[FileRows], TelemetrySchema, FileReport], list[FileRows]]

_NAMED = 20
"""Columns that a note names at most."""


def split_files(
    folder: Path, files: Sequence[Path], known: Mapping[str, FileMark], devices: int, now: float = 0.0
) -> tuple[list[Path], dict[str, FileMark]]:
    """The files that are to be read, and those that were read as they are, by name, with their marks.

    :param known: marks of earlier ingestions, by name of the file in the folder.
    :param devices: how many devices are known now.
    :param now: epoch seconds.
    """
    unread, unchanged = [], {}
    for path in files:
        name = str(path.relative_to(folder))
        mark = known.get(name)
        if mark is not None and mark.is_of(mark_of(path), devices, now):
            unchanged[name] = mark
        else:
            unread.append(path)
    return unread, unchanged


def mark_of(path: Path) -> FileMark:
    """Size and time of the last change of a file, now."""
    found = path.stat()
    return FileMark(size=found.st_size, modified=found.st_mtime_ns)


class TableRows:
    """Rows of one table while reasons to leave them out are found, one reason after the other.

    :param folder: of the telemetry.
    :param files: to be read.
    :param columns: what is read of them, beside the key.
    :param widen: what makes rows of what the files hold, if these are in another layout.
    """

    def __init__(
        self,
        folder: Path,
        files: Sequence[Path],
        schema: TelemetrySchema,
        report: FileReport,
        columns: Columns,
        widen: Widen | None = None,
    ) -> None:
        # Before they are read: a file that changes meanwhile is another one the next time.
        self._marks = {str(path.relative_to(folder)): mark_of(path) for path in files}
        parts = (load_file(folder, path, schema, columns) for path in files)
        self._parts = list(parts) if widen is None else widen(parts, schema, report)
        self._schema = schema
        self.frame = pd.DataFrame(joined(self._parts, "columns"), copy=False)
        self._refused, self._naive = joined(self._parts, "refused"), joined(self._parts, "naive")
        lengths = [len(part.missing) for part in self._parts]
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        report.paths = list(self._marks)
        report.rows_read += len(self.frame)
        self.report = report
        self.keep = np.ones(len(self.frame), dtype=np.bool_)
        self._file = np.repeat(np.arange(len(files)), lengths)
        self._rejected: dict[str, npt.NDArray[np.int64]] = {}
        self._due: dict[int, float] = {}
        for reason, kind in (
            ("missing_device", "missing"),
            ("separator_in_key", "ambiguous"),
            ("broken_text_in_key", "broken"),
        ):
            rows = np.concatenate([getattr(part, kind) for part in self._parts])
            self.reject(reason, rows, "" if kind == "missing" else DEVICE)
        self._note_unused()

    def _note_unused(self) -> None:
        unused = list(dict.fromkeys(column for part in self._parts for column in part.unused))
        if unused:
            self.report.notes.append(f"not used by the schema: {listed(unused, _NAMED)}")

    def file_names(self) -> npt.NDArray[np.object_]:
        """Name of the file that each row is from, shape (n,)."""
        return np.array([*self._marks, ""], dtype=object)[self._file]

    def reject(self, reason: str, rows: Bools, column: str = "") -> None:
        """Leave out the given rows, unless they already are.

        :param column: whose cell is to blame, for the sample in the report; none if it is the row.
        """
        newly = rows & self.keep
        count = int(np.count_nonzero(newly))
        self.report.reject(reason, count)
        if count:
            self._rejected[reason] = np.bincount(self._file[newly], minlength=len(self._marks))
            if column:
                self._sample(reason, int(np.argmax(newly)), column)
        self.keep &= ~newly

    def _sample(self, reason: str, row: int, column: str) -> None:
        """Note where the first of the rejected rows is, and what its cell holds."""
        file = int(self._file[row])
        part, place = self._parts[file], row - int(self._starts[file])
        if column in part.raw.column_names:
            cells = {column: plain_value(part.raw[column][place])}
        else:
            keys = [name for name in self._schema.entity if name in part.raw.column_names]
            cells = {name: plain_value(part.raw[name][place]) for name in keys}
        shown = ", ".join(f"{name} {brief(cell)!r}" for name, cell in cells.items())
        sample = f"{shown} in row {place + 1:,} of {part.name}{self._rule(reason, cells)}"
        self.report.samples.setdefault(reason, sample)

    def _rule(self, reason: str, cells: Mapping[str, object]) -> str:
        """What a time must be, in the words of the live events."""
        if not reason.startswith(("unparsable_", "naive_")):
            return ""
        (cell,) = cells.values()
        try:
            seconds_of(cell, self._schema.assume_timezone)
        except InputError as error:
            return f": {error.rule}"
        return ""

    def reject_times(self, column: str, kind: str, optional: bool = False) -> None:
        """Leave out rows whose cell in a column of times is none.

        :param kind: ``time``, ``arrival`` or ``valid_from``, as the reasons call it.
        :param optional: whether a cell may be empty.
        """
        refused = self._refused[column]
        if optional:
            given = [texts_of(part.raw[column]).codes >= 0 for part in self._parts]
            refused = refused & np.concatenate(given)
        self.reject(f"unparsable_{kind}", refused, column)
        self.reject(f"naive_{kind}", self._naive[column], column)
        units: dict[str, int] = {}
        for part in self._parts:
            for unit, rows in part.units[column].items():
                units[unit] = units.get(unit, 0) + rows
        for unit, rows in units.items():
            self.report.notes.append(f"{kind}_unit {unit}: {rows:,} times were epoch numbers in this unit")

    def reject_from_future(self, column: str, now: float, tolerance: float) -> None:
        """Leave out rows whose time is further ahead of the clock than the tolerance, as live events.

        :param now: epoch seconds.
        :param tolerance: seconds.
        """
        micros = self.frame[column].astype("int64").to_numpy() // 1000  # That of no time is the smallest.
        ahead = self.keep & (micros > round((now + tolerance) * 1e6))
        self.reject("from_future", ahead, column)
        for number in np.unique(self._file[ahead]).tolist():
            self._due[number] = float(micros[ahead & (self._file == number)].min()) / 1e6 - tolerance

    def reject_refused(self, column: str, reason: str) -> None:
        """Leave out rows whose cell is not what the column is."""
        self.reject(reason, self._refused[column], column)

    def reject_duplicates(
        self, keys: list[str], arrival: str | None = None, early: Bools | None = None
    ) -> None:
        """Leave out rows that repeat the keys of an earlier row that is kept.

        :param arrival: column that says which of them arrived first; without it, their order in the file.
        :param early: rows that count for nothing, so that another one with the same keys stays.
        """
        repeated = np.zeros(len(self.frame), dtype=np.bool_)
        kept = np.flatnonzero(self.keep)
        if arrival is not None:
            last = np.zeros(len(self.frame), dtype=np.bool_) if early is None else early
            kept = kept[np.lexsort((self.frame[arrival].iloc[kept].to_numpy(), last[kept]))]
        repeated[kept] = self.frame[keys].iloc[kept].duplicated().to_numpy()
        self.reject("duplicate", repeated)

    def accepted(self, order: list[str], some: bool = True, devices: int = 0) -> pd.DataFrame:
        """Rows that are left, sorted; the report gets the marks of the files.

        :param some: whether there must be one.
        :param devices: how many devices are known.
        :raises TelemetryError: if none is left.
        """
        if some and not self.keep.any():
            rule = f"must hold at least one usable row; rejected {self.report.rejected}"
            samples = "; ".join(f"{reason}: {sample}" for reason, sample in self.report.samples.items())
            got = f"{self.report.rows_read} rows" + (f" ({samples})" if samples else "")
            raise TelemetryError(", ".join(self.report.paths), rule, got)
        for number, (name, mark) in enumerate(self._marks.items()):
            counts = {reason: int(rows[number]) for reason, rows in self._rejected.items() if rows[number]}
            rows = int(np.count_nonzero(self._file == number))
            self.report.marks[name] = FileMark(
                mark.size, mark.modified, rows, counts, devices, self._due.get(number, 0.0)
            )
        return self.frame[self.keep].sort_values(order, kind="stable", ignore_index=True)

    @staticmethod
    def none(columns: Mapping[str, str]) -> pd.DataFrame:
        """A table without rows.

        :param columns: name -> type.
        """
        typed = {DEVICE: "object", **columns}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in typed.items()})
