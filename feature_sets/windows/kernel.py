"""The compiled heart of the rolling windows: one event into the state of its device, its windows out.

There is one state machine, ``take``, for one event, many events and a whole history; so all give the same
bits. It works on plain arrays, see ``Plan`` and ``WindowState`` for what lies where.

Numbers. A bucket keeps, of each metric, the number of readings n, the lowest reading, Σ(x − lowest) and Σ(x −
lowest)²: terms that are never negative. Two of them are added about the lower of their lowest readings, which
again adds what is not negative, so nothing cancels (Chan, Golub and LeVeque, 1983, American Statistician 37,
on shifted data). The variance, Σd² − (Σd)²/n, loses at most the factor n, whatever the size of the readings,
for the shift is one of them. Of a constant every d is exactly 0. Nothing is subtracted when a bucket leaves,
so nothing of it stays.

Windows. Time is cut into chunks of one window, from the epoch on. A window is then the end of one chunk and
the beginning of the next (van Herk, 1992, Pattern Recognition Letters 13; Gil and Werman, 1993, IEEE PAMI
15): the ends are added up once a chunk, from its last bucket back, and the beginning grows by one bucket at a
time, so an event costs the same for long windows and short ones. Both are made from the buckets alone and
always in the same order. So they need not be kept: they live in a scratch pad for the run of events of one
device, and are made anew, to the same bits, for the next.

Compilation takes some seconds, once: Numba keeps the machine code in ``__pycache__`` beside this file or,
where that is read-only, in the user's cache folder; ``NUMBA_CACHE_DIR`` names another. Everything compiled is
in this one file because the cache notices changes of a function's own file only: the file is longer than
others for that. ``take`` is longer than other functions because its steps share some twenty positions in the
scratch pads. Numba compiles it anew for arrays of another type, and a read-only array is one: its callers
pass writable ones, so one compilation serves them all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.uint8]

ACCEPTED, LATE, DUPLICATE, TOO_LATE, QUARANTINED = range(5)
"""What became of an event, in the order of ``event_status.OF_WINDOWS``."""

BUCKET, TIME, TOUCHED, LOG, CAPACITY, START, SIZE, BLOCK, PACKED = range(9)
"""Columns of the table of devices: newest bucket, newest event time, last arrival (microseconds), and the
ring of counted event times: where it lies, how many fit, where it starts, how many there are. Then its block
of buckets, -1 if they are packed, and the first of these, -1 if there is none."""
DEVICE_COLUMNS = 9

COUNT, LOW, SUM = range(3)
"""Places of the statistics that every bucket has: readings, the lowest, and Σ(x − lowest)."""

PERIOD, LONGEST, LATENESS, READINGS, SQUARES, HIGH, FIRST, LAST, PLANES = range(9)
KEPT, NEAREST, FARTHEST, UPTIME_WRAP, ASKED = range(9, 14)
"""Entries of the plan: microseconds, buckets, buckets, whether readings are kept one by one (0, 1). Then the
places of a bucket's other statistics, -1 for one that no operation needs: Σ(x − lowest)², the highest, the
earliest and the latest reading, each of these two followed by its time; and how many statistics there are.
Then, of how many buckets event times are kept; and of counters, in microseconds: the shortest and the longest
interval of a rate, and after what an uptime begins again, 0 if it does not. From ASKED on, for each of
OPERATIONS its place among those asked for, or -1."""

METRIC, BITS = range(2)
"""Columns of the rules of counters: the metric that is the rate, and 32 or 64."""
MAX_RATE, SCALE, LOWEST, HIGHEST = range(4)
"""Columns of their limits: units per second, negative if unknown; and of the scaled rate."""

OPERATIONS = ("count", "sum", "sqr", "avg", "min", "max", "first", "last", "stddev", "stdvar", "median")
_COUNT, _SUM, _SQR, _AVG, _MIN, _MAX, _FIRST, _LAST, _STDDEV, _STDVAR, MEDIAN = range(
    ASKED, ASKED + len(OPERATIONS)
)
EXPECTED = ASKED + len(OPERATIONS)
"""Entry of the plan behind them: how often readings are expected, in microseconds; -1 if nobody knows."""
PLAN_ENTRIES = EXPECTED + 1

# Without Numba's reference counts, which are atomic and cost more than the arithmetic: the arrays belong to
# the caller, and nothing in here makes one.
_compiled = njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
_inlined = njit(nogil=True, cache=True, error_model="numpy", _nrt=False, inline="always")

# As an index, what is known to be no less than 0: Numba then leaves out Python's counting from the end.
_index = np.uint64

Places = tuple[int, int, int, int]
"""SQUARES, HIGH, FIRST, LAST of a plan."""
Sums = tuple[float, float, float, float, float]
"""Number of readings, lowest, Σ(x − lowest), Σ(x − lowest)², highest."""
EMPTY: Sums = (0.0, np.inf, 0.0, 0.0, -np.inf)

WAITING_ROWS = 6
WAITING = 128
"""So many windows (or those of one event, if they are more) wait to be divided together; rows of numbers for
them: ``Sums`` without the highest, and two for what is made of them."""

UPTIME_SLACK = 60_000_000
"""How far an uptime that begins again may be from what it must be then, in microseconds."""

SMALLEST_RING = 8
RING_CLASSES = 48
USED = RING_CLASSES
"""In ``free``: the first free ring of each size (8, 16, ...; -1 is none), then how much of the log is
used."""


@_inlined
def _places(plan: Ints) -> Places:
    return plan[SQUARES], plan[HIGH], plan[FIRST], plan[LAST]


@_compiled
def _position(times: Ints, log: int, capacity: int, start: int, size: int, time: int) -> int:
    """How many of a ring's times are earlier than this one."""
    low, high = 0, size
    while low < high:
        middle = (low + high) >> 1
        if times[log + ((start + middle) & (capacity - 1))] < time:
            low = middle + 1
        else:
            high = middle
    return low


