"""What files that belong to no table may be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from feature_sets.checks import InputError
from feature_sets.listed import listed
from feature_sets.telemetry.arrow_files import SUFFIXES, is_table_file
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.file_format import FileFormat
from feature_sets.telemetry.folder_files import find_files
from feature_sets.telemetry.inspection.alarm_shape import alarm_log_of
from feature_sets.telemetry.inspection.interval_shape import intervals_of
from feature_sets.telemetry.inspection.likely_format import likely_format
from feature_sets.telemetry.inspection.table_profile import TableProfile, profile_table
from feature_sets.telemetry.inspection.unlabeled import LABEL_NAME
from feature_sets.telemetry.text_files import is_blank

_LIMIT = 20
"""Files that are looked at."""
_SHOWN = 5
_TOP = "."
"""The folder of names without one."""
_AS_METRICS = "; as metrics"
_FOREIGN = (".xlsx", ".xls", ".ods", ".zip", ".txt", ".tsv", ".gz", ".bz2", ".xz", ".zst", ".xml", ".feather")
"""Ends of files with tables in forms that are not read."""


def likely_tables(folder: Path, names: Sequence[str]) -> list[str]:
    """A sentence on each file that belongs to no table, and may be one."""
    sentences = [
        f"{name} is of a form that is not read: export it as CSV or Parquet."
        for name in names[:_LIMIT]
        if name.lower().endswith(_FOREIGN) and not is_table_file(Path(name))
    ]
    folders: dict[str, list[str]] = {}
    for name in names:
        # Files that are empty are told of all together.
        if is_table_file(Path(name)) and not is_blank(folder / name):
            folders.setdefault(str(PurePosixPath(name).parent), []).append(name)
    told: dict[tuple[str, str], list[TableProfile]] = {}
    for name in _some_of_each(list(folders.values())):
        try:
            form = likely_format(folder, {"metrics": [folder / name]})
            table = profile_table(folder, name, [folder / name], form)
        except TelemetryError as error:
            sentences.append(f"{name} cannot be read: {error}.")
        else:
            of = str(PurePosixPath(name).parent)
            is_one = of != _TOP and len(folders[of]) > 1
            told.setdefault((of if is_one else "", _likely(table, is_one)), []).append(table)
    for (of, what), alike in told.items():
        if of:
            sentences.append(_of_folder(of, len(folders[of]), what, alike))
        elif len(alike) > 1 and _AS_METRICS in what:
            sentences.append(_of_parts(what.partition(_AS_METRICS)[0], alike))
        elif len(alike) > 1:
            sentences.append(f"Each of {listed([table.name for table in alike], _SHOWN)} {what}.")
        else:
            sentences.append(f"{alike[0].name} {what}.")
    return sentences


def _some_of_each(folders: Sequence[Sequence[str]]) -> list[str]:
    """Names of files that are looked at, as many of each folder as there are places for, in their order.

    >>> _some_of_each([[f"a/{n}" for n in range(30)], ["b/0"], ["c"]])[-3:]
    ['a/17', 'b/0', 'c']

    :param folders: the files of each.
    """
    turns = sorted(
        (turn, number) for number, names in enumerate(folders) for turn in range(min(len(names), _LIMIT))
    )
    chosen = sorted((number, turn) for turn, number in turns[:_LIMIT])
    return [folders[number][turn] for number, turn in chosen]


def _of_folder(of: str, files: int, what: str, alike: Sequence[TableProfile]) -> str:
    """What is told of files of one folder that look alike."""
    if len(alike) == 1:
        return f"{alike[0].name}, one of {files:,} files in {of}, {what}."
    count = f"{len(alike):,} files" if len(alike) == files else f"{len(alike):,} of {files:,} files"
    each = "each" if len(alike) == files else "each of those looked at"
    return f"{of}: {count}, such as {alike[0].name}; {each} {what}."


def _of_parts(what: str, alike: Sequence[TableProfile]) -> str:
    """What is told of files that look like readings and have the same columns."""
    names = listed([table.name for table in alike], _SHOWN)
    named = any(column.kind == "text" for column in alike[0].columns.values())
    path = "" if named else ", and files: {path: '{device}'} in the schema takes their names for the devices"
    return f"Each of {names} {what}; in a folder metrics they would be one table{path}."


def readings_of_other_name(folder: Path, names: Sequence[str]) -> str:
    """The one of some tables that looks like readings; empty if none does, or several do.

    :param names: of tables in the folder, none of which has another meaning.
    """
    found = []
    for name in names[:_LIMIT]:
        try:
            form = FileFormat(tables={"metrics": name})
            files = find_files(folder, "metrics", optional=True, form=form)
            if not files:
                continue
            table = profile_table(folder, name, files, form)
        except InputError:  # It can be no table, which is told of each file that nobody reads.
            continue
        kinds = [column.kind for column in table.columns.values()]
        if kinds.count("time") == 1 and "number" in kinds:
            found.append(name)
    return found[0] if len(found) == 1 else ""


def labels_of_other_name(folder: Path, names: Sequence[str]) -> tuple[str, str] | None:
    """Which of the tables that are called like labels looks like incidents or labels, if exactly one does.

    :param names: of tables in the folder, none of which has another meaning.
    :returns: ``incidents`` or ``labels``, and its name.
    """
    found = []
    for name in [name for name in names if LABEL_NAME.search(name.lower())][:_LIMIT]:
        try:
            form = FileFormat(tables={"labels": name})
            table = profile_table(folder, name, find_files(folder, "labels", form=form), form)
        except InputError:  # As above.
            continue
        intervals, kinds = intervals_of(table), [column.kind for column in table.columns.values()]
        if (intervals is not None and intervals.end) or alarm_log_of(table, sure=True) is not None:
            found.append(("incidents", name))
        elif kinds.count("time") == 1 and "truth" in kinds:
            found.append(("labels", name))
    return found[0] if len(found) == 1 else None


def _likely(table: TableProfile, is_folder: bool) -> str:
    """What is told of a file.

    :param is_folder: whether it is one of several in a folder, which may be a table.
    """
    columns = table.columns
    times = [name for name, column in columns.items() if column.kind == "time"]
    texts = [name for name, column in columns.items() if column.kind == "text"]
    truths = [name for name, column in columns.items() if column.kind == "truth"]
    numbers = [name for name, column in columns.items() if column.kind == "number"]
    listed = ", ".join(columns)
    suffix = next(suffix for suffix in SUFFIXES if table.files[0].endswith(suffix))

    def read_as(name: str) -> str:
        return f"as a folder {name} it would be read" if is_folder else f"as {name}{suffix} it would be read"

    if (log := alarm_log_of(table, sure=True)) is not None:
        return (
            f"has {listed} and looks like an alarm log, with its state in {log.state}; without a table of "
            f"labels, {read_as('incidents')}"
        )
    if len(times) >= 2 and not numbers:
        return (
            f"has {listed} and looks like incidents, from {times[0]} to {times[1]}; without a table of "
            f"labels, {read_as('incidents')}"
        )
    if times and len(numbers) == 1 and len(texts) >= 2:
        return (
            f"has {listed} and looks like readings in long form; metrics are read with one column for each, "
            f"not by name in a column such as {texts[-1]}"
        )
    if times and numbers:
        return f"has {listed} and looks like readings; {read_as('metrics')}"
    if times and truths:
        return f"has {listed} and looks like labels; {read_as('labels')}"
    if texts and not times:
        return f"has {listed} and looks like a list of devices; {read_as('static')}"
    return f"has {listed} and looks like none of the tables"
