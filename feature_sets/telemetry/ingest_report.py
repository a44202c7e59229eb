"""What happened to every row that was read: how many were taken, how many were not, why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class FileReport:
    """What happened to the rows of one kind of file (metrics, labels or static).

    :param name: ``metrics``, ``labels`` or ``static``.
    :param paths: names of the files read, in the order they were joined.
    :param rows_read: rows in the files.
    :param rejected: reason -> rows left out for it; a row counts once, for the first reason that fits.
    :param values: what was done -> column -> number of values in rows that were kept.
    :param notes: other things worth knowing.
    """

    name: str
    paths: list[str] = field(default_factory=list)
    rows_read: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def rows_rejected(self) -> int:
        """Rows left out, over all reasons."""
        return sum(self.rejected.values())

    @property
    def rows_accepted(self) -> int:
        """Rows read less rows rejected."""
        return self.rows_read - self.rows_rejected

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
            "notes": list(self.notes),
        }


@dataclass
class IngestReport:
    """What happened to every row of a telemetry folder."""

    metrics: FileReport = field(default_factory=lambda: FileReport("metrics"))
    labels: FileReport = field(default_factory=lambda: FileReport("labels"))
    static: FileReport = field(default_factory=lambda: FileReport("static"))

    @property
    def files(self) -> tuple[FileReport, ...]:
        """The three reports, in the order metrics, labels, static."""
        return (self.metrics, self.labels, self.static)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return {report.name: report.to_dict() for report in self.files}

    def lines(self) -> list[str]:
        """The report for people, one fact a line."""
        out = []
        for report in self.files:
            out.append(
                f"{report.name}: {report.rows_read:,} rows read, {report.rows_rejected:,} rejected, "
                f"{report.rows_accepted:,} accepted"
            )
            out += [f"  rejected {reason}: {rows:,}" for reason, rows in sorted(report.rejected.items())]
            out += [
                f"  {what} in {column}: {values:,}"
                for what, columns in sorted(report.values.items())
                for column, values in sorted(columns.items())
            ]
            out += [f"  note: {note}" for note in report.notes]
        return out