@_compiled
def _room(row: Ints, times: Ints, readings: Floats, wholes: Wholes, told: Flags, free: Ints) -> bool:
    """Make sure that the device's ring takes one more; False, and nothing changed, if the log is full."""
    if row[SIZE] < row[CAPACITY]:
        return True
    capacity = max(SMALLEST_RING, 2 * row[CAPACITY])
    size_class = 0
    while SMALLEST_RING << size_class < capacity:
        size_class += 1
    log = free[size_class]
    if log >= 0:
        free[size_class] = times[log]
    else:
        log = free[USED]
        if log + capacity > len(times):
            return False
        free[USED] = log + capacity
    for k in range(row[SIZE]):
        old = row[LOG] + ((row[START] + k) & (row[CAPACITY] - 1))
        times[log + k] = times[old]
        for m in range(readings.shape[1]):
            readings[log + k, m] = readings[old, m]
        for c in range(wholes.shape[1]):
            wholes[log + k, c], told[log + k, c] = wholes[old, c], told[old, c]
    give_back(row, times, free)
    row[LOG], row[CAPACITY], row[START] = log, capacity, 0
    return True


@_compiled
def give_back(row: Ints, times: Ints, free: Ints) -> None:
    """Put the ring of a device on the list of free ones."""
    if row[CAPACITY] == 0:
        return
    size_class = 0
    while SMALLEST_RING << size_class < row[CAPACITY]:
        size_class += 1
    times[row[LOG]] = free[size_class]
    free[size_class] = row[LOG]
    row[CAPACITY] = 0


@_compiled
def _remember(
    row: Ints,
    times: Ints,
    readings: Floats,
    wholes: Wholes,
    told: Flags,
    time: int,
    values: Floats,
    event_wholes: Wholes,
    event_told: Flags,
    event: int,
) -> None:
    """Put an event into the ring, which is sorted by time and has room."""
    log, mask, start, size = row[LOG], row[CAPACITY] - 1, row[START], row[SIZE]
    place = size
    if size > 0 and time < times[log + ((start + size - 1) & mask)]:
        place = _position(times, log, mask + 1, start, size, time)
        for k in range(size, place, -1):
            later, sooner = log + ((start + k) & mask), log + ((start + k - 1) & mask)
            times[later] = times[sooner]
            for m in range(readings.shape[1]):
                readings[later, m] = readings[sooner, m]
            for c in range(wholes.shape[1]):
                wholes[later, c], told[later, c] = wholes[sooner, c], told[sooner, c]
    at = log + ((start + place) & mask)
    times[at] = time
    for m in range(readings.shape[1]):
        readings[at, m] = values[m, event]
    for c in range(wholes.shape[1]):
        wholes[at, c], told[at, c] = event_wholes[c, event], event_told[c, event]
    row[SIZE] = size + 1


