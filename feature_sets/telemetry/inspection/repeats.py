"""Rows that repeat the key of another, in what was looked at: which say the same, and which contradict it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from feature_sets.telemetry.cell_numbers import numbers_of
from feature_sets.telemetry.cell_text import plain_value, texts_of
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.repeated_rows import (
    FIRST_ROW,
    Place,
    contradicting,
    contradiction,
    first_contradiction,
    plain_of,
    repeated,
)


class Repeats(NamedTuple):
    """Rows that repeat the key of another.

    :param equal: those that say the same.
    :param contradicting: those that say something else.
    :param example: the first of these, for people; empty without one.
    """

    equal: int = 0
    contradicting: int = 0
    example: str = ""

    def sentence(self) -> str:
        """The contradictions in one sentence; empty without one."""
        if not self.contradicting:
            return ""
        rows = "row says" if self.contradicting == 1 else "rows say"
        return f"{self.contradicting:,} {rows} something else than another of the same key: {self.example}"


def repeats_of(
    table: TableProfile, keys: pd.DataFrame, named: Sequence[str], columns: Sequence[str]
) -> Repeats:
    """Rows of a table that repeat the key of another.

    :param keys: what must be told apart, by place of the row; rows without it are left out.
    :param named: columns of the table by which an example names the key.
    :param columns: what the rows say.
    """
    places = keys.index.to_numpy(dtype=np.int64)
    rows, kept = (places[found] for found in repeated(keys))
    values = {name: _values(table, name) for name in columns}
    other = contradicting(values, rows, kept)
    count = int(np.count_nonzero(other))
    if not count:
        return Repeats(equal=len(rows))
    shown = first_contradiction(values, rows[other], kept[other], rows[other])
    found, stays = (
        Place(plain_of(values[shown.column], row), table.row_text(row)) for row in (shown.row, shown.kept)
    )
    key = {name: plain_value(table.head[name][shown.row]) for name in named}
    return Repeats(len(rows) - count, count, contradiction(key, shown.column, found, stays, FIRST_ROW))


def _values(table: TableProfile, name: str) -> Any:
    column = table.head[name]
    if table.columns[name].holds_numbers:
        found = numbers_of(column, table.decimal)
        if not found.refused.any():
            return found.values
    return texts_of(column).series()
