"""Newest values of each device, and what those of the devices around it are when a row arrives.

A row looks at what had arrived strictly before it: at a state of each other device that was reached at an
earlier moment than the row's own. So rows of one moment do not see each other, and their order among
themselves does not matter. Of each device two states are kept for that: the newest, and the one before the
moment of the newest. There is one compiled loop for one row and for a whole history, so both give the same
bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Key = str | int

MAX, MEAN, MIN, MEDIAN = range(4)
"""Statistics over the others."""
PLAIN, DIFFERENCE, RATIO = range(3)
"""The statistic itself, or the row's own value less it, or divided by it."""
STATISTIC, COMPARISON = range(2)

LARGEST_RATIO = 1e9
"""A ratio of a larger size is rounding residue; see ``derived_features.LARGEST_QUOTIENT``."""

NEVER = -(2**62)
"""A moment, or a time in microseconds, before every other."""

Spans = Sequence[tuple[Key, int, int]]
"""Names with the first microsecond from which each holds, and the first at which it no longer does."""


class Relation(NamedTuple):
    """Which devices a device looks at: those that are members of a group that it looks at.

    :param groups: device -> groups that it looks at.
    :param members: group -> devices in it. A device never looks at itself.
    """

    groups: Mapping[Key, Spans]
    members: Mapping[Key, Spans]