@_inlined
def _told_before(told: Flags, log: int, mask: int, start: int, place: int, column: int) -> int:
    """The last place in a ring before this one that has a reading of the column; -1 if there is none."""
    place -= 1
    while place >= 0 and told[log + ((start + place) & mask), column] == 0:
        place -= 1
    return place


@_compiled
def _interval_start(
    row: Ints, times: Ints, told: Flags, plan: Ints, place: int, time: int, column: int
) -> int:
    """Where in the log the reading lies from which a rate at ``time`` is taken; -1 if there is none.

    :param place: how many in the ring are earlier.
    """
    log, mask, start = row[LOG], row[CAPACITY] - 1, row[START]
    at = _told_before(told, log, mask, start, place, column)
    if at < 0:
        return -1
    since = times[log + ((start + at) & mask)]
    if time - since < plan[NEAREST]:
        return -1
    while plan[NEAREST] > 0 and time - since <= plan[FARTHEST]:
        before = _told_before(told, log, mask, start, at, column)
        if before < 0 or since - times[log + ((start + before) & mask)] >= plan[NEAREST]:
            break
        at, since = before, times[log + ((start + before) & mask)]
    return log + ((start + at) & mask) if time - since <= plan[FARTHEST] else -1


@_inlined
def _kept_running(before: int, now: int, elapsed: int, wrap: int) -> bool:
    """Whether a device ran on between two readings of its uptime, all in microseconds.

    It was started within the interval if it has been running for less than that, or for less than before.
    An uptime that begins again is told by how near it is to what it must be then.
    """
    if now < before and wrap > 0 and abs(now + wrap - before - elapsed) <= UPTIME_SLACK:
        return True
    return now >= before and now >= elapsed


@_compiled
def _rate(
    before: Wholes,
    told_before: Flags,
    c: int,
    now: Wholes,
    told_now: Flags,
    event: int,
    elapsed: int,
    plan: Ints,
    rules: Ints,
    limits: Floats,
) -> float:
    """The rate of one counter over an interval, scaled; NaN if there is none.

    :param before: the whole numbers of the reading that the interval begins with, shape (columns,).
    :param now: those of events, shape (columns, events).
    :param elapsed: microseconds, more than 0.
    """
    uptime = len(rules)
    told = uptime < len(before) and told_before[uptime] != 0 and told_now[uptime, event] != 0
    if told and not _kept_running(
        np.int64(before[uptime]), np.int64(now[uptime, event]), elapsed, plan[UPTIME_WRAP]
    ):
        return np.nan
    old, new, fastest = before[c], now[c, event], limits[c, MAX_RATE]
    fell, narrow = new < old, rules[c, BITS] == 32
    if fell and narrow:
        new += np.uint64(1 << 32)
    counted = new - old  # Modulo 2^64.
    if fell and fastest < 0.0 and not (narrow and told and counted < np.uint64(1 << 31)):
        return np.nan
    rate = np.float64(counted) * 1e6 / np.float64(elapsed)
    if fastest >= 0.0 and rate > fastest:
        return np.nan
    rate *= limits[c, SCALE]
    if not (limits[c, LOWEST] <= rate <= limits[c, HIGHEST]) or not np.isfinite(rate):
        return np.nan
    return float(rate)


@_compiled
def _put_rates(
    row: Ints,
    times: Ints,
    wholes: Wholes,
    told: Flags,
    plan: Ints,
    rules: Ints,
    limits: Floats,
    time: int,
    event: int,
    event_wholes: Wholes,
    event_told: Flags,
    values: Floats,
) -> None:
    """Put the rates at an event, which is not in the ring yet, among its values; see ``Counters``."""
    log, mask, start, size = row[LOG], row[CAPACITY] - 1, row[START], row[SIZE]
    place = size
    if size > 0 and time < times[log + ((start + size - 1) & mask)]:
        place = _position(times, log, mask + 1, start, size, time)
    for c in range(len(rules)):
        rate = np.nan
        if event_told[c, event] != 0:
            at = _interval_start(row, times, told, plan, place, time, c)
            if at >= 0:
                rate = _rate(
                    wholes[at], told[at], c, event_wholes, event_told, event, time - times[at],
                    plan, rules, limits,
                )  # fmt: skip
        values[rules[c, METRIC], event] = rate


