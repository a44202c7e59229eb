"""How the files of a folder seem to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from feature_sets.checks import InputError, check_column_name
from feature_sets.telemetry.arrow_files import first_rows, separator_of
from feature_sets.telemetry.cell_numbers import numbers_of
from feature_sets.telemetry.cell_text import texts_of, truth_of
from feature_sets.telemetry.file_format import PLAIN, CsvFormat, FileFormat
from feature_sets.telemetry.found_separator import with_separator
from feature_sets.telemetry.json_files import is_json
from feature_sets.telemetry.path_pattern import path_parts
from feature_sets.telemetry.series_files import writer_of
from feature_sets.telemetry.text_files import is_csv

_ROWS = 1000
_MOST = 1000
"""Files of a table whose separator is looked at."""

_USUAL = CsvFormat()
_READINGS = ("readings", "telemetry", "measurements", "samples", "data")
"""Names that a table of metrics may have, if there is none of its own name."""

_WRITERS = {"gnmic": {"values.", "tags."}, "telegraf": {"fields.", "tags."}}
"""Beginnings of the columns that JSON of a writer has if it is read as rows."""


def likely_tables_of(names: Sequence[str]) -> FileFormat:
    """The form with the name of the metrics, if they have another one.

    :param names: of the tables that the folder seems to have.
    """
    other = next((name for name in _READINGS if name in names), None)
    return PLAIN if other is None or "metrics" in names else FileFormat(tables={"metrics": other})


def likely_format(folder: Path, files: Mapping[str, Sequence[Path]], known: FileFormat = PLAIN) -> FileFormat:
    """The form of the files, from the first lines of the first file of each table.

    :param known: what is known of it.
    :raises TelemetryError: if a file cannot be read.
    """
    forms = {table: form_of(folder, paths, known) for table, paths in files.items()}
    of_csv = [table for table, paths in files.items() if paths and is_csv(paths[0])]
    told = {table: forms[table].csv_of_table(table) for table in of_csv}
    separators = {table: csv.separator for table, csv in told.items() if csv.separator != _USUAL.separator}
    decimals = {table: csv.decimal for table, csv in told.items() if csv.decimal != _USUAL.decimal}
    found = replace(known, separator=separators, decimal=decimals)
    if len({csv.separator for csv in told.values()}) <= 1:  # What holds of all need not be said of each.
        separator, decimal = (next(iter(said.values()), "") for said in (separators, decimals))
        found = replace(known, separator=separator or _USUAL.separator, decimal=decimal or _USUAL.decimal)
    metrics = files.get("metrics", ())
    if metrics and is_json(metrics[0]):
        found = replace(found, format=_writer(folder, metrics[0]))
    elif metrics and is_csv(metrics[0]):
        found = replace(found, format=writer_of(metrics[0]))
    return replace(found, path=_pattern(folder, files, found))


def form_of(folder: Path, paths: Sequence[Path], known: FileFormat) -> FileFormat:
    """The form that the first file of one table has.

    :raises TelemetryError: if it cannot be read.
    """
    if not paths or not is_csv(paths[0]):
        return known
    name = str(paths[0].relative_to(folder))
    separator = separator_of(paths[0], name)
    if any(
        separator_of(path, str(path.relative_to(folder))) != separator
        for path in paths[1:_MOST]
        if is_csv(path)
    ):
        separator = _USUAL.separator  # That of each is found by its header.
    found = replace(known, separator=separator, decimal=PLAIN.decimal)
    if separator == ",":
        return found
    head, _ = first_rows(paths[0], name, _ROWS, found)
    return replace(found, decimal=",") if _has_decimal_commas(head) else found


def _has_decimal_commas(head: pa.Table) -> bool:
    """Whether some column is numbers if a comma is their decimal sign, and not if a point is."""
    for column in head.column_names:
        with_point, with_comma = (numbers_of(head[column], decimal) for decimal in (".", ","))
        fits = not with_comma.refused.any() and not np.isnan(with_comma.values).all()
        if with_point.refused.any() and fits:
            return True
    return False


def form_of_one(path: Path, name: str, form: FileFormat) -> FileFormat:
    """The form with the separator of one file, by its header, where the form says the usual comma.

    :param name: of the file in the folder.
    :raises TelemetryError: if it cannot be read.
    """
    if not is_csv(path) or form.csv_of(name).separator != _USUAL.separator:
        return form
    separator = separator_of(path, name)
    return form if separator == _USUAL.separator else with_separator(form, name, separator)


def different_forms(folder: Path, files: Mapping[str, Sequence[Path]]) -> list[str]:
    """A sentence for each table with CSV files of different separators, of which one has decimal commas.

    :raises TelemetryError: if a file cannot be read.
    """
    told = []
    for table, paths in files.items():
        some = [path for path in paths if is_csv(path)][:_MOST]
        names = {path: str(path.relative_to(folder)) for path in some}
        found = {path: separator_of(path, name) for path, name in names.items()}
        if len(set(found.values())) < 2:
            continue
        for path, name in names.items():
            if found[path] == ",":
                continue
            form = replace(PLAIN, separator=found[path])
            head, _ = first_rows(path, name, _ROWS, form, all_bytes=False)
            if _has_decimal_commas(head):
                other = next(one for one in some if found[one] != found[path])
                told.append(
                    f"Cells are parted by {found[path]!r} in {path.name}, which has decimal commas, and by "
                    f"{found[other]!r} in {other.name}; the CSV files of the {table} need one decimal sign, "
                    "and one separator beside decimal commas."
                )
                break
    return told


def _writer(folder: Path, path: Path) -> str:
    """What wrote a JSON file; empty if it holds rows."""
    head, _ = first_rows(path, str(path.relative_to(folder)), _ROWS)
    names = head.column_names
    for writer, beginnings in _WRITERS.items():
        if all(any(name.startswith(start) for name in names) for start in beginnings):
            return writer
    is_promtool = "values" in names and any(name.startswith("metric.") for name in names)
    if "data.result" in names or "result" in names or is_promtool:
        return "prometheus"
    return "telegraf" if names == ["metrics"] else ""


def _pattern(folder: Path, files: Mapping[str, Sequence[Path]], form: FileFormat) -> str:
    """Pattern of the paths of the metrics, if they have what names the devices; else empty."""
    paths = files.get("metrics", ())
    parts = [path_parts(path.relative_to(folder).parts) for path in paths]
    depths = {len(one) for one in parts}
    if len(depths) != 1 or 0 in depths or len(set(parts)) == 1:
        return ""
    inside = _texts_of_first(folder, paths, form)
    elsewhere: dict[str, set[str]] = {}
    for table in ("static", "labels", "incidents"):
        for column, values in _texts_of_first(folder, files.get(table, ()), form).items():
            if any(truth_of(value) is None for value in values):
                elsewhere.setdefault(column, values)
    chosen: list[str] = []
    for names in zip(*parts, strict=True):
        named = [
            column
            for column, known in elsewhere.items()
            if set(names) <= known and column not in inside and column not in chosen
        ]
        if not named:
            return ""
        chosen.append(named[0])
    return "/".join(f"{{{column}}}" for column in chosen)


def _texts_of_first(folder: Path, paths: Sequence[Path], form: FileFormat) -> dict[str, set[str]]:
    """Values of the columns of the first file of a table, as text."""
    if not paths:
        return {}
    name = str(paths[0].relative_to(folder))
    head, _ = first_rows(paths[0], name, 100 * _ROWS, form_of_one(paths[0], name, form))
    plain = [name for name in head.column_names if not pa.types.is_nested(head[name].type)]
    return {name: set(texts_of(head[name]).values) for name in plain if _may_be_in_pattern(name)}


def _may_be_in_pattern(name: str) -> bool:
    try:
        check_column_name("column", name)
    except InputError:
        return False
    return True
