"""What happened to every row that was read: how many were taken, how many were not, why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from feature_sets.telemetry.errors import TelemetryError

if TYPE_CHECKING:  # Commands that only look load no numpy.
    from feature_sets.telemetry.unit_suspicion import FileValues

REPEATS = ("duplicate", "merged", "contradicting")
"""Reasons for which a row is left out as another one says it already, or another thing of the same."""
_AGREES = frozenset(REPEATS[:2])
"""Those of them by which nothing that it says is lost."""
_SHOWN = 5
"""Files of which an error tells more than the name."""
_MOST, _LEAST_ROWS = 0.5, 20
"""Share of the rows of a file that may not break one rule, and how many rows a share needs to tell."""
_MISREAD = (
    "unparsable_",
    "naive_",
    "not_a",
    "bad_label",
    "bad_cancelled",
    "end_before_start",
    "separator_",
    "broken_",
)
"""Begin reasons that blame what a cell says. Others are ordinary: repeats, rows without a device, and those
of a device, or a word of an alarm log, that the files have beside what is wanted."""


def is_misread(reason: str) -> bool:
    """Whether a reason blames what a cell says: then it is no ordinary one for most rows of a file."""
    return reason.startswith(_MISREAD) and reason != "bad_state"


def is_most(count: int, rows: int) -> bool:
    """Whether some of the rows of a file are so many that most likely the file is wrong, not they."""
    return rows >= _LEAST_ROWS and count >= _MOST * rows


@dataclass(frozen=True)
class FileMark:
    """What was read of one file, so that it is known again.

    :param size: bytes.
    :param modified: when it was changed last, nanoseconds since the epoch.
    :param rows: in it.
    :param rejected: reason -> rows of it that were left out.
    :param devices: how many devices were known then.
    :param due: when the first of its rows that were from the future may be taken, epoch seconds; 0 without
        one.
    :param misread: which share of its rows breaks one rule, with one of them; empty if it is no large one.
    """

    size: int
    modified: int
    rows: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    devices: int = 0
    due: float = 0.0
    misread: str = ""

    @property
    def rows_accepted(self) -> int:
        """Rows that were not left out."""
        return self.rows - sum(self.rejected.values())

    @property
    def is_refused(self) -> bool:
        """Whether it has rows and none is accepted, now or when due; a copy of another is not refused.

        Nor is one of a file of which a few rows are wrong.
        """
        wrong = sum(count for reason, count in self.rejected.items() if reason not in REPEATS)
        is_copy = wrong < _MOST * self.rows
        return self.rows > 0 and not self.rows_accepted and not self.due and not is_copy

    @property
    def is_repeat(self) -> bool:
        """Whether it has rows, and other rows say all that they do: a copy, as of a day sent twice."""
        return self.rows > 0 and not self.rows_accepted and _AGREES.issuperset(self.rejected)

    def is_of(self, other: FileMark, devices: int, now: float = 0.0) -> bool:
        """Whether a file with another mark need not be read again.

        :param other: size and time of the change, now.
        :param devices: how many devices are known now; rows of a device that was unknown may be taken.
        :param now: epoch seconds; rows that were from the future may be taken when their time has come.
        """
        same = (self.size, self.modified) == (other.size, other.modified)
        joined = self.rejected.get("unknown_device") and devices > self.devices
        return same and not joined and not 0 < self.due <= now

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON; ``from_dict`` reads it back."""
        # As marks were before there were such things.
        return {
            name: value for name, value in asdict(self).items() if value or name not in ("due", "misread")
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> FileMark:
        """The inverse of ``to_dict``."""
        return cls(**content)


@dataclass
class FileReport:
    """What happened to the rows of one kind of file (metrics, labels or static).

    :param name: ``metrics``, ``labels`` or ``static``.
    :param paths: names of the files read, in the order they were joined.
    :param rows_read: rows in the files.
    :param rejected: reason -> rows left out for it; a row counts once, for the first reason that fits.
    :param values: what was done -> column -> number of values in rows that were kept.
    :param samples: reason -> the first cell that it was found at, and where; also of what was done to values.
    :param notes: other things worth knowing.
    :param warnings: those among them that most likely are a mistake; a run tells them.
    :param marks: file -> its mark; of those that were read.
    :param unchanged: the same of files that are as they were when they were ingested. They were not read;
        ``rows_read`` and ``rejected`` count them as they were then.
    :param values_of: what devices have in each file that was read now, see ``unit_suspicions``.
    :param local_devices: keys of devices that have times without a zone, of metrics that were read now.
    :param emptied: file of which a part was left without a row -> the cell that was to blame, and where.
    """

    name: str
    paths: list[str] = field(default_factory=list)
    rows_read: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    samples: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    marks: dict[str, FileMark] = field(default_factory=dict)
    unchanged: dict[str, FileMark] = field(default_factory=dict)
    emptied: dict[str, str] = field(default_factory=dict)
    values_of: list[FileValues] = field(default_factory=list)
    local_devices: frozenset[str] = frozenset()

    @property
    def refused(self) -> dict[str, str]:
        """Files of which no row was accepted -> how many there were, why, and one of them.

        Those that were not read again count as well: they are as they were.
        """
        found = {}
        for name, mark in {**self.unchanged, **self.marks}.items():
            if mark.is_refused:
                rows = "1 row" if mark.rows == 1 else f"{mark.rows:,} rows"
                reasons = ", ".join(f"{reason}: {count:,}" for reason, count in sorted(mark.rejected.items()))
                such = f"; such as {self.emptied[name]}" if name in self.emptied else ""
                found[name] = f"{rows} ({reasons}{such})"
        return found

    @property
    def mostly_refused(self) -> dict[str, str]:
        """Files of which a large share of the rows breaks one rule -> the share, the rule, and one row.

        Not those of which no row was accepted; those that were not read again count as well.
        """
        found = {**self.unchanged, **self.marks}
        return {name: mark.misread for name, mark in found.items() if mark.misread and not mark.is_refused}

    @property
    def rows_unchanged(self) -> int:
        """Accepted rows of files that were not read again."""
        return sum(mark.rows_accepted for mark in self.unchanged.values())

    @property
    def rows_rejected(self) -> int:
        """Rows left out, over all reasons."""
        return sum(self.rejected.values())

    @property
    def rows_accepted(self) -> int:
        """Rows read less rows rejected."""
        return self.rows_read - self.rows_rejected

    @property
    def said(self) -> list[str]:
        """The warnings, and of which files that were read now nothing is left, or little."""
        told = list(self.warnings)
        none_left = [name for name, mark in self.marks.items() if mark.rows and not mark.rows_accepted]
        empty = [name for name in none_left if not self.marks[name].is_repeat]
        if empty:
            reasons = ", ".join(sorted(self.marks[empty[0]].rejected))
            told.append(f"all rows of {empty[0]}{_more(empty)} were rejected: {reasons}")
        little = [name for name, mark in self.marks.items() if mark.misread and name not in none_left]
        if little:
            what = self.marks[little[0]].misread
            told.append(f"most rows of {little[0]}{_more(little)} were rejected: {what}")
        return told

    @property
    def told(self) -> list[str]:
        """The notes, and which files that were read now are copies of others."""
        copies = {name: mark.rows for name, mark in self.marks.items() if mark.is_repeat}
        if not copies:
            return list(self.notes)
        rows = sum(copies.values())
        said = "1 row, which is" if rows == 1 else f"{rows:,} rows, all"
        copied = f"{next(iter(copies))}{_more(list(copies))}"
        return [*self.notes, f"{copied}: {said} in other files already, nothing is new"]

    @property
    def rows_lost(self) -> int:
        """Rows rejected, but for those of which another one says the same."""
        return sum(rows for reason, rows in self.rejected.items() if reason not in _AGREES)

    def leave(self, files: Mapping[str, FileMark]) -> None:
        """Count files that are as they were when they were ingested."""
        self.unchanged.update(files)
        self.rows_read += sum(mark.rows for mark in files.values())
        for mark in files.values():
            for reason, rows in mark.rejected.items():
                self.reject(reason, rows)
        if files:
            rows = sum(mark.rows for mark in files.values())
            count = f"{len(files):,} file{'s' * (len(files) > 1)} unchanged"
            whose = "its" if len(files) == 1 else "their"
            said = f"{whose} row was" if rows == 1 else f"{whose} {rows:,} rows were"
            self.notes.append(f"{count}; {said} not read again")

    def reject(self, reason: str, rows: int) -> None:
        """Count rows left out for a reason."""
        if rows:
            self.rejected[reason] = self.rejected.get(reason, 0) + int(rows)

    def count(self, what: str, column: str, values: int) -> None:
        """Count values of a column that something was done to."""
        if values:
            columns = self.values.setdefault(what, {})
            columns[column] = columns.get(column, 0) + int(values)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return {
            "files": list(self.paths),
            "rows_read": self.rows_read,
            "rows_accepted": self.rows_accepted,
            "rows_rejected": self.rows_rejected,
            "rejected": dict(self.rejected),
            "values": {what: dict(columns) for what, columns in self.values.items()},
            "files_unchanged": len(self.unchanged),
            "rows_unchanged": self.rows_unchanged,
            "samples": dict(self.samples),
            "notes": self.told,
            **({"warnings": self.said} if self.said else {}),
            **({"refused": self.refused} if self.refused else {}),
            **({"mostly_refused": self.mostly_refused} if self.mostly_refused else {}),
        }


@dataclass
class IngestReport:
    """What happened to every row of a telemetry folder."""

    metrics: FileReport = field(default_factory=lambda: FileReport("metrics"))
    labels: FileReport = field(default_factory=lambda: FileReport("labels"))
    static: FileReport = field(default_factory=lambda: FileReport("static"))
    maintenance: FileReport | None = None
    topology: FileReport | None = None

    @property
    def tables(self) -> tuple[FileReport, ...]:
        """The reports of all tables that were read; the calendar and the links come last."""
        others = (self.maintenance, self.topology)
        return (*self.files, *(report for report in others if report is not None))

    @property
    def files(self) -> tuple[FileReport, ...]:
        """The three reports, in the order metrics, labels, static."""
        return (self.metrics, self.labels, self.static)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return {report.name: report.to_dict() for report in self.tables}

    @property
    def refused(self) -> dict[str, str]:
        """Files of all tables of which no row was accepted, see ``FileReport``."""
        return {name: text for report in self.tables for name, text in report.refused.items()}

    @property
    def mostly_refused(self) -> dict[str, str]:
        """Files of all tables of which a large share of the rows breaks one rule, see ``FileReport``."""
        return {name: text for report in self.tables for name, text in report.mostly_refused.items()}

    def lines(self, more: Sequence[tuple[str, str]] = ()) -> list[str]:
        """The report for people, one fact a line.

        :param more: what else is told: of which table, and the line.
        """
        out = []
        for report in self.tables:
            out.append(
                f"{report.name}: {report.rows_read:,} rows read, {report.rows_rejected:,} rejected, "
                f"{report.rows_accepted:,} accepted"
            )
            for reason, rows in sorted(report.rejected.items()):
                sample = report.samples.get(reason)
                out.append(f"  rejected {reason}: {rows:,}" + (f", such as {sample}" if sample else ""))
            for what, columns in sorted(report.values.items()):
                out += [f"  {what} in {column}: {values:,}" for column, values in sorted(columns.items())]
                out += [f"  {what}, such as {report.samples[what]}"] if what in report.samples else []
            out += [f"  warning: {warning}" for warning in report.said]
            out += [f"  note: {note}" for note in report.told]
            out += [f"  {line}" for table, line in more if table == report.name]
        return out


def refused_error(
    refused: Mapping[str, str], mostly: Mapping[str, str], others: str = "is in the history"
) -> TelemetryError:
    """What is told at the end of files of which no row was accepted, or of which most break one rule.

    :param refused: see ``FileReport``.
    :param mostly: ``mostly_refused``, see there; at least one file in either.
    :param others: what became of the rows that are usable.
    """
    files = {**refused, **mostly}
    names = list(files)
    told = [f"{name}: {files[name]}" if len(names) > 1 else files[name] for name in names[:_SHOWN]]
    told += [f"{len(names) - _SHOWN:,} more"] if len(names) > _SHOWN else []
    rule, rest = "must hold at least one usable row", "what other files have"
    if mostly:
        rule, rest = "must not have half of its rows, or more, left out by one rule", "what is usable"
    return TelemetryError(
        f"{names[0]}{_more(names)}",
        f"{rule}; {rest} {others}. Correct the file, or take it out of the folder",
        "; ".join(told),
    )


def _more(names: Sequence[str]) -> str:
    """How many there are beside the first."""
    return f" and {len(names) - 1:,} more" if len(names) > 1 else ""
