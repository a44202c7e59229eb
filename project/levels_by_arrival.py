"""What level a device had at an endpoint, made anew of its history and its journal in order of arrival."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feature_sets.relative_features import RelativeFeatures, hours_of
from feature_sets.windows.past_cuts import far_by_cut

FRUITLESS = 8
"""Rows of a device that no course explains, of which each course is tried. Of further ones only those are
that explained another row."""

SEARCHES = 200
"""Rows of a device of which all courses are tried; as many ingestions between its rows are found, at most."""

_STARTS = 8
"""Silences before a row after which the device may have begun anew, the newest ones."""
_TIMES = 3
"""Rows after a silence of which it is asked whether the device began anew with the history of before."""
_ROWS = 2_000_000
"""Rows that are taken into levels in one search, about."""
_KEY = "device"

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class LevelRows(NamedTuple):
    """Rows that counted, in the order in which they were taken in.

    :param micros: event times, microseconds, shape (n,).
    :param features: the window features that levels are of, shape (n, features).
    """

    micros: Integers
    features: Floats


@dataclass(frozen=True)
class _Known:
    """What an endpoint knew of a device when it began with it.

    :param cut: how many of the rows of the history, the first ones.
    :param filed_until: also rows of files after those, up to this place in the history.
    """

    cut: int
    filed_until: int = 0


class _Course:
    """Level of a device row by row, from one begin on."""

    def __init__(self, search: LevelSearch, known: _Known, start: int, levels: object) -> None:
        self.known, self.start = known, start
        self._search, self._at = search, max(start, search.live_from[known.cut])
        self._levels = search.relative.baselines()
        self._levels.put(*levels)  # type: ignore[misc]

    def at(self, row: int) -> Floats:
        """How far a row is, the first or a later one than before, shape (features,)."""
        live, begin = self._search.live, self._at
        self._at = row + 1
        at = slice(begin, row + 1)
        codes = np.zeros(row + 1 - begin, dtype=np.int64)
        found = self._levels.compare([_KEY], codes, live.features[at], hours_of(live.micros[at]))
        last: Floats = found[-1]
        return last


class LevelSearch:
    """Finds the course by which a device came to the levels that it had.

    An endpoint begins a device with what is ingested of it, when it first comes, after a silence, and with
    its first row after an ingestion. Nobody has written down how far the history went then. So all that it
    may have had is tried: its first rows, of each number, with or without those of files after them; and the
    newest silences after which the device may have begun. What came live since then is known. As a history
    only grows, a row knows no less of it than the one before.

    A search walks through the history of the device once, and there are ``SEARCHES`` of them at most.

    :param relative: the features.
    :param past: rows of the history, in its order.
    :param live: rows that the endpoint took in, in order of arrival, those before the journal as the history
        has them.
    :param begun: places in ``live`` before which the device may have been forgotten.
    :param filed: places in ``past`` of rows that did not come live.
    :param asked: which of the features were served.
    """

    def __init__(
        self,
        relative: RelativeFeatures,
        past: LevelRows,
        live: LevelRows,
        begun: Sequence[int],
        filed: Integers,
        asked: Integers,
    ) -> None:
        self.relative, self.live = relative, live
        self._asked, self._tried = asked, Counter[tuple[_Known, int]]()
        self._past, self._begun, self._filed = past, sorted({0, *begun}), filed
        place_of = dict(zip(past.micros.tolist(), range(len(past.micros)), strict=True))
        places = np.array([place_of.get(micros, -1) for micros in live.micros.tolist()], dtype=np.int64)
        self._reached = np.maximum.accumulate(places) if len(places) else places
        numbers = np.arange(len(past.micros) + 1)
        self.live_from: Integers = np.searchsorted(self._reached, numbers, side="left").astype(np.int64)
        self._active: list[_Course] = []
        self._bases: dict[_Known, object] = {}
        self._least = self._fruitless = self._searches = 0

    def explain(self, row: int, said: Floats) -> Floats | None:
        """How far a row was by the course that comes closest to what was served.

        :param row: its place in ``live``; later than those before.
        :param said: those of the features that were served, shape (asked,).
        :returns: the same; None if no course has explained any row yet.
        """
        closest = None
        for course in self._active:
            found = course.at(row)[self._asked]
            if _is_same(found, said).all():
                return found
            closest = found if closest is None else closest
        for course in self._courses_of_now(row):
            found = course.at(row)[self._asked]
            if _is_same(found, said).all():
                self._active = [course]
                return found
        searched = self._searched(row, said)
        return closest if searched is None else searched

    def _courses_of_now(self, row: int) -> Iterator[_Course]:
        """The same as before, but begun anew after the newest silence."""
        start = self._begun[bisect.bisect_right(self._begun, row) - 1]
        for course in list(self._active):
            tried = course.known, start
            # The first row after the silence would say so, unless that one is itself another.
            if start > course.start and self._tried[tried] < _TIMES:
                self._tried[tried] += 1
                yield _Course(self, course.known, start, self._base(course.known))

    def _searched(self, row: int, said: Floats) -> Floats | None:
        if self._fruitless >= FRUITLESS or self._searches >= SEARCHES:
            return None
        self._searches += 1
        newest = bisect.bisect_right(self._begun, row)
        for start in reversed(self._begun[max(0, newest - _STARTS) : newest]):
            for until in (0, int(self._reached[start])) if len(self._filed) else (0,):
                cuts = self._cuts(row, start, until, said)
                if len(cuts):
                    self._least = int(cuts[0])
                    # Rows without a value change nothing, so that there may be several.
                    found = [_Known(cut, until) for cut in sorted({int(cuts[0]), int(cuts[-1])})]
                    self._bases = {}
                    self._active = [_Course(self, known, start, self._base(known)) for known in found]
                    return [course.at(row) for course in self._active].pop()[self._asked]
        self._fruitless += 1
        return None

    def _cuts(self, row: int, start: int, filed_until: int, said: Floats) -> Integers:
        """Numbers of the first rows of the history that make the level which a row says."""
        last = max(0, int(self._reached[row]))
        live_from = np.maximum(self.live_from[: last + 1], start) - start
        filed = self._filed[self._filed < min(last, filed_until)]
        goes_on = np.searchsorted(filed, np.arange(last + 1)).astype(np.int64)
        rows = (row + 1 - start - live_from) + (len(filed) - goes_on)
        # The newest ones, of which fewer rows came since, where all would be too many.
        many = np.flatnonzero(np.cumsum(rows[::-1])[::-1] > _ROWS)
        first = min(max(self._least, int(many[-1]) + 1 if len(many) else 0), last)
        past, live = self._past, self.live
        at = slice(start, row + 1)
        found = far_by_cut(
            self.relative.kinds,
            self.relative.after,
            (past.features[:last], hours_of(past.micros[:last])),
            first,
            (filed, goes_on),
            (live.features[at], hours_of(live.micros[at])),
            live_from,
        )
        return np.flatnonzero(_is_same(found[:, self._asked], said).all(axis=1)) + first

    def _base(self, known: _Known) -> object:
        """Levels with what was known at the begin."""
        if known not in self._bases:
            rows = np.arange(known.cut)
            filed = self._filed[(self._filed >= known.cut) & (self._filed < known.filed_until)]
            rows = np.concatenate([rows, filed])
            levels = self.relative.baselines()
            codes = np.zeros(len(rows), dtype=np.int64)
            levels.compare([_KEY], codes, self._past.features[rows], hours_of(self._past.micros[rows]))
            self._bases[known] = levels.content()
        return self._bases[known]


def _is_same(left: Floats, right: Floats) -> npt.NDArray[np.bool_]:
    same: npt.NDArray[np.bool_] = (left == right) | (np.isnan(left) & np.isnan(right))
    return same
