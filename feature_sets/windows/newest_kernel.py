"""The compiled loop of the features of other devices: rows in order of arrival, what others are then out.

See ``NewestValues`` for what lies where. There is one loop for one row, many rows and a whole history, so all
give the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX, MEAN, MIN, MEDIAN = range(4)
"""Statistics over the others."""
PLAIN, DIFFERENCE, RATIO = range(3)
"""The statistic itself, or the row's own value less it, or divided by it."""
STATISTIC, COMPARISON = range(2)

LARGEST_RATIO = 1e9
"""A ratio of a larger size is rounding residue; see ``derived_features.LARGEST_QUOTIENT``."""

NEVER = -(2**62)
"""A moment, or a time in microseconds, before every other."""


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
