"""Rows that repeat the key and time of another: which say the same, and which contradict it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.cell_text import cell_text
from feature_sets.telemetry.events import brief

EQUAL, CONTRADICTING = "duplicate", "contradicting"
"""Reasons to leave out a repeated row: it says the same as the row that counts, or something else."""

FIRST_ROW, FIRST_TO_ARRIVE = "the first row", "the first to arrive"
"""Which of repeated rows counts."""


def missing_at(values: Any, rows: Integers) -> Bools:
    """Which of some rows have no value in a column, shape (n,).

    :param values: see ``differs``, as are the places.
    """
    values = values.array if isinstance(values, pd.Series) else values
    return np.asarray(pd.isna(values[rows]), dtype=np.bool_)


def differs(values: Any, rows: Integers, kept: Integers) -> Bools:
    """Whether rows of a column have another value than those that count; two missing ones are equal.

    :param values: the column: an array, or a series.
    :param rows: places of the rows, shape (n,).
    :param kept: for each the place of the row that counts.
    """
    values = values.array if isinstance(values, pd.Series) else values
    mine, other = values[rows], values[kept]
    empty, others_empty = np.asarray(pd.isna(mine)), np.asarray(pd.isna(other))
    if isinstance(mine, pd.arrays.IntegerArray):
        mine, other = (part.to_numpy(dtype=np.uint64, na_value=0) for part in (mine, other))
    same = np.asarray(mine == other, dtype=np.bool_) & ~empty & ~others_empty
    found: Bools = ~same & ~(empty & others_empty)
    return found


def contradicting(columns: Mapping[str, Any], rows: Integers, kept: Integers) -> Bools:
    """Which of the rows differ in any column from the row that counts, shape (n,).

    :param columns: name -> values.
    """
    found = np.zeros(len(rows), dtype=np.bool_)
    for values in columns.values():
        found |= differs(values, rows, kept)
    return found


def plain_of(values: Any, place: int) -> object:
    """One value of a column."""
    return values.iloc[place] if isinstance(values, pd.Series) else values[place]


def repeated(keys: pd.DataFrame) -> tuple[Integers, Integers]:
    """Places of the rows that repeat another, and of each the place of the first one with its keys.

    >>> repeated(pd.DataFrame({"device": ["b", "a", "b"]}))
    (array([2]), array([0]))

    :param keys: columns that together name what a row is of.
    """
    again = keys.duplicated().to_numpy()
    numbers = np.zeros(len(keys), dtype=np.int64)
    for _, column in keys.items() if again.any() else ():
        codes, found = pd.factorize(column, use_na_sentinel=False)
        numbers = numbers * len(found) + codes
    rows = np.flatnonzero(again)
    return rows, np.flatnonzero(~again)[pd.factorize(numbers)[0][rows]] if len(rows) else rows


def kept_of(again: Bools) -> Integers:
    """For each row the place of the one that counts: itself, or the last before it that repeats none.

    >>> kept_of(np.array([False, True, True, False])).tolist()
    [0, 0, 0, 3]
    """
    found: npt.NDArray[np.int64] = np.maximum.accumulate(np.where(again, 0, np.arange(len(again))))
    return found


class Contradiction(NamedTuple):
    """Places of a row and of the one that counts, and the first column in which they differ."""

    row: int
    kept: int
    column: str


def first_contradiction(
    columns: Mapping[str, Any], rows: Integers, kept: Integers, numbers: Integers
) -> Contradiction:
    """That of the row with the lowest number.

    :param rows: that contradict others.
    :param numbers: of the rows, shape (n,).
    """
    first = int(np.argmin(numbers))
    row, other = rows[first : first + 1], kept[first : first + 1]
    column = next(name for name, values in columns.items() if differs(values, row, other)[0])
    return Contradiction(int(row[0]), int(other[0]), column)


class Place(NamedTuple):
    """A cell: what it holds, and the row that it is in, such as ``row 2 of a.csv``."""

    value: object
    row: str


def contradiction(key: Mapping[str, object], column: str, found: Place, kept: Place, which: str) -> str:
    """One contradiction, for people.

    >>> contradiction({"device": "r1"}, "cpu", Place(4.0, "row 5 of b.csv"), Place(3.0, "row 2"), FIRST_ROW)
    "device 'r1': cpu 4 in row 5 of b.csv, but 3 in row 2, which counts (the first row)"

    :param key: column -> what both rows have.
    :param which: of the two counts.
    """
    named = ", ".join(f"{name} {_shown(value)}" for name, value in key.items())
    return (
        f"{named}: {column} {_shown(found.value)} in {found.row}, but {_shown(kept.value)} in {kept.row}, "
        f"which counts ({which})"
    )


def _shown(value: object) -> str:
    """A value as a file could have it; text is quoted."""
    text = cell_text(value)
    if text is None:
        return "nothing"
    return repr(brief(text)) if isinstance(value, str) else text
