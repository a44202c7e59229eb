"""Local times that clocks show twice, as they are set back: which of the two moments a row is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from feature_sets.rows.keyed_rows import Bools, Integers

HOUR_APART = 6 * 3_600_000_000
"""Microseconds between two rows that are not of one change of clocks, at least."""


def _none() -> Integers:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class TwiceShown:
    """Rows of a column of times that may be of two moments, each of shape (n,).

    :param rows: their places, ascending.
    :param first: the earlier moment, microseconds since the epoch.
    :param second: the later one.
    """

    rows: Integers = field(default_factory=_none)
    first: Integers = field(default_factory=_none)
    second: Integers = field(default_factory=_none)

    @classmethod
    def of(cls, rows: Integers, local: pd.DatetimeIndex, zone: str) -> TwiceShown:
        """Those of some rows that clocks of a zone show twice, and not never.

        :param local: time of each row, without a zone.
        """
        if not len(rows):
            return cls()
        one, other = (
            local.tz_localize(ZoneInfo(zone), ambiguous=np.full(len(local), summer), nonexistent="NaT")
            for summer in (True, False)
        )
        is_twice = np.asarray(one.notna()) & np.asarray(other.notna()) & np.asarray(one != other)
        moments = [_micros(found[is_twice]) for found in (one, other)]
        return cls(rows[is_twice], np.minimum(*moments), np.maximum(*moments))

    @classmethod
    def joined(cls, parts: Sequence[TwiceShown], starts: Sequence[int]) -> TwiceShown:
        """Those of several parts as of one column.

        :param starts: place of the first row of each part.
        """
        return cls(
            np.concatenate([part.rows + start for part, start in zip(parts, starts, strict=True)]),
            np.concatenate([part.first for part in parts]),
            np.concatenate([part.second for part in parts]),
        )


def _micros(moments: pd.DatetimeIndex) -> Integers:
    plain = moments.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]")
    found: Integers = plain.astype(np.int64)
    return found


def taken_of_alarms(twice: TwiceShown, micros: Integers, raises: Bools, keys: Integers) -> Integers:
    """Which moment of each such row of an alarm log is taken, microseconds since the epoch, shape (n,).

    Of a raise it is the earlier one and of a clear the later one, so that an incident covers all time that it
    may have had. Where rows of one alarm that are in the hour raise and clear it by turns as their local
    times go, fitting the rows before and after the hour, all are of the same pass of it, and a clear that is
    the last one is of the later::

        local      01:53 R   02:48 C   02:50 R   04:00 C
        incidents       [────────)         [────────)

    :param micros: time of all rows that are read; those of ``twice`` are not looked at.
    :param raises: whether a row raises, of all rows.
    :param keys: number of the alarm, of all rows.
    """
    taken = np.where(raises[twice.rows], twice.first, twice.second)
    others = _Others.of(twice, micros, raises, keys)
    for group in _groups(twice, raises[twice.rows], keys[twice.rows]):
        if len(group) < 2:
            continue
        moments, order = twice.first[group], raises[twice.rows[group]]
        opens, goes_on = others.around(int(keys[twice.rows[group[0]]]), int(moments[0]), int(moments[-1]))
        told = [*([] if opens is None else [opens]), *_turns(moments, order)]
        told += [] if goes_on is None else [goes_on]
        by_turns = all(one != other for one, other in pairwise(told))
        if by_turns and (opens is not None or goes_on is not None or bool(order[0])):
            last = (moments == moments[-1]) & ~order
            taken[group] = np.where(last, twice.second[group], moments)
    return taken


class _Others(NamedTuple):
    """Rows whose moment is known, by alarm and time: shape (n,) each."""

    keys: Integers
    micros: Integers
    raises: Bools

    @classmethod
    def of(cls, twice: TwiceShown, micros: Integers, raises: Bools, keys: Integers) -> _Others:
        """Those of alarms that have a row in such an hour; the parameters are of all rows."""
        known = np.isin(keys, keys[twice.rows])
        known[twice.rows] = False
        places = np.flatnonzero(known)
        places = places[np.lexsort((raises[places], micros[places], keys[places]))]
        return cls(keys[places], micros[places], raises[places])

    def around(self, key: int, first: int, last: int) -> tuple[bool | None, bool | None]:
        """Whether the last row of an alarm before a moment raises, and the first one after another moment.

        None stands for no such row.
        """
        begin, end = np.searchsorted(self.keys, [key, key + 1]).tolist()
        moments = self.micros[begin:end]
        before = begin + int(np.searchsorted(moments, first)) - 1
        after = begin + int(np.searchsorted(moments, last, side="right"))
        return (
            bool(self.raises[before]) if before >= begin else None,
            bool(self.raises[after]) if after < end else None,
        )


def _groups(twice: TwiceShown, raises: Bools, keys: Integers) -> list[Integers]:
    """Places in ``twice`` of the rows of one alarm and one change of clocks, by local time."""
    if not len(keys):
        return []
    # Rows of one local time in an order of their own: it must not matter in which files they are.
    order = np.lexsort((raises, twice.first, keys))
    key, moment = keys[order], twice.first[order]
    begins = np.flatnonzero((key[1:] != key[:-1]) | (moment[1:] - moment[:-1] > HOUR_APART)) + 1
    return [np.asarray(part) for part in np.split(order, begins)]


def _turns(moments: Integers, raises: Bools) -> list[bool]:
    """What rows say one after the other; the same row in a copy of a file says it once."""
    said = list(zip(moments.tolist(), raises.tolist(), strict=True))
    return [does for _, does in dict.fromkeys(said)]
