"""What files that belong to no table may be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feature_sets.checks import InputError
from feature_sets.listed import listed
from feature_sets.telemetry.arrow_files import SUFFIXES, is_table_file
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.file_format import FileFormat
from feature_sets.telemetry.folder_files import find_files
from feature_sets.telemetry.inspection.alarm_shape import alarm_log_of
from feature_sets.telemetry.inspection.interval_shape import intervals_of
from feature_sets.telemetry.inspection.table_profile import TableProfile, profile_table
from feature_sets.telemetry.inspection.unlabeled import LABEL_NAME
from feature_sets.telemetry.text_files import is_blank

_LIMIT = 20
"""Files that are looked at."""
_SHOWN = 5
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
    told: dict[str, list[TableProfile]] = {}
    for name in [name for name in names if is_table_file(Path(name))][:_LIMIT]:
        if is_blank(folder / name):  # That is told of all of them.
            continue
        try:
            table = profile_table(folder, name, [folder / name])
        except TelemetryError as error:
            sentences.append(f"{name} cannot be read: {error}.")
        else:
            told.setdefault(_likely(table), []).append(table)
    for what, alike in told.items():
        if len(alike) > 1 and _AS_METRICS in what:
            sentences.append(_of_parts(what.partition(_AS_METRICS)[0], alike))
        else:
            sentences += [f"{table.name} {what}." for table in alike]
    return sentences


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


def _likely(table: TableProfile) -> str:
    columns = table.columns
    times = [name for name, column in columns.items() if column.kind == "time"]
    texts = [name for name, column in columns.items() if column.kind == "text"]
    truths = [name for name, column in columns.items() if column.kind == "truth"]
    numbers = [name for name, column in columns.items() if column.kind == "number"]
    listed = ", ".join(columns)
    if len(times) >= 2 and not numbers:
        return (
            f"has {listed} and looks like incidents, from {times[0]} to {times[1]}; as "
            f"incidents{_suffix(table)}, without a table of labels, it would be read"
        )
    if times and len(numbers) == 1 and len(texts) >= 2:
        return (
            f"has {listed} and looks like readings in long form; metrics are read with one column for each, "
            f"not by name in a column such as {texts[-1]}"
        )
    if times and numbers:
        return f"has {listed} and looks like readings{_AS_METRICS}{_suffix(table)} it would be read"
    if times and truths:
        return f"has {listed} and looks like labels; as labels{_suffix(table)} it would be read"
    if texts and not times:
        return f"has {listed} and looks like a list of devices; as static{_suffix(table)} it would be read"
    return f"has {listed} and looks like none of the tables"


def _suffix(table: TableProfile) -> str:
    return next(suffix for suffix in SUFFIXES if table.files[0].endswith(suffix))
