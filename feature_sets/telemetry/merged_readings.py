"""Rows of one device and time put together: each has a part of the metrics, and they do not contradict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.repeated_rows import Contradiction, differs, missing_at

MERGED = "merged"
"""Why a repeated row is none of its own: the row that counts has taken its values."""


@dataclass(frozen=True)
class MergedReadings:
    """What rows of the same device and time come to.

    A row contradicts if one of its values is another than the first one that there is; it gives nothing then.
    Of the others each metric has the first value that there is. A row of another file gives nothing either,
    as files may come one after the other, nor one that arrived at another time, as live: it says the same as
    the reading, or contradicts it. A part of a reading that is in its own file as well says the same.

    :param kept: places of the rows that count, shape (readings,).
    :param source: field -> place of the row with the value of each reading, shape (readings,).
    :param equal: places of repeated rows that say nothing more.
    :param merged: of those that have values which the rows before them lack.
    :param contradicting: of those that say something else.
    :param reading: number of the reading of each of the latter.
    """

    kept: Integers
    source: Mapping[str, Integers]
    equal: Integers
    merged: Integers
    contradicting: Integers
    reading: Integers

    @classmethod
    def of(
        cls, values: Mapping[str, Any], order: Integers, again: Bools, apart: Sequence[Integers] = ()
    ) -> MergedReadings:
        """Put rows together.

        :param values: field -> its values in all rows.
        :param order: places of the rows, those of a reading next to each other, first the one that counts.
        :param again: which of them, in this order, are of the same reading as the one before.
        :param apart: of all rows, what those of one reading must have in common: their file and arrival.
        """
        number, kept = np.cumsum(~again) - 1, order[~again]
        several = np.zeros(len(kept), dtype=np.bool_)
        several[number[again]] = True
        at = np.flatnonzero(several[number])
        rows, of, repeats = order[at], number[at], again[at]
        at_once = np.ones(len(rows), dtype=np.bool_)
        for common in apart:
            at_once &= common[rows] == common[kept[of]]
        given = {name: ~missing_at(column, rows) & at_once for name, column in values.items()}
        usable = at_once.copy()
        for name, column in values.items():
            first = _first(given[name], rows, of, kept)
            usable &= ~(given[name] & differs(column, rows, first[of]))
        source: dict[str, Integers] = {}
        gives = np.zeros(len(rows), dtype=np.bool_)
        for name in values:
            source[name] = _first(given[name] & usable, rows, of, kept)
            gives |= given[name] & usable & (source[name][of] == rows)
        other, late = at_once & ~usable, np.flatnonzero(~at_once)
        parts = pd.DataFrame([of[late], *(common[rows[late]] for common in apart)]).T
        file = parts.groupby([*parts.columns]).ngroup().to_numpy()
        for name, column in values.items():
            has = ~missing_at(column, rows[late])
            elsewhere = np.zeros(len(late), dtype=np.bool_)
            elsewhere[file[has]] = True  # What another row of its own file has it does not lack.
            other[late] |= differs(column, rows[late], source[name][of[late]]) & (has | ~elsewhere[file])
        equal, merged = repeats & ~other & ~gives, repeats & gives
        return cls(kept, source, rows[equal], rows[merged], rows[other], of[other])

    def contradicted(self, values: Mapping[str, Any], numbers: Integers) -> Contradiction | None:
        """The first row that contradicts a value which counts, with its place and the column.

        :param numbers: of all rows.
        """
        rows = self.contradicting
        found: list[tuple[bool, int, Contradiction]] = []
        for name, column in values.items():
            kept = self.source[name][self.reading]
            lacks = missing_at(column, rows) | missing_at(column, kept)
            for empty in (False, True):  # Rather two values than one that the other lacks.
                other = differs(column, rows, kept) & (lacks == empty)
                if other.any():
                    at = int(np.argmin(np.where(other, numbers[rows], np.iinfo(np.int64).max)))
                    shown = Contradiction(int(rows[at]), int(kept[at]), name)
                    found.append((empty, int(numbers[rows[at]]), shown))
        return min(found, default=(False, 0, None), key=lambda one: one[:2])[2]


def _first(given: Bools, rows: Integers, of: Integers, kept: Integers) -> Integers:
    """Of each reading the place of the first row with a value; of one without, that of the row that counts.

    :param rows: places in order, shape (n,).
    :param of: number of the reading of each, ascending.
    :param kept: shape (readings,).
    """
    found = kept.copy()
    places = np.flatnonzero(given)
    begins = places[np.concatenate([[True], of[places][1:] != of[places][:-1]])[: len(places)]]
    found[of[begins]] = rows[begins]
    return found