@dataclass(frozen=True)
class Asked:
    """What is made of the values of others.

    :param is_reading: of each value, shape (values,): whether it is a reading, of which the newest by event
        time counts, and not a window, of which the newest to arrive does.
    :param max_ages: of each relation, microseconds.
    :param features: shape (n, 2): STATISTIC and COMPARISON of each feature, in output order; those of one
        relation and value lie together.
    :param starts: where those of a relation and value begin, shape (relations * values + 1,).
    """

    is_reading: npt.NDArray[np.bool_]
    max_ages: Ints
    features: Ints
    starts: Ints


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def _smallest(values: Floats, count: int, rank: int) -> float:
    """The value of a rank, 0 the smallest; all before it are then no larger (Hoare, 1961, Find).

    As in the kernel of the windows: Numba's cache notices changes of a function's own file only.
    """
    low, high = 0, count - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    found: float = values[rank]
    return found


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def _statistic(values: Floats, count: int, asked: int) -> float:
    """One of several values; the order of those before ``count`` may change if it is the median."""
    found: float = values[0]
    if asked == MEDIAN:
        upper: float = _smallest(values, count, count // 2)
        if count % 2:
            return upper
        found = values[0]  # All before the upper one are no larger.
        for k in range(1, count // 2):
            found = max(found, values[k])
        return found + (upper - found) / 2.0
    for k in range(1, count):
        if asked == MAX:
            found = max(found, values[k])
        elif asked == MIN:
            found = min(found, values[k])
        else:
            found += values[k]
    if asked == MEAN:
        found /= count
    return found


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def _compared(own: float, statistic: float, comparison: int) -> float:
    if comparison == PLAIN:
        found = statistic
    elif comparison == DIFFERENCE:
        found = own - statistic
    else:
        found = own / statistic
        if abs(found) > LARGEST_RATIO:
            found = np.nan
    return found if np.isfinite(found) else np.nan


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def _around(
    device: int,
    moment: int,
    time: int,
    groups: Ints,
    group_spans: Ints,
    members: Ints,
    member_spans: Ints,
    current: Ints,
    moments: Ints,
    found: Ints,
) -> int:
    """Put the others that a device looks at into ``found``, each with its state before the moment."""
    count = 0
    if device + 1 >= len(groups):
        return count
    for g in range(groups[device], groups[device + 1]):
        if not group_spans[g, 1] <= time < group_spans[g, 2]:
            continue
        group = group_spans[g, 0]
        for m in range(members[group], members[group + 1]):
            other = member_spans[m, 0]
            if other == device or not member_spans[m, 1] <= time < member_spans[m, 2]:
                continue
            state = current[other]
            if moments[other, state] >= moment:
                state = 1 - state
            if moments[other, state] < moment:
                found[count, 0], found[count, 1] = other, state
                count += 1
    return count


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def _take_in(
    place: int,
    moment: int,
    time: int,
    row: Floats,
    is_reading: Any,
    current: Ints,
    moments: Ints,
    newest: Ints,
    values: Floats,
    times: Ints,
) -> None:
    """Make a row the newest state of its device; what it lacks stays."""
    before = current[place]
    now = before
    if moments[place, before] < moment:
        now = 1 - before
        current[place], moments[place, now] = now, moment
    newest[place, now] = max(newest[place, before], time)
    for k in range(len(row)):
        told = time if is_reading[k] else newest[place, now]
        if np.isfinite(row[k]) and told >= times[place, before, k]:
            values[place, now, k], times[place, now, k] = row[k], told
        else:
            values[place, now, k], times[place, now, k] = values[place, before, k], times[place, before, k]


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def take(
    rows: Ints,
    at: Ints,
    given: Floats,
    is_reading: Any,
    max_ages: Ints,
    features: Ints,
    starts: Ints,
    groups: Ints,
    group_spans: Ints,
    members: Ints,
    member_spans: Ints,
    current: Ints,
    moments: Ints,
    newest: Ints,
    values: Floats,
    times: Ints,
    found: Ints,
    fresh: Floats,
    out: Floats,
) -> None:
    """Put what the others are into ``out``, and take the row in, row by row; see ``NewestValues``.

    :param rows: device of each row, shape (n,).
    :param at: moment and event time of each row, shape (n, 2).
    :param given: shape (n, values); NaN where there is none.
    :param groups: shape (relations, devices + 1): where the group spans of each device begin.
    :param group_spans: shape (spans, 3): group, since, until.
    :param members: where the member spans of each group begin.
    :param member_spans: shape (spans, 3): device, since, until.
    :param found: scratch, shape (others, 2).
    :param fresh: scratch, shape (2, others).
    :param out: shape (n, features).
    """
    for i in range(len(rows)):
        place, moment, time = rows[i], at[i, 0], at[i, 1]
        now = max(newest[place, current[place]], time)
        for relation in range(len(max_ages)):
            around = _around(
                place,
                moment,
                time,
                groups[relation],
                group_spans,
                members,
                member_spans,
                current,
                moments,
                found,
            )
            for k in range(given.shape[1]):
                first, end = starts[relation * given.shape[1] + k], starts[relation * given.shape[1] + k + 1]
                if first == end:
                    continue
                count = 0
                for j in range(around):
                    other, state = found[j, 0], found[j, 1]
                    told = times[other, state, k]
                    if told > NEVER and now - told <= max_ages[relation]:
                        fresh[0, count] = values[other, state, k]
                        count += 1
                for feature in range(first, end):
                    if not count:
                        out[i, feature] = np.nan
                        continue
                    asked = features[feature, STATISTIC]
                    if asked == MEDIAN:  # Of a copy: it moves the values, and a sum depends on their order.
                        for j in range(count):
                            fresh[1, j] = fresh[0, j]
                    statistic = _statistic(fresh[1 if asked == MEDIAN else 0], count, asked)
                    out[i, feature] = _compared(given[i, k], statistic, features[feature, COMPARISON])
        _take_in(place, moment, time, given[i], is_reading, current, moments, newest, values, times)


_STATE = ("current", "moments", "newest", "values", "times")
"""Arrays with the state of each device: which of its two states is the newer one; of both the moment, the
newest event time until then, and each value with its event time."""


class NewestValues:
    """The newest values of each device, known by its key.

    A device has two states of as many numbers and times as there are values. It never grows.

    :param asked: what is made of the values of others.
    :param relations: which others those are, in the order of ``asked``.
    """

    def __init__(self, asked: Asked, relations: Sequence[Relation]) -> None:
        self._asked = asked
        values = len(asked.is_reading)
        self._current = np.empty(0, dtype=np.int64)
        self._moments = np.empty((0, 2), dtype=np.int64)
        self._newest = np.empty((0, 2), dtype=np.int64)
        self._values = np.empty((0, 2, values))
        self._times = np.empty((0, 2, values), dtype=np.int64)
        self._places: dict[Key, int] = {}
        self._unused: list[int] = []
        self._used = 0
        self.relate(relations)

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def relate(self, relations: Sequence[Relation]) -> None:
        """Have devices look at others from now on."""
        numbers: dict[tuple[int, Key], int] = {}
        members: list[list[tuple[int, int, int]]] = []
        looks: list[dict[int, list[tuple[int, int, int]]]] = []
        self._kept: set[Key] = set()
        for number, relation in enumerate(relations):
            for group, spans in relation.members.items():
                numbers[number, group] = len(members)
                # In the order of their names, in which their values are added up.
                ordered = sorted(spans, key=lambda span: (isinstance(span[0], str), span))
                members.append([(self._place(key), since, until) for key, since, until in ordered])
                self._kept.update(key for key, _, _ in spans)
            looks.append(
                {
                    self._place(device): [
                        (numbers[number, group], since, until)
                        for group, since, until in spans
                        if (number, group) in numbers
                    ]
                    for device, spans in relation.groups.items()
                }
            )
            self._kept.update(relation.groups)
        places = self._used
        self._members, self._member_spans = _flat(members)
        rows = [_flat([found.get(place, []) for place in range(places)]) for found in looks]
        offsets = np.cumsum([0, *(len(spans) for _, spans in rows)])
        self._groups = np.zeros((len(rows), places + 1), dtype=np.int64)
        for number, (starts, _) in enumerate(rows):
            self._groups[number] = starts + offsets[number]
        self._group_spans = np.concatenate([np.empty((0, 3), dtype=np.int64), *(spans for _, spans in rows)])
        most = [
            sum(int(self._members[group + 1] - self._members[group]) for group, _, _ in spans)
            for found in looks
            for spans in found.values()
        ]
        size = max([1, *most])
        self._found, self._fresh = np.empty((size, 2), dtype=np.int64), np.empty((2, size))

    def compare(self, keys: Sequence[Key], codes: Ints, at: Ints, given: Floats) -> Floats:
        """What the others of each row are as it arrives; takes the rows in, in their order.

        :param keys: the key of each code.
        :param codes: of each row, shape (n,).
        :param at: moment and event time of each row, microseconds, shape (n, 2). Moments should not go back:
            a row that does is taken in with the newest, and sees what had arrived before both.
        :param given: values of each row, shape (n, values); NaN where there is none.
        :returns: shape (n, features); NaN where no other has a value that is new enough.
        """
        places = np.array([self._place(key) for key in keys], dtype=np.int64)
        asked = self._asked
        out = np.empty((len(codes), len(asked.features)))
        take(
            places[codes],
            np.ascontiguousarray(at),
            np.ascontiguousarray(given),
            asked.is_reading,
            asked.max_ages,
            asked.features,
            asked.starts,
            self._groups,
            self._group_spans,
            self._members,
            self._member_spans,
            self._current,
            self._moments,
            self._newest,
            self._values,
            self._times,
            self._found,
            self._fresh,
            out,
        )
        return out

    def moment(self, key: Key) -> int:
        """When the newest row of a device was taken in; NEVER for one without a row."""
        place = self._places.get(key)
        return NEVER if place is None else int(self._moments[place].max())

    def forget(self, keys: Iterable[Key]) -> None:
        """Give up the state of devices that nobody looks at."""
        for key in keys:
            if key not in self._kept and key in self._places:
                self._unused.append(self._places.pop(key))

    def content(self) -> tuple[list[Key], dict[str, npt.NDArray[Any]]]:
        """Keys of the devices, and the state of each; what they look at is not in it."""
        places = list(self._places.values())
        return list(self._places), {name: getattr(self, f"_{name}")[places] for name in _STATE}

    def put(self, keys: Sequence[Key], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Have these devices the state that ``content`` gave, and no other device any."""
        places = list(self._places.values())
        self._moments[places], self._newest[places] = NEVER, NEVER
        self._values[places], self._times[places] = np.nan, NEVER
        places = [self._place(key) for key in keys]
        for name in _STATE:
            getattr(self, f"_{name}")[places] = arrays[name]

    def _place(self, key: Key) -> int:
        """Where the state of a device is, made if it is new."""
        place = self._places.get(key)
        if place is None:
            if self._unused:
                place = self._unused.pop()
            else:
                place, self._used = self._used, self._used + 1
                if place == len(self._moments):
                    self._grow(max(64, 2 * place))
            self._current[place] = 0
            self._moments[place], self._newest[place] = NEVER, NEVER
            self._values[place], self._times[place] = np.nan, NEVER
            self._places[key] = place
        return place

    def _grow(self, size: int) -> None:
        for name in _STATE:
            before = getattr(self, f"_{name}")
            longer = np.empty((size, *before.shape[1:]), dtype=before.dtype)
            longer[: len(before)] = before
            setattr(self, f"_{name}", longer)


def _flat(spans: Sequence[Sequence[tuple[int, int, int]]]) -> tuple[Ints, Ints]:
    """Where each list begins among all of them, shape (lists + 1,), and all of them, shape (n, 3)."""
    starts = np.cumsum([0, *(len(found) for found in spans)]).astype(np.int64)
    every = [span for found in spans for span in found]
    return starts, np.array(every, dtype=np.int64).reshape(-1, 3)
