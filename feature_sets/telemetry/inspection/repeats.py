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
    Contradiction,
    Place,
    contradiction,
    differs,
    missing_at,
    plain_of,
    repeated,
)


class Repeats(NamedTuple):
    """Rows that repeat the key of another.

    :param equal: those that say the same.
    :param contradicting: those that say something else.
    :param example: the first of these, for people; empty without one.
    :param more: those that have values which the other lacks, and contradict none.
    """

    equal: int = 0
    contradicting: int = 0
    example: str = ""
    more: int = 0

    def sentence(self) -> str:
        """The contradictions in one sentence; empty without one."""
        if not self.contradicting:
            return ""
        rows = "row says" if self.contradicting == 1 else "rows say"
        return f"{self.contradicting:,} {rows} something else than another of the same key: {self.example}"


def repeats_of(
    table: TableProfile,
    keys: pd.DataFrame,
    named: Sequence[str],
    columns: Sequence[str],
    parts: bool = False,
) -> Repeats:
    """Rows of a table that repeat the key of another.

    :param keys: what must be told apart, by place of the row; rows without it are left out.
    :param named: columns of the table by which an example names the key.
    :param columns: what the rows say.
    :param parts: whether rows may each have a part of it, as readings may: then no value contradicts nothing.
    """
    places = keys.index.to_numpy(dtype=np.int64)
    rows, kept = (places[found] for found in repeated(keys))
    values = {name: _values(table, name) for name in columns}
    others = {name: differs(column, rows, kept) for name, column in values.items()}
    more = np.zeros(len(rows), dtype=np.bool_)
    for name, column in values.items() if parts else ():
        mine, theirs = ~missing_at(column, rows), ~missing_at(column, kept)
        others[name] &= mine & theirs
        more |= mine & ~theirs
    other = np.logical_or.reduce([np.zeros(len(rows), dtype=np.bool_), *others.values()])
    count, further = int(np.count_nonzero(other)), int(np.count_nonzero(more & ~other))
    if not count:
        return Repeats(equal=len(rows) - further, more=further)
    first = int(np.argmax(other))
    name = next(name for name, found in others.items() if found[first])
    shown = Contradiction(int(rows[first]), int(kept[first]), name)
    found, stays = (
        Place(plain_of(values[shown.column], row), table.row_text(row)) for row in (shown.row, shown.kept)
    )
    key = {name: plain_value(table.head[name][shown.row]) for name in named}
    example = contradiction(key, shown.column, found, stays, FIRST_ROW)
    return Repeats(len(rows) - count - further, count, example, further)


def _values(table: TableProfile, name: str) -> Any:
    column = table.head[name]
    if table.columns[name].holds_numbers:
        found = numbers_of(column, table.decimal)
        if not found.refused.any():
            return found.values
    return texts_of(column).series()