@_inlined
def _sums(cells: Floats, at: int, places: Places) -> Sums:
    """The statistics at this place that are added up."""
    squares, high, _, _ = places
    return (
        cells[_index(at + COUNT)],
        cells[_index(at + LOW)],
        cells[_index(at + SUM)],
        cells[_index(at + squares)] if squares >= 0 else 0.0,
        cells[_index(at + high)] if high >= 0 else -np.inf,
    )


@_inlined
def _put(cells: Floats, at: int, places: Places, sums: Sums) -> None:
    """Put statistics at this place."""
    squares, high, _, _ = places
    cells[_index(at + COUNT)], cells[_index(at + LOW)], cells[_index(at + SUM)] = sums[0], sums[1], sums[2]
    if squares >= 0:
        cells[_index(at + squares)] = sums[3]
    if high >= 0:
        cells[_index(at + high)] = sums[4]


@_inlined
def _added(one: Sums, other: Sums) -> Sums:
    """The statistics of two sets of readings together; without branches."""
    n1, low1, sum1, squares1, high1 = one
    n2, low2, sum2, squares2, high2 = other
    low = low1 if low1 < low2 else low2
    raised1 = low1 - low if n1 > 0.0 else 0.0
    raised2 = low2 - low if n2 > 0.0 else 0.0
    return (
        n1 + n2,
        low,
        (sum1 + n1 * raised1) + (sum2 + n2 * raised2),
        (squares1 + raised1 * (2.0 * sum1 + n1 * raised1))
        + (squares2 + raised2 * (2.0 * sum2 + n2 * raised2)),
        high1 if high1 > high2 else high2,
    )


@_inlined
def _add_edges(
    older: Floats, i: int, n1: float, newer: Floats, j: int, n2: float, out: Floats, k: int, places: Places
) -> None:
    """Put the earliest and the latest of two stretches of time together at ``out[k]``."""
    _, _, first, last = places
    if first >= 0:
        out[k + first] = older[i + first] if n1 > 0.0 else newer[j + first]
    if last >= 0:
        out[k + last] = newer[j + last] if n2 > 0.0 else older[i + last]


@_inlined
def _count(cells: Floats, at: int, value: float, offset: float, places: Places) -> None:
    """Count one reading in the statistics of its bucket; ``offset`` is its time in the bucket."""
    _, _, first, last = places
    before = _sums(cells, at, places)
    _put(cells, at, places, _added(before, (1.0, value, 0.0, 0.0, value)))
    if first >= 0 and (before[0] == 0.0 or offset < cells[at + first + 1]):
        cells[at + first], cells[at + first + 1] = value, offset
    if last >= 0 and (before[0] == 0.0 or offset > cells[at + last + 1]):
        cells[at + last], cells[at + last + 1] = value, offset


@_compiled
def _sum_ends(
    cells: Floats, block: int, bucket: int, chunk: int, window: int, ends: Floats, at: int, plan: Ints
) -> None:
    """The ends of the chunk before ``chunk`` that windows from ``bucket`` on reach back to.

    :param block: where the metric's buckets lie in ``cells``.
    :param chunk: first bucket of the chunk of ``bucket``.
    :param at: where the ends of this metric and window lie: one entry for each bucket of a chunk, and an
        empty one after them.
    """
    planes, ring, places = plan[PLANES], plan[LONGEST], _places(plan)
    sums = EMPTY
    entry = at + window * planes
    _put(ends, entry, places, sums)
    place = chunk % ring
    for _ in range(bucket - chunk, window - 1):
        place = (place if place > 0 else ring) - 1
        entry -= planes
        bucket_at = block + place * planes
        one = _sums(cells, bucket_at, places)
        _add_edges(cells, bucket_at, one[0], ends, entry + planes, sums[0], ends, entry, places)
        sums = _added(one, sums)
        _put(ends, entry, places, sums)


