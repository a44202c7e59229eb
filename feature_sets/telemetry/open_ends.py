"""CSV files whose last line has no end: they may be still written, and the last number may be cut."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feature_sets.telemetry.ingest_report import FileReport


def note_open_ends(folder: Path, files: Sequence[Path], report: FileReport) -> None:
    """Note files that end within a line. A number that is cut there, as 1 of 17, looks whole.

    :param folder: of the telemetry.
    """
    found = [str(path.relative_to(folder)) for path in files if path.suffix == ".csv" and _is_open(path)]
    if not found:
        return
    more = f" and {len(found) - 1:,} more files end" if len(found) > 1 else " ends"
    report.notes.append(
        f"{found[0]}{more} without a line break: if a program is still writing, the last number may be cut, "
        "as 1 of 17, and stays so; write under another name, and rename the file when it is whole"
    )


def _is_open(path: Path) -> bool:
    """Whether the last byte is none of a line break; in UTF-16 a line break has a zero beside it."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 2))
        return size > 0 and file.read().rstrip(b"\0")[-1:] not in (b"\n", b"\r")
