"""Rows of one table of a telemetry folder, while reasons to leave them out are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.cell_text import plain_value, texts_of
from feature_sets.telemetry.checked_rows import CheckedRows, FileTally, Where, mark_of, none_left
from feature_sets.telemetry.ingest_report import FileMark, FileReport
from feature_sets.telemetry.open_ends import note_open_ends
from feature_sets.telemetry.repeated_rows import (
    CONTRADICTING,
    EQUAL,
    FIRST_ROW,
    Place,
    contradicting,
    contradiction,
    first_contradiction,
    plain_of,
    repeated,
)
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.table_files import Columns, FileRows, joined, load_file
from feature_sets.telemetry.time_columns import says_something
from feature_sets.telemetry.twice_shown import TwiceShown

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


class PartRows(CheckedRows):
    """Rows of parts of files, one after the other.

    :param parts: of one table.
    :param tally: of the files.
    """

    def __init__(
        self, parts: Sequence[FileRows], schema: TelemetrySchema, report: FileReport, tally: FileTally
    ) -> None:
        self._parts = parts
        lengths = [len(part.missing) for part in parts]
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        super().__init__(
            pd.DataFrame(joined(parts, "columns"), copy=False),
            np.repeat([part.file for part in parts], lengths),
            schema,
            report,
            tally,
        )
        self._refused, self._naive = joined(parts, "refused"), joined(parts, "naive")
        for reason, kind in (
            ("missing_device", "missing"),
            ("separator_in_key", "ambiguous"),
            ("broken_text_in_key", "broken"),
        ):
            rows = np.concatenate([getattr(part, kind) for part in parts])
            self.reject(reason, rows, "" if kind == "missing" else DEVICE)

    def where(self, row: int, column: str) -> Where:
        """Where a row is, and what a cell of it holds; of a column that was not kept, what its key is of."""
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        part, place = self._parts[number], row - int(self._starts[number])
        names = [column]
        if column not in part.raw.column_names:
            names = [name for name in self.schema.entity if name in part.raw.column_names]
        return Where(
            part.name,
            part.row_number(place),
            {name: plain_value(part.raw[name][place]) for name in names},
        )

    def says_something(self, reason: str, rows: Bools, column: str) -> Bools:
        """Those whose cell is not empty: of labels many may have no time, as tickets that were no outage."""
        if self.report.name != "labels" or not reason.startswith(("unparsable_", "bad_")):
            return rows
        found = rows.copy()
        for part, start in zip(self._parts, self._starts.tolist(), strict=False):
            places = np.flatnonzero(rows[start : start + len(part.missing)])
            if len(places) and column in part.raw.column_names:
                found[start + places] = says_something(texts_of(part.raw[column].take(places)))
        return found

    def reject_times(self, column: str, kind: str, optional: bool = False) -> None:
        """Leave out rows whose cell in a column of times is none.

        :param kind: ``time``, ``arrival`` or ``valid_from``, as the reasons call it.
        :param optional: whether a cell may be empty, or a word such as ``NULL``.
        """
        refused = self._refused[column]
        if optional:
            given = [
                says_something(texts_of(part.raw[column]), self.schema.no_value_words) for part in self._parts
            ]
            refused = refused & np.concatenate(given)
        self.reject(f"unparsable_{kind}", refused, column)
        self.reject(f"naive_{kind}", self._naive[column], column)

    def twice(self, column: str) -> TwiceShown:
        """Rows whose time in a column clocks show twice; they are left out unless ``settle`` takes them."""
        return TwiceShown.joined([part.twice[column] for part in self._parts], self._starts[:-1].tolist())

    def settle(self, column: str, twice: TwiceShown, taken: Integers) -> None:
        """Take these times for such rows, before others are left out.

        :param taken: microseconds since the epoch.
        """
        if len(twice.rows):
            self._refused[column][twice.rows] = False
            moments = pd.DatetimeIndex(taken.astype("datetime64[us]").astype("datetime64[ns]"), tz="UTC")
            times = self.frame[column].copy()
            times.iloc[twice.rows] = moments
            self.frame[column] = times

    def settle_twice(self, column: str, later: bool, taken: str) -> None:
        """Take one of both moments for all such rows of a column, and note it.

        :param later: whether it is the later one.
        :param taken: see ``note_twice``.
        """
        twice = self.twice(column)
        self.settle(column, twice, twice.second if later else twice.first)
        self.note_twice(column, twice, taken)

    def note_twice(self, column: str, twice: TwiceShown, taken: str) -> None:
        """Note how many times of a column clocks show twice.

        :param taken: which of both moments is taken.
        """
        if not len(twice.rows):
            return
        count, first = len(twice.rows), self.shown("", int(twice.rows[0]), column)
        times = "1 time is" if count == 1 else f"{count:,} times are"
        self.report.notes.append(
            f"{times} in an hour that clocks show twice, such as {first}: {taken}; times in UTC, or with an "
            "offset, would tell"
        )

    def reject_refused(self, column: str, reason: str) -> None:
        """Leave out rows whose cell is not what the column is."""
        self.reject(reason, self._refused[column], column)


class TableRows(PartRows):
    """Rows of one table while reasons to leave them out are found, one reason after the other.

    :param folder: of the telemetry.
    :param files: to be read.
    :param columns: what is read of them, beside the key.
    """

    def __init__(
        self,
        folder: Path,
        files: Sequence[Path],
        schema: TelemetrySchema,
        report: FileReport,
        columns: Columns,
    ) -> None:
        tally = FileTally(folder, files)
        report.paths = tally.names
        parts = [
            replace(load_file(folder, path, schema, columns), file=number)
            for number, path in enumerate(files)
        ]
        note_open_ends(folder, files, report)
        notes = PartNotes()
        for part in parts:
            notes.take(part)
        notes.tell_unused(report)
        self._notes = notes
        super().__init__(parts, schema, report, tally)

    def file_names(self) -> npt.NDArray[np.object_]:
        """Name of the file that each row is from, shape (n,)."""
        names = np.array([*self.tally.names, ""], dtype=object)
        found: npt.NDArray[np.object_] = names[self.file]
        return found

    def reject_times(self, column: str, kind: str, optional: bool = False) -> None:
        """As of ``PartRows``; the units of epoch numbers are told."""
        super().reject_times(column, kind, optional)
        self._notes.tell_units(column, kind, self.report)

    def reject_duplicates(self, keys: list[str]) -> None:
        """Leave out rows that repeat the keys of an earlier one that is kept; a contradiction is shown."""
        left = np.flatnonzero(self.keep)
        rows, kept = (left[places] for places in repeated(self.frame[keys].iloc[left]))
        values = {str(name): column for name, column in self.frame.items() if name not in keys}
        other = contradicting(values, rows, kept)
        for reason, mine in ((EQUAL, rows[~other]), (CONTRADICTING, rows[other])):
            self.reject(reason, np.isin(np.arange(len(self.frame)), mine))
        if other.any():
            shown = first_contradiction(values, rows[other], kept[other], rows[other])
            place, stays = (
                Place(plain_of(values[shown.column], row), self._row_text(row))
                for row in (shown.row, shown.kept)
            )
            key = {name: self.frame[name].iloc[shown.row] for name in keys}
            self.report.samples[CONTRADICTING] = contradiction(key, shown.column, place, stays, FIRST_ROW)

    def _row_text(self, row: int) -> str:
        found = self.where(row, DEVICE)
        return f"row {found.row + 1:,} of {found.file}"

    def accepted(self, order: list[str], some: bool = True, devices: int = 0) -> pd.DataFrame:
        """Rows that are left, sorted; the report gets the marks of the files.

        :param some: whether there must be one.
        :param devices: how many devices are known.
        :raises TelemetryError: if none is left.
        """
        if some and not self.keep.any():
            raise none_left(self.report)
        self.report.marks |= self.tally.marks(devices)
        return self.frame[self.keep].sort_values(order, kind="stable", ignore_index=True)

    @staticmethod
    def none(columns: Mapping[str, str]) -> pd.DataFrame:
        """A table without rows.

        :param columns: name -> type.
        """
        typed = {DEVICE: "object", **columns}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in typed.items()})


@dataclass
class PartNotes:
    """What is told of all parts of a table together.

    :param unused: columns that nobody reads.
    :param units: column -> epoch unit -> rows.
    :param absent: column -> numbers of the files that lack it, as they may.
    """

    unused: dict[str, None] = field(default_factory=dict)
    units: dict[str, dict[str, int]] = field(default_factory=dict)
    absent: dict[str, set[int]] = field(default_factory=dict)

    def take(self, part: FileRows) -> None:
        """Count one part."""
        self.unused.update(dict.fromkeys(part.unused))
        for column in part.absent:
            self.absent.setdefault(column, set()).add(part.file)
        for column, found in part.units.items():
            units = self.units.setdefault(column, {})
            for unit, rows in found.items():
                units[unit] = units.get(unit, 0) + rows

    def tell_unused(self, report: FileReport) -> None:
        """Note the columns that nobody reads."""
        if self.unused:
            report.notes.append(f"not used by the schema: {listed(list(self.unused), _NAMED)}")
        if DEVICE in self.unused:
            report.notes.append(
                f"a live event with '{DEVICE}' beside the entity columns is refused unless that names its "
                "device: leave the column out of what you send, or rename it"
            )

    def tell_absent(self, files: int, report: FileReport) -> None:
        """Note the optional columns that some of so many files lack."""
        for column, lacking in self.absent.items():
            have = files - len(lacking)
            report.notes.append(f"column '{column}' is optional: {have:,} of {files:,} files have it")

    def tell_units(self, column: str, kind: str, report: FileReport) -> None:
        """Note in which units a column of times had epoch numbers."""
        for unit, rows in self.units.get(column, {}).items():
            report.notes.append(f"{kind}_unit {unit}: {rows:,} times were epoch numbers in this unit")