@_compiled
def _sum_beginning(
    cells: Floats, block: int, bucket: int, chunk: int, beginnings: Floats, at: int, plan: Ints
) -> None:
    """The beginning of a chunk up to before ``bucket``."""
    planes, ring, places = plan[PLANES], plan[LONGEST], _places(plan)
    sums = EMPTY
    for b in range(chunk, bucket):
        bucket_at = block + b % ring * planes
        one = _sums(cells, bucket_at, places)
        _add_edges(beginnings, at, sums[0], cells, bucket_at, one[0], beginnings, at, places)
        sums = _added(sums, one)
    _put(beginnings, at, places, sums)


@_inlined
def _emit(
    sums: Sums,
    older: Floats,
    i: int,
    n1: float,
    newer: Floats,
    j: int,
    n2: float,
    plan: Ints,
    out: Floats,
    at: int,
    step: int,
) -> None:
    """Those features of one metric and window that need no division: the others are of ``_divide``.

    :param sums: of the window, which is the end of a chunk and the beginning of the next.
    :param out: ``out[at + step * o]`` is for the o-th of the operations asked for.
    """
    n, low, total, squared, highest = sums
    empty = n == 0.0
    if plan[_COUNT] >= 0:
        out[_index(at + step * plan[_COUNT])] = n
    if plan[_MIN] >= 0:
        out[_index(at + step * plan[_MIN])] = low if not empty else np.nan
    if plan[_MAX] >= 0:
        out[_index(at + step * plan[_MAX])] = highest if not empty else np.nan
    if plan[_SUM] >= 0:
        out[_index(at + step * plan[_SUM])] = n * low + total if not empty else np.nan
    if plan[_SQR] >= 0:
        square = squared + low * (2.0 * total + n * low) if np.isfinite(squared) else np.inf
        out[_index(at + step * plan[_SQR])] = square if not empty else np.nan
    first, last = plan[FIRST], plan[LAST]
    if plan[_FIRST] >= 0:
        earliest = older[i + first] if n1 > 0.0 else newer[j + first]
        out[_index(at + step * plan[_FIRST])] = earliest if not empty else np.nan
    if plan[_LAST] >= 0:
        latest = newer[j + last] if n2 > 0.0 else older[i + last]
        out[_index(at + step * plan[_LAST])] = latest if not empty else np.nan


@_compiled
def _divide(waiting: Floats, targets: Ints, count: int, plan: Ints, out: Floats, step: int) -> None:
    """Averages and deviations of the windows that wait for them, see ``WAITING``.

    Loops as plain as these become instructions that divide eight numbers at once. Each number comes out as
    it does alone.
    """
    n, low, total, squared = waiting[0], waiting[1], waiting[2], waiting[3]
    mean, found = waiting[4], waiting[5]
    for k in range(count):
        mean[k] = total[k] / n[k] if n[k] > 0.0 else np.nan
    if plan[_AVG] >= 0:
        for k in range(count):
            found[k] = low[k] + mean[k]
        _spread(found, targets, count, step * plan[_AVG], out)
    if plan[_STDDEV] >= 0 or plan[_STDVAR] >= 0:
        for k in range(count):
            above = squared[k] - total[k] * mean[k]
            variance = (above if above > 0.0 else 0.0) / (n[k] - 1.0)
            variance = variance if squared[k] < np.inf else np.inf
            found[k] = variance if n[k] > 1.0 else np.nan
        if plan[_STDVAR] >= 0:
            _spread(found, targets, count, step * plan[_STDVAR], out)
        if plan[_STDDEV] >= 0:
            for k in range(count):
                found[k] = np.sqrt(found[k])
            _spread(found, targets, count, step * plan[_STDDEV], out)


@_inlined
def _spread(found: Floats, targets: Ints, count: int, offset: int, out: Floats) -> None:
    """Put each number where it belongs."""
    for k in range(count):
        out[_index(targets[k] + offset)] = found[k]


