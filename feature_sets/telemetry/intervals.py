"""Intervals of time over devices: each has a scope, and holds for every device that the scope covers then."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feature_sets.rows.entity_keys import key_parts
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.cell_text import truth_of
from feature_sets.telemetry.device_part import device_names
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

OPEN = int(np.iinfo(np.int64).max)
"""End of an interval that has none."""

BEGINNING = 0
"""Event times begin in 1970."""

Scope = tuple[tuple[str, str], ...]
"""Columns and their values, all of which a device must have: ``device``, entity columns, attributes.

``device`` is the key or, where an entity column has that name, this part of it; see ``device_part``."""


_REMEMBERED = 100_000
"""Devices of which it is remembered when they are in which interval; made-up ones do not fill the memory."""


class Interval(NamedTuple):
    """A time on the devices of a scope.

    :param scope: see ``Scope``; an empty one covers no device.
    :param start: first microsecond since the epoch that is inside.
    :param end: first microsecond that no longer is; ``OPEN`` without an end.
    """

    scope: Scope
    start: int
    end: int = OPEN


class Span(NamedTuple):
    """Attributes of a device, from a time until its next span.

    :param start: microseconds since the epoch.
    :param attributes: column -> text; None where there is none.
    """

    start: int
    attributes: Mapping[str, str | None]


class _Reach(NamedTuple):
    """Intervals of one device by start, each with the one that ends last of those up to it."""

    starts: list[int]
    ends: list[int]
    names: list[str]


_NOTHING = _Reach([], [], [])


class Intervals:
    """Named intervals that may overlap; which of them a device is in at a time.

    Half open: a row at the start is inside, one at the end is not. Of several that contain a row it is the
    one that ends last; of those that end together, the one whose start, then name, is the smallest.

    >>> lab = TelemetrySchema.from_dict(
    ...     {"name": "lab", "entity": ["site", "box"], "time": "at", "metrics": {"load": {}}, "label": "bad"}
    ... )
    >>> found = Intervals(lab)
    >>> found.put("night", Interval((("site", "oslo"),), 10, 20))
    >>> [found.at("oslo/a", moment) for moment in (9, 10, 19, 20)], found.at("rome/a", 10)
    ([None, 'night', 'night', None], None)

    :param schema: whose entity columns make the keys of devices.
    :param intervals: by name.
    :param attributes: device -> its spans in order of time; the first holds before its start as well.
    """

    def __init__(
        self,
        schema: TelemetrySchema,
        intervals: Mapping[str, Interval] | None = None,
        attributes: Mapping[str, Sequence[Span]] | None = None,
    ) -> None:
        self._schema = schema
        self._named: dict[str, Interval] = {}
        self._by_first: dict[tuple[str, str | bool], dict[str, None]] = {}
        self._firsts: dict[str, int] = {}
        self._attributes = dict(attributes or {})
        self._reaches: dict[str, _Reach] = {}
        for name, interval in (intervals or {}).items():
            self.put(name, interval)

    def __len__(self) -> int:
        return len(self._named)

    @property
    def named(self) -> Mapping[str, Interval]:
        """All intervals by name."""
        return self._named

    def put(self, name: str, interval: Interval) -> None:
        """Add an interval, or have it take the place of the one with its name."""
        self.drop(name)
        self._named[name] = interval
        if interval.scope:
            column, value = interval.scope[0]
            self._by_first.setdefault((column, self._form(column, value)), {})[name] = None
            self._firsts[column] = self._firsts.get(column, 0) + 1
        self._reaches.clear()

    def drop(self, name: str) -> None:
        """Forget an interval, if it is there."""
        interval = self._named.pop(name, None)
        if interval is not None and interval.scope:
            column, value = interval.scope[0]
            place = column, self._form(column, value)
            del self._by_first[place][name]
            if not self._by_first[place]:
                del self._by_first[place]
            self._firsts[column] -= 1
            if not self._firsts[column]:
                del self._firsts[column]
            self._reaches.clear()

    def at(self, device: str, micros: int) -> str | None:
        """Name of the interval that a device is in at a time; None if it is in none."""
        if not self._named:
            return None
        reach = self._reach(device)
        place = bisect_right(reach.starts, micros) - 1
        return reach.names[place] if place >= 0 and micros < reach.ends[place] else None

    def containing(self, keys: Sequence[str | int], codes: Integers, micros: Integers) -> Integers:
        """The same for rows: place of the name among ``named``, or -1.

        :param keys: of devices.
        :param codes: place of each row's device among the keys, shape (n,).
        :param micros: times in microseconds since the epoch, shape (n,).
        :returns: shape (n,).
        """
        places = {name: place for place, name in enumerate(self._named)}
        found = np.full(len(codes), -1, dtype=np.int64)
        if not self._named:
            return found
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(len(keys) + 1))
        for code, key in enumerate(keys):
            reach = self._reach(str(key))
            rows = order[bounds[code] : bounds[code + 1]]
            if not reach.starts or not len(rows):
                continue
            moments = micros[rows]
            at = np.searchsorted(np.array(reach.starts, dtype=np.int64), moments, side="right") - 1
            inside = (at >= 0) & (moments < np.array(reach.ends, dtype=np.int64)[at])
            names = np.array([places[name] for name in reach.names], dtype=np.int64)
            found[rows] = np.where(inside, names[at], -1)
        return found

    def contains(self, keys: Sequence[str | int], codes: Integers, micros: Integers) -> npt.NDArray[np.bool_]:
        """Which rows are in an interval; see ``containing``."""
        return self.containing(keys, codes, micros) >= 0

    def meets(self, device: str, first: int, last: int) -> bool:
        """Whether a device is in an interval at any time from the first to the last microsecond."""
        if not self._named:
            return False
        reach = self._reach(device)
        begun = bisect_right(reach.starts, first)
        return (begun > 0 and first < reach.ends[begun - 1]) or begun < bisect_right(reach.starts, last)

    def covers(self, scope: Scope, device: str) -> bool:
        """Whether a device is in a scope at any time."""
        return any(self._in_scope(scope, facts) for _, _, facts in self._spans(device))

    def _reach(self, device: str) -> _Reach:
        known = self._reaches.get(device)
        if known is None:
            known = _NOTHING
            pieces = sorted(set(self._pieces(device)), key=lambda piece: (piece[0], -piece[1], piece[2]))
            if pieces:
                known = _Reach([], [], [])
                last, named = -1, ""
                for start, end, name in pieces:
                    if end > last:
                        last, named = end, name
                    known.starts.append(start)
                    known.ends.append(last)
                    known.names.append(named)
            if len(self._reaches) >= _REMEMBERED:
                self._reaches.clear()
            self._reaches[device] = known
        return known

    def _pieces(self, device: str) -> Iterable[tuple[int, int, str]]:
        """Parts of intervals in which their scope covers a device."""
        for start, end, facts in self._spans(device):
            for column in self._firsts:
                for value in self._values(column, facts):
                    for name in self._by_first.get((column, self._form(column, value)), ()):
                        interval = self._named[name]
                        first, last = max(start, interval.start), min(end, interval.end)
                        if first < last and self._in_scope(interval.scope, facts):
                            yield first, last, name

    def _spans(self, device: str) -> Iterable[tuple[int, int, Mapping[str, str | None]]]:
        """What is known of a device, from when to when."""
        levels = key_levels(device, self._schema.entity, self._schema.separator)
        spans = self._attributes.get(device) or (Span(BEGINNING, {}),)
        for place, span in enumerate(spans):
            start = span.start if place else BEGINNING
            end = spans[place + 1].start if place + 1 < len(spans) else OPEN
            yield start, end, {**span.attributes, **levels, DEVICE: device}

    def _in_scope(self, scope: Scope, facts: Mapping[str, str | None]) -> bool:
        for column, value in scope:
            given = (self._form(column, one) for one in self._values(column, facts))
            if self._form(column, value) not in given:
                return False
        return bool(scope)

    def _values(self, column: str, facts: Mapping[str, str | None]) -> tuple[str, ...]:
        """What a device has in a column; see ``device_names``."""
        value = facts.get(column)
        if value is None:
            return ()
        return device_names(value, self._schema) if column == DEVICE else (value,)

    def _form(self, column: str, value: str) -> str | bool:
        """What makes two values of a column the same: of attributes one truth value has many words."""
        if column == DEVICE or column in self._schema.entity:
            return value
        truth = truth_of(value)
        return value if truth is None else truth


def key_levels(device: str, entity: Sequence[str], separator: str) -> dict[str, str]:
    """Entity columns that a key was made of; none if it was made of others.

    >>> key_levels("oslo/a/b", ("site", "box"), "/")
    {'site': 'oslo', 'box': 'a/b'}
    """
    parts = key_parts(device, len(entity), separator)
    return dict(zip(entity, parts, strict=True)) if len(parts) == len(entity) else {}
