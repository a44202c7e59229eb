"""Columns of keys and times that some files of the metrics call otherwise than the others do."""

from __future__ import annotations

from collections.abc import Mapping

from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.inspection.key_and_time import time_candidates
from feature_sets.telemetry.inspection.table_profile import TableProfile

_SHARED = 0.8
"""Share of the values of a column that another table must have under the other name."""


def names_in_files(tables: Mapping[str, TableProfile]) -> dict[str, str]:
    """Columns that some files of the metrics have in place of the time, or of a key that other tables have.

    >>> names_in_files({})
    {}

    :returns: their names -> those of the other files.
    """
    metrics = tables.get("metrics")
    if metrics is None or not metrics.partial:
        return {}
    others = [table for name, table in tables.items() if name != "metrics"]
    # Of very many kinds of files some were not looked at, and of their columns only the names are known.
    partial = [name for name in metrics.partial if name in metrics.columns]
    times = [name for name in time_candidates(tables) if name in partial]
    found: dict[str, str] = {}
    for name in partial:
        if any(name in table.columns for table in others):
            continue
        kind = metrics.columns[name].kind
        if kind == "time":
            fitting = [times[0]] if times[0] != name else []
        else:
            fitting = [key for key in partial if _names_the_same(metrics, name, key, others)]
        fitting = [key for key in fitting if _in_place_of(metrics, name, key)]
        if len(fitting) == 1:
            found[name] = fitting[0]
    # Of two in one file nobody knows which it is.
    return {
        name: key
        for name, key in found.items()
        if all(len(here & _called(found, key)) <= 1 for here in metrics.present)
    }


def _called(found: Mapping[str, str], key: str) -> set[str]:
    return {key, *(name for name, other in found.items() if other == key)}


def _in_place_of(metrics: TableProfile, name: str, key: str) -> bool:
    """Whether no file has both."""
    return not any(name in here and key in here for here in metrics.present)


def _names_the_same(metrics: TableProfile, name: str, key: str, others: list[TableProfile]) -> bool:
    """Whether the values of a column of the metrics are those that other tables have under this key."""
    known = {value for table in others if key in table.columns for value in texts_of(table.head[key]).values}
    if metrics.columns[key].kind != "text" or not known:
        return False
    values = set(texts_of(metrics.head[name]).values)
    if metrics.columns[name].kind != "text" and not any(map(_is_padded, values)):
        return False
    return len(values & known) >= _SHARED * len(values) > 0


def _is_padded(text: str) -> bool:
    """Whether a number is written as a name is, such as the 01 of a card."""
    return len(text) > 1 and text[0] == "0" and text.isdigit()
