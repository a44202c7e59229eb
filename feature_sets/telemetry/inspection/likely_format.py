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
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.file_format import PLAIN, FileFormat
from feature_sets.telemetry.json_files import is_json
from feature_sets.telemetry.path_pattern import path_parts

_ROWS = 1000
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
    found = known
    for table, paths in files.items():
        if not paths or paths[0].suffix == ".parquet":
            continue
        if is_json(paths[0]):
            if table == "metrics":
                found = replace(found, format=_writer(folder, paths[0]))
            continue
        found = _of_csv(folder, paths[0], found)
        if found.decimal != PLAIN.decimal:
            break
    return replace(found, path=_pattern(folder, files, found))


def _of_csv(folder: Path, path: Path, found: FileFormat) -> FileFormat:
    """The form with separator and decimal sign of a CSV file."""
    name = str(path.relative_to(folder))
    separator = separator_of(path, name)
    if separator == ",":
        return found
    found = replace(found, separator=separator)
    head, _ = first_rows(path, name, _ROWS, found)
    for column in head.column_names:
        with_point, with_comma = (numbers_of(head[column], decimal) for decimal in (".", ","))
        fits = not with_comma.refused.any() and not np.isnan(with_comma.values).all()
        if with_point.refused.any() and fits:
            return replace(found, decimal=",")
    return found


def _writer(folder: Path, path: Path) -> str:
    """What wrote a JSON file; empty if it holds rows."""
    head, _ = first_rows(path, str(path.relative_to(folder)), _ROWS)
    names = head.column_names
    for writer, beginnings in _WRITERS.items():
        if all(any(name.startswith(start) for name in names) for start in beginnings):
            return writer
    if "data.result" in names or "result" in names:
        return "prometheus"
    return "telegraf" if names == ["metrics"] else ""


def _pattern(folder: Path, files: Mapping[str, Sequence[Path]], form: FileFormat) -> str:
    """Pattern of the paths of the metrics, if they have what names the devices; else empty."""
    paths = files.get("metrics", ())
    parts = [path_parts(path.relative_to(folder).parts) for path in paths]
    depths = {len(one) for one in parts}
    if len(depths) != 1 or 0 in depths:
        return ""
    inside = _texts_of_first(folder, paths, form)
    elsewhere: dict[str, set[str]] = {}
    for table in ("static", "labels"):
        for column, values in _texts_of_first(folder, files.get(table, ()), form).items():
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
    head, _ = first_rows(paths[0], str(paths[0].relative_to(folder)), 100 * _ROWS, form)
    plain = [name for name in head.column_names if not pa.types.is_nested(head[name].type)]
    return {name: set(texts_of(head[name]).values) for name in plain if _may_be_in_pattern(name)}


def _may_be_in_pattern(name: str) -> bool:
    try:
        check_column_name("column", name)
    except InputError:
        return False
    return True
