"""Rows of telemetry while reasons to leave them out are found, and how many of each file that were."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.rows.entity_keys import KEY_TEXT_RULE, free_separator
from feature_sets.rows.keyed_rows import Bools
from feature_sets.telemetry.cell_numbers import number_hint, rounded_hint
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.event_time import seconds_of
from feature_sets.telemetry.events import brief
from feature_sets.telemetry.ingest_report import FileMark, FileReport, is_misread, is_most
from feature_sets.telemetry.metric_words import words_hint
from feature_sets.telemetry.other_writings import hint_of
from feature_sets.telemetry.reading_table import file_and_row
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.unit_text import unit_hint

_MOST_EMPTIED = 20
"""Files without a row that is accepted, of which one is shown, at most."""
_BYTES = 16
"""Of bytes in a cell that are shown."""


def mark_of(path: Path) -> FileMark:
    """Size and time of the last change of a file, now."""
    found = path.stat()
    return FileMark(size=found.st_size, modified=found.st_mtime_ns)


class FileTally:
    """Rows of each file, and of those how many were left out why.

    :param folder: of the telemetry.
    :param files: that are going to be read.
    """

    def __init__(self, folder: Path, files: Sequence[Path]) -> None:
        # Before they are read: a file that changes meanwhile is another one the next time.
        self._marks = {str(path.relative_to(folder)): mark_of(path) for path in files}
        self._rows = np.zeros(len(files), dtype=np.int64)
        self._rejected: dict[str, npt.NDArray[np.int64]] = {}
        self._due: dict[int, float] = {}
        self._misread: dict[str, npt.NDArray[np.int64]] = {}
        self._shown: dict[tuple[int, str], str] = {}

    @property
    def names(self) -> list[str]:
        """Of the files."""
        return list(self._marks)

    def read(self, files: npt.NDArray[np.integer[Any]]) -> None:
        """Count rows of these files."""
        self._rows += np.bincount(files, minlength=len(self._rows))

    def reject(self, reason: str, files: npt.NDArray[np.integer[Any]]) -> None:
        """Count rows of these files that are left out."""
        count = np.bincount(files, minlength=len(self._rows))
        self._rejected[reason] = self._rejected.get(reason, 0) + count

    def misread(self, reason: str, files: npt.NDArray[np.integer[Any]]) -> None:
        """Count those of the rows left out whose cell says something that breaks a rule."""
        count = np.bincount(files, minlength=len(self._rows))
        self._misread[reason] = self._misread.get(reason, 0) + count

    def wants(self, file: int, reason: str) -> bool:
        """Whether a row of a file that was left out so is still to be shown."""
        return (file, reason) not in self._shown and len(self._shown) < _MOST_EMPTIED

    def show(self, file: int, reason: str, text: str) -> None:
        """Keep a row of a file that breaks a rule as many do."""
        self._shown[file, reason] = text

    def row_text(self, number: int) -> str:
        """Where a row is, such as ``row 2 of a.csv``.

        :param number: see ``row_numbers``.
        """
        file, row = file_and_row(np.array([number]))
        return f"row {int(row[0]) + 1:,} of {self.names[int(file[0])]}"

    def wait(self, file: int, due: float) -> None:
        """Note when a row that is from the future may be taken, epoch seconds."""
        self._due[file] = min(due, self._due.get(file, due))

    def marks(self, devices: int) -> dict[str, FileMark]:
        """What was read of each file.

        :param devices: how many devices are known.
        """
        found = {}
        for number, (name, mark) in enumerate(self._marks.items()):
            counts = {reason: int(rows[number]) for reason, rows in self._rejected.items() if rows[number]}
            rows, due = int(self._rows[number]), self._due.get(number, 0.0)
            said = self._said(number, rows)
            found[name] = FileMark(mark.size, mark.modified, rows, counts, devices, due, said)
        return found

    def _said(self, file: int, rows: int) -> str:
        """Which share of the rows of a file breaks one rule; empty if it is no large one."""
        counts = {reason: int(of_file[file]) for reason, of_file in self._misread.items()}
        reason = max(counts, key=lambda name: counts[name], default="")
        if not reason or not is_most(counts[reason], rows):
            return ""
        such = f"; such as {self._shown[file, reason]}" if (file, reason) in self._shown else ""
        # Of nearly all, no 100%.
        return f"{100 * counts[reason] // rows}% of {rows:,} rows ({reason}: {counts[reason]:,}{such})"


class Where(NamedTuple):
    """Where a row is, and what is shown of it.

    :param file: name of the file.
    :param row: number of the row in it, from 0 on.
    :param cells: by column.
    """

    file: str
    row: int
    cells: Mapping[str, object]


class CheckedRows:
    """Rows while reasons to leave them out are found, one reason after the other.

    :param frame: typed columns.
    :param file: number of the file of each row.
    :param report: that counts them.
    :param tally: of the files.

    Whoever rejects unknown devices may set ``known``, the keys of those that are not, for the sample.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        file: npt.NDArray[np.integer[Any]],
        schema: TelemetrySchema,
        report: FileReport,
        tally: FileTally,
    ) -> None:
        self.frame, self.file, self.schema = frame, file, schema
        self.report, self.tally = report, tally
        self.known: Collection[str] = ()
        self.keep: Bools = np.ones(len(frame), dtype=np.bool_)
        report.rows_read += len(frame)
        tally.read(file)

    def where(self, row: int, column: str) -> Where:
        """Where a row is, and what its cell in a column holds."""
        raise NotImplementedError

    def reject_refused(self, column: str, reason: str) -> None:
        """Leave out rows whose cell is not what the column is."""
        raise NotImplementedError

    def reject(self, reason: str, rows: Bools, column: str = "") -> None:
        """Leave out the given rows, unless they already are.

        :param column: whose cell is to blame, for the sample in the report; none if it is the row.
        """
        newly = rows & self.keep
        count = int(np.count_nonzero(newly))
        self.report.reject(reason, count)
        if count:
            self.tally.reject(reason, self.file[newly])
            if column:
                self.sample(reason, newly, column)
        self.keep &= ~newly
        if count:
            self._note_emptied(reason, newly, column)
            if is_misread(reason):
                self._note_misread(reason, newly & self.says_something(reason, newly, column), column)

    def says_something(self, reason: str, rows: Bools, column: str) -> Bools:
        """Which of some rows have more than an empty cell in the column that is to blame; shape (n,)."""
        return rows

    def _note_emptied(self, reason: str, newly: Bools, column: str) -> None:
        """Have the report show a row of each file of which no row is left here: it may be one without any."""
        emptied, left = (np.bincount(self.file[rows], minlength=1) for rows in (newly, self.keep))
        emptied[: len(left)][left[: len(emptied)] > 0] = 0
        for number in np.flatnonzero(emptied).tolist():
            name, told = self.tally.names[number], self.report.emptied
            if name not in told and len(told) < _MOST_EMPTIED:
                row = int(np.argmax(newly & (self.file == number)))
                told[name] = f"{reason}: {self.shown(reason, row, column).removeprefix(' in ')}"

    def _note_misread(self, reason: str, newly: Bools, column: str) -> None:
        """Count the rows by file, and show one of each file of which they are as many as to blame it."""
        self.tally.misread(reason, self.file[newly])
        misread, rows = (np.bincount(files, minlength=1) for files in (self.file[newly], self.file))
        for number in np.flatnonzero(misread).tolist():
            # Where they are the most of a file, they are it of one of its parts.
            if is_most(int(misread[number]), int(rows[number])) and self.tally.wants(number, reason):
                row = int(np.argmax(newly & (self.file == number)))
                self.tally.show(number, reason, self.shown(reason, row, column).removeprefix(" in "))

    def reject_from_future(self, column: str, now: float, tolerance: float) -> None:
        """Leave out rows whose time is further ahead of the clock than the tolerance, as live events.

        :param now: epoch seconds.
        :param tolerance: seconds.
        """
        micros = self.frame[column].astype("int64").to_numpy() // 1000  # That of no time is the smallest.
        ahead = self.keep & (micros > round((now + tolerance) * 1e6))
        self.reject("from_future", ahead, column)
        for number in np.unique(self.file[ahead]).tolist():
            self.tally.wait(number, float(micros[ahead & (self.file == number)].min()) / 1e6 - tolerance)

    def sample(self, reason: str, rows: Bools, column: str) -> None:
        """Have the report show the first of some rows that are left out, unless it shows one already."""
        if reason not in self.report.samples:
            self.report.samples[reason] = self.shown(reason, int(np.argmax(rows)), column)

    def shown(self, reason: str, row: int, column: str) -> str:
        """Where a row is that is left out, and what its cell holds."""
        found = self.where(row, column)
        shown = ", ".join(f"{name} {_cell(cell)}" for name, cell in found.cells.items())
        return (
            f"{shown} in row {found.row + 1:,} of {found.file}{self._rule(reason, found.cells, found.file)}"
        )

    def _rule(self, reason: str, cells: Mapping[str, object], file: str) -> str:
        """What a time must be, in the words of the live events; what remedies a bad key or label."""
        if reason == "separator_in_key":
            return self._other_separator(cells)
        if reason == "bad_label":
            return ": must be 0 or 1, or a word that labels.values gives a meaning"
        if reason == "bad_state":
            return (
                ": must raise or clear, by the words of labels.alarm_log.raised and labels.alarm_log.cleared"
            )
        if reason == "broken_text_in_key":
            no_text = any(isinstance(cell, bytes) for cell in cells.values())
            way = "; write such ids as text, a UUID as its 36 characters" if no_text else ""
            return f": {KEY_TEXT_RULE}{way}"
        if reason in ("not_a_number", "not_a_counter"):
            cell = next(iter(cells.values()), None)
            hint = self._number_hint(next(iter(cells), ""), cell, file) if isinstance(cell, str) else ""
            way = " (files.decimal in the schema says which)" if "decimal" in hint else ""
            return f": {hint}{way}" if hint else ""
        if reason == "unknown_device":
            return self._alike(cells)
        if not reason.startswith(("unparsable_", "naive_")):
            return ""
        (cell,) = cells.values()
        try:
            seconds_of(cell, *self.schema.time_rules)
        except InputError as error:
            return f": {error.rule}"
        return ""

    def _number_hint(self, column: str, cell: str, file: str) -> str:
        """What a text has that is no number."""
        decimal, rule = self.schema.files.decimal_of(file), self.schema.cell_rules.get(column)
        is_counter = any(column == metric.name for metric in self.schema.counter_metrics)
        rounded = rounded_hint(cell, decimal) if is_counter else ""
        hint = rounded or number_hint(cell, decimal) or unit_hint(cell, rule.unit if rule else "", decimal)
        return "; it ".join(filter(None, [words_hint(rule.values if rule else {}), hint]))

    def _alike(self, cells: Mapping[str, object]) -> str:
        """That there is a device whose key differs in its writing only."""
        hint = hint_of(self.schema.separator.join(map(str, cells.values())), self.known)
        return f": {hint}" if hint else ""

    def _other_separator(self, cells: Mapping[str, object]) -> str:
        """That the schema can name a separator that no part of a key has."""
        free = free_separator(str(cell) for cell in (*cells.values(), self.schema.separator))
        such = f", such as separator: '{free}'" if free else ""
        return (
            f": has the separator {self.schema.separator!r}; name one in the schema that no value has{such}"
        )


def _cell(cell: object) -> str:
    """A cell, for people; bytes as hexadecimal digits."""
    return f"bytes {cell[:_BYTES].hex()}" if isinstance(cell, bytes) else repr(brief(cell))


def none_left(report: FileReport) -> TelemetryError:
    """What is told of a table without a usable row."""
    rule = f"must hold at least one usable row; rejected {report.rejected}"
    samples = "; ".join(f"{reason}: {sample}" for reason, sample in report.samples.items())
    got = f"{report.rows_read} rows" + (f" ({samples})" if samples else "")
    return TelemetryError(", ".join(report.paths), rule, got)
