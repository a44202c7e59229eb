"""Rows of one table of a telemetry folder, while reasons to leave them out are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.ingest_report import FileMark, FileReport
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.table_files import load_table
from feature_sets.telemetry.time_columns import parse_times

Bools = npt.NDArray[np.bool_]


def split_files(
    folder: Path, files: Sequence[Path], known: Mapping[str, FileMark], devices: int
) -> tuple[list[Path], dict[str, FileMark]]:
    """The files that are to be read, and those that were read as they are, by name, with their marks.

    :param known: marks of earlier ingestions, by name of the file in the folder.
    :param devices: how many devices are known now.
    """
    unread, unchanged = [], {}
    for path in files:
        name = str(path.relative_to(folder))
        mark = known.get(name)
        if mark is not None and mark.is_of(mark_of(path), devices):
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
    :param columns: see ``load_table``.
    :param numbers: see ``load_table``.
    """

    def __init__(
        self,
        folder: Path,
        files: list[Path],
        schema: TelemetrySchema,
        report: FileReport,
        columns: list[str],
        numbers: list[str],
    ) -> None:
        # Before they are read: a file that changes meanwhile is another one the next time.
        self._marks = {str(path.relative_to(folder)): mark_of(path) for path in files}
        raw = load_table(files, schema, columns, numbers)
        report.paths = list(self._marks)
        report.rows_read += len(raw.frame)
        self.report = report
        self.frame = raw.frame
        self.keep = np.ones(len(raw.frame), dtype=np.bool_)
        self._file = np.repeat(np.arange(len(files)), raw.lengths)
        self._rejected: dict[str, npt.NDArray[np.int64]] = {}
        self.reject("missing_device", raw.missing)
        self.reject("separator_in_key", raw.ambiguous)
        self.reject("broken_text_in_key", raw.broken)

    def reject(self, reason: str, rows: Bools) -> None:
        """Leave out the given rows, unless they already are."""
        newly = rows & self.keep
        self.report.reject(reason, int(newly.sum()))
        if newly.any():
            self._rejected[reason] = np.bincount(self._file[newly], minlength=len(self._marks))
        self.keep &= ~newly

    def reject_times(self, column: str, kind: str, schema: TelemetrySchema, optional: bool = False) -> None:
        """Replace a column by UTC times.

        :param kind: ``time``, ``arrival`` or ``valid_from``, as the reasons call it.
        :param optional: whether a cell may be empty.
        """
        empty = (
            self.frame[column].isna().to_numpy() if optional else np.zeros(len(self.frame), dtype=np.bool_)
        )
        parsed = parse_times(self.frame[column], schema.assume_timezone == "UTC")
        self.reject(f"unparsable_{kind}", parsed.unparsable & ~empty)
        self.reject(f"naive_{kind}", parsed.naive)
        self.frame[column] = parsed.times
        for unit, rows in parsed.units.items():
            self.report.notes.append(f"{kind}_unit {unit}: {rows:,} times were epoch numbers in this unit")

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
            raise TelemetryError(", ".join(self.report.paths), rule, f"{self.report.rows_read} rows")
        for number, (name, mark) in enumerate(self._marks.items()):
            counts = {reason: int(rows[number]) for reason, rows in self._rejected.items() if rows[number]}
            rows = int(np.count_nonzero(self._file == number))
            self.report.marks[name] = FileMark(mark.size, mark.modified, rows, counts, devices)
        return self.frame[self.keep].sort_values(order, kind="stable", ignore_index=True)

    @staticmethod
    def none(columns: Mapping[str, str]) -> pd.DataFrame:
        """A table without rows.

        :param columns: name -> type.
        """
        typed = {DEVICE: "object", **columns}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in typed.items()})