@_compiled
def _smallest(values: Floats, count: int, rank: int) -> float:
    """The value of a rank, 0 the smallest; all before it are then no larger (Hoare, 1961, Find)."""
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


@_compiled
def _emit_medians(
    row: Ints,
    times: Ints,
    readings: Floats,
    plan: Ints,
    windows: Ints,
    scratch: Floats,
    out: Floats,
) -> None:
    """The medians of all metrics and windows of a device.

    :param scratch: room for the readings of one window.
    :param out: features of the device.
    """
    metrics, lengths = readings.shape[1], len(windows)
    per_metric = len(out) // metrics
    log, capacity, start, size = row[LOG], row[CAPACITY], row[START], row[SIZE]
    for w in range(lengths):
        begin = (row[BUCKET] - windows[w] + 1) * plan[PERIOD]
        oldest = _position(times, log, capacity, start, size, begin)
        for m in range(metrics):
            count = 0
            for k in range(oldest, size):
                value = readings[log + ((start + k) & (capacity - 1)), m]
                if np.isfinite(value):
                    scratch[count] = value
                    count += 1
            median = np.nan
            if count > 0:
                above = _smallest(scratch, count, count // 2)
                below = above
                if count % 2 == 0:
                    below = scratch[0]
                    for k in range(1, count // 2):
                        below = max(below, scratch[k])
                middle = (below + above) / 2.0
                median = middle if np.isfinite(middle) else below / 2.0 + above / 2.0
            out[m * per_metric + plan[MEDIAN] * lengths + w] = median


@_compiled
def _emit_presence(row: Ints, times: Ints, plan: Ints, windows: Ints, time: int, out: Floats) -> None:
    """Seconds since the reading before this one, and the share of the expected readings in each window.

    :param time: of the event, which is in the ring.
    :param out: NaN for the first if there is none before it in the longest window.
    """
    log, capacity, start, size = row[LOG], row[CAPACITY], row[START], row[SIZE]
    out[0] = np.nan
    place = _position(times, log, capacity, start, size, time)
    if place > 0:
        before = times[log + ((start + place - 1) & (capacity - 1))]
        if before >= (row[BUCKET] - plan[LONGEST] + 1) * plan[PERIOD]:
            out[0] = float(time - before) / 1e6
    for w in range(len(windows)):
        begin = (row[BUCKET] - windows[w] + 1) * plan[PERIOD]
        received = size - _position(times, log, capacity, start, size, begin)
        out[1 + w] = float(received * plan[EXPECTED]) / float(windows[w] * plan[PERIOD])


@_compiled
def take(
    plan: Ints,
    windows: Ints,
    rules: Ints,
    limits: Floats,
    devices: Ints,
    buckets: Floats,
    times: Ints,
    readings: Floats,
    wholes: Wholes,
    told: Flags,
    free: Ints,
    ends: Floats,
    beginnings: Floats,
    chunks: Ints,
    scratch: Floats,
    waiting: Floats,
    targets: Ints,
    order: Ints,
    begin: int,
    codes: Ints,
    rows: Ints,
    event_times: Ints,
    arrivals: Ints,
    values: Floats,
    event_wholes: Wholes,
    event_told: Flags,
    statuses: Flags,
    features: Floats,
) -> int:
    """Take in events, each in the order of arrival of its device.

    :param plan: see PERIOD and what follows there.
    :param windows: lengths in buckets, shape (windows,).
    :param rules: of counters, see METRIC, shape (counters, 2).
    :param limits: of counters, see MAX_RATE, shape (counters, 4).
    :param devices: shape (devices, DEVICE_COLUMNS); a device that is new has ``SIZE`` -1.
    :param buckets: shape (blocks, metrics, buckets in the ring, statistics); bucket b lies at b modulo the
        ring. Each device of ``order`` has a block.
    :param times: the log: rings of counted event times, sorted, each a power of two long.
    :param readings: what was read then, shape (log, metrics); (0, 0) if they are not kept.
    :param wholes: the counters then, and the uptime in microseconds if there is one, shape (log, columns).
    :param told: whether there was a reading of each, 0 or 1.
    :param free: free rings, see USED.
    :param ends: scratch pad, metrics * (sum of windows + number of windows) * statistics.
    :param beginnings: scratch pad, 2 * metrics * windows * statistics: without the newest bucket, and with,
        or the other way round.
    :param chunks: scratch pad, windows.
    :param scratch: scratch pad for medians, as long as the longest ring.
    :param waiting: scratch pad, shape (WAITING_ROWS, windows that wait), with room for those of one event.
    :param targets: where in ``features`` they belong.
    :param order: which events to take, in this order, from ``begin`` on; those of a device best in a row.
    :param codes: which key each event has, shape (events,).
    :param rows: row in ``devices`` of each key.
    :param event_times: microseconds since the epoch, shape (events,).
    :param arrivals: the same, for when each event arrived.
    :param values: readings, shape (metrics, events); what is not finite is no reading. Those that are rates
        of counters are put in here.
    :param event_wholes: as ``wholes``, shape (columns, events).
    :param event_told: as ``told``.
    :param statuses: out, shape (events,), ACCEPTED to begin with.
    :param features: out, shape (events, metrics * operations * windows) and, where readings are expected, one
        and one for each window more; NaN for events that are not counted.
    :returns: how many of ``order`` are done; short of the end, the log or ``scratch`` is too short.
    """
    period, ring, planes, places = plan[PERIOD], plan[LONGEST], plan[PLANES], _places(plan)
    metrics, lengths = buckets.shape[1], len(windows)
    width = features.shape[1]
    per_metric = (width - (1 + lengths if plan[EXPECTED] > 0 else 0)) // metrics
    of_metrics = metrics * per_metric
    pairs = metrics * lengths
    cells, flat = buckets.reshape(-1), features.reshape(-1)
    summed = -1  # the device that the scratch pad is of
    without, with_newest = 0, pairs * planes  # in ``beginnings``
    count = 0  # windows that wait
    for i in range(begin, len(order)):
        event = order[i]
        device = rows[codes[event]]
        row = devices[device]
        time = event_times[event]
        bucket = time // period
        block = row[BLOCK] * metrics * ring * planes
        new = row[SIZE] < 0
        if new:
            row[SIZE] = row[CAPACITY] = row[START] = 0
            row[BUCKET], row[TIME], row[TOUCHED] = bucket, time, arrivals[event]
            for at in range(block, block + metrics * ring * planes, planes):
                _put(cells, at, places, EMPTY)
            summed = -1
        row[TOUCHED] = max(row[TOUCHED], arrivals[event])
        status = ACCEPTED
        if time <= row[TIME] and not new and row[SIZE] > 0:
            place = _position(times, row[LOG], row[CAPACITY], row[START], row[SIZE], time)
            at = row[LOG] + ((row[START] + place) & (row[CAPACITY] - 1))
            if place < row[SIZE] and times[at] == time and bucket > row[BUCKET] - ring:
                status = DUPLICATE
            elif bucket <= row[BUCKET] - plan[LATENESS]:
                status = TOO_LATE
            elif time < row[TIME]:
                status = LATE
        if status > LATE:
            statuses[event] = status
            features[event] = np.nan
            for c in range(len(rules)):
                values[rules[c, METRIC], event] = np.nan
            continue
        newest = row[BUCKET]
        if bucket > newest:
            oldest = (bucket - plan[KEPT] + 1) * period
            while row[SIZE] > 0 and times[row[LOG] + row[START]] < oldest:
                row[START] = (row[START] + 1) & (row[CAPACITY] - 1)
                row[SIZE] -= 1
        if not _room(row, times, readings, wholes, told, free) or (
            plan[MEDIAN] >= 0 and len(scratch) < row[CAPACITY]
        ):
            _divide(waiting, targets, count, plan, flat, lengths)
            return i
        place = bucket % ring
        if bucket > newest:
            for back in range(min(bucket - newest, ring)):
                at = block + (place - back if place >= back else place - back + ring) * planes
                for _ in range(metrics):
                    _put(cells, at, places, EMPTY)
                    at += ring * planes
            row[BUCKET] = bucket
        row[TIME] = max(row[TIME], time)
        if len(rules) > 0:
            _put_rates(
                row, times, wholes, told, plan, rules, limits, time, event, event_wholes, event_told, values
            )
        _remember(row, times, readings, wholes, told, time, values, event_wholes, event_told, event)
        offset = float(time - bucket * period)
        for m in range(metrics):
            value = values[m, event]
            if np.isfinite(value):
                _count(cells, block + (m * ring + place) * planes, value, offset, places)
        if bucket < newest:
            summed = -1  # an older bucket changed
            bucket = newest
            place = bucket % ring
        if summed != device or bucket > newest:
            without, with_newest = with_newest, without  # The bucket that was the newest is complete.
            at_end, at_beginning = 0, without
            for w in range(lengths):
                window = windows[w]
                if summed != device or bucket >= chunks[w] + window:
                    chunk = chunks[w] = bucket // window * window
                    for m in range(metrics):
                        of_metric = block + m * ring * planes
                        at = at_end + m * (window + 1) * planes
                        _sum_ends(cells, of_metric, bucket, chunk, window, ends, at, plan)
                        at = at_beginning + m * planes
                        _sum_beginning(cells, of_metric, bucket, chunk, beginnings, at, plan)
                at_end += metrics * (window + 1) * planes
                at_beginning += metrics * planes
            summed = device
        if count + pairs > len(targets):
            _divide(waiting, targets, count, plan, flat, lengths)
            count = 0
        at_beginning, at_newest, at_end = without, with_newest, 0
        for w in range(lengths):
            at_end += (bucket - chunks[w] + 1) * planes
            at_bucket = block + place * planes
            target = event * width + w
            for _ in range(metrics):
                before, newest_bucket = (
                    _sums(beginnings, at_beginning, places),
                    _sums(cells, at_bucket, places),
                )
                beginning = _added(before, newest_bucket)
                _put(beginnings, at_newest, places, beginning)
                _add_edges(
                    beginnings, at_beginning, before[0], cells, at_bucket, newest_bucket[0],
                    beginnings, at_newest, places,
                )  # fmt: skip
                end = _sums(ends, at_end, places)
                sums = _added(end, beginning)
                _emit(
                    sums,
                    ends,
                    at_end,
                    end[0],
                    beginnings,
                    at_newest,
                    beginning[0],
                    plan,
                    flat,
                    target,
                    lengths,
                )
                waits = _index(count)
                targets[waits] = target
                waiting[0, waits], waiting[1, waits], waiting[2, waits], waiting[3, waits], _ = sums
                count += 1
                target += per_metric
                at_beginning += planes
                at_newest += planes
                at_bucket += ring * planes
                at_end += (windows[w] + 1) * planes
            at_end -= (bucket - chunks[w] + 1) * planes
        if plan[MEDIAN] >= 0:
            _emit_medians(row, times, readings, plan, windows, scratch, features[event, :of_metrics])
        if plan[EXPECTED] > 0:
            _emit_presence(row, times, plan, windows, time, features[event, of_metrics:])
        if status != ACCEPTED:  # Threads write next to each other here; what need not be written is not.
            statuses[event] = status
    _divide(waiting, targets, count, plan, flat, lengths)
    return len(order)


@njit(nogil=True, cache=True)
def by_device(
    codes: Ints, numbers: Ints, devices: int, quarantined: npt.NDArray[np.bool_], stretch: int
) -> Ints:
    """Order of the events by device within each stretch of them, each device's in their own order.

    :param codes: which key each event has, shape (events,).
    :param numbers: the key's device, below ``devices``; -1 for keys to leave out, shape (keys,).
    :param quarantined: events to leave out, shape (events,).
    :param stretch: how many events to a stretch.
    """
    order = np.empty(len(codes), np.int64)
    ends = np.empty(devices, np.int64)
    done = 0
    for begin in range(0, len(codes), stretch):
        end = min(begin + stretch, len(codes))
        ends[:] = 0
        for event in range(begin, end):
            if numbers[codes[event]] >= 0 and not quarantined[event]:
                ends[numbers[codes[event]]] += 1
        for device in range(devices):  # A counting sort: where each device's events begin, then end.
            ends[device], done = done, done + ends[device]
        for event in range(begin, end):
            device = numbers[codes[event]]
            if device >= 0 and not quarantined[event]:
                order[ends[device]] = event
                ends[device] += 1
    return order[:done]
