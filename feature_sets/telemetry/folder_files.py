"""The files of a folder of telemetry: which belong to a table, and which nobody reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from feature_sets.listed import listed
from feature_sets.telemetry.arrow_files import SUFFIXES, is_table_file
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.file_format import PLAIN, FileFormat
from feature_sets.telemetry.text_files import is_blank

MAINTENANCE = "maintenance"
"""The table of the calendar, which is read where the schema has one."""

_WITHOUT = {
    "labels": "; without labels, the schema must have 'labels: {form: incidents}' and derived.relative",
    "incidents": "; without incidents, the schema must have derived.relative",
}
"""What makes a table optional, where a schema may not know it."""

_SHOWN = 20
_DOCUMENTS = (".md", ".yaml", ".yml", ".rst", ".html")


def find_files(folder: Path, name: str, optional: bool = False, form: FileFormat = PLAIN) -> list[Path]:
    """Files of a table: ``NAME.parquet``, ``NAME.csv`` and so on, or all such files below ``NAME/``.

    A file of text with nothing in it has no rows, and is left out.

    :param optional: whether there may be none.
    :param form: has the name, if it is another one.
    :raises TelemetryError: if there is none, or none with anything in it, or more than one of the forms.
    """
    if not folder.is_dir():
        raise TelemetryError(folder.name, "must be a folder that exists", str(folder))
    remedy, name = _WITHOUT.get(name, ""), form.name_of(name)
    forms = [[path] for path in (folder / f"{name}{suffix}" for suffix in SUFFIXES) if path.is_file()]
    parts = [path for path in _below(folder / name) if is_table_file(path)]
    if parts:
        forms.append(parts)
    if not forms:
        if optional:
            return []
        raise TelemetryError(
            name,
            f"must exist as {name}.parquet, {name}.csv or a sub-folder {name}/ of such files "
            f"(or .csv.gz, .json){remedy}",
            sorted(path.name for path in folder.iterdir())[:_SHOWN],
        )
    if len(forms) > 1:
        raise TelemetryError(
            name, "must exist in one form only", [str(form[0].relative_to(folder)) for form in forms]
        )
    filled = [path for path in forms[0] if not is_blank(path)]
    if not filled and not optional:
        names = [str(path.relative_to(folder)) for path in forms[0]]
        raise TelemetryError(name, "must have a file that is not empty", names[:_SHOWN])
    return filled


def table_names(folder: Path) -> list[str]:
    """What tables the files in a folder, and its sub-folders with files, may be called.

    :raises TelemetryError: if there is no such folder.
    """
    if not folder.is_dir():
        raise TelemetryError(folder.name, "must be a folder that exists", str(folder))
    files = [path for path in _below(folder) if is_table_file(path)]
    return sorted({path.relative_to(folder).parts[0].partition(".")[0] for path in files})


def unread_files(folder: Path, read: Iterable[Path]) -> list[str]:
    """Names of the files that belong to no table; hidden ones and documents are left out."""
    known = set(read)
    return [
        str(path.relative_to(folder))
        for path in _below(folder)
        if path not in known and path.suffix not in _DOCUMENTS and not path.name.startswith("LICENSE")
    ]


def unread_notes(folder: Path, names: list[str]) -> list[str]:
    """What is told of files that are not read: those that are empty, and others."""
    blank = [name for name in names if is_table_file(folder / name) and is_blank(folder / name)]
    others = [name for name in names if name not in blank]
    notes = []
    if blank:
        what = "1 file is" if len(blank) == 1 else f"{len(blank):,} files are"
        notes.append(f"{what} empty, which is no rows: {listed(blank, _SHOWN)}")
    if others:
        what = "1 file is" if len(others) == 1 else f"{len(others):,} files are"
        calendar = any(name.partition(".")[0].partition("/")[0] == MAINTENANCE for name in others)
        way = f"; '{MAINTENANCE}: {{}}' in the schema has the calendar read" if calendar else ""
        notes.append(f"{what} of no table and not read: {listed(others, _SHOWN)}{way}")
    return notes


def _below(folder: Path) -> list[Path]:
    """Every file below a folder in the order of their names, none that is hidden."""
    if not folder.is_dir():
        return []
    found: list[Path] = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name[0] in "._":
            continue
        found += _below(path) if path.is_dir() else [path]
    return found
