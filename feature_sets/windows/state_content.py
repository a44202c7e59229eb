"""The state of devices out of the arrays of the kernel, and back into them; compiled.

All of it is in this one file, as the cache of Numba notices changes of a function's own file only; see
``packed_buckets``.
"""

from __future__ import annotations

from numba import njit

from feature_sets.windows.kernel import (
    BLOCK,
    CAPACITY,
    COUNT,
    LOG,
    PACKED,
    SIZE,
    START,
    Flags,
    Floats,
    Ints,
    Wholes,
)
from feature_sets.windows.packed_buckets import NEXT, PLACE, STATISTICS

_compiled = njit(nogil=True, cache=True, error_model="numpy", _nrt=False)


@_compiled
def _is_filled(block: Floats, place: int) -> bool:
    """Whether a bucket has a reading of any metric."""
    found = False
    for m in range(block.shape[0]):
        found |= block[m, place, COUNT] > 0.0
    return found


@_compiled
def count_filled(devices: Ints, rows: Ints, buckets: Floats, packed: Floats, filled: Ints) -> None:
    """How many buckets with readings each of these devices has.

    :param filled: out, shape (rows,).
    """
    for k in range(len(rows)):
        row = devices[rows[k]]
        filled[k] = 0
        at = row[PACKED]
        while at >= 0:
            filled[k] += 1
            at = int(packed[at, NEXT])
        if row[BLOCK] >= 0:
            for place in range(buckets.shape[2]):
                filled[k] += _is_filled(buckets[row[BLOCK]], place)


@_compiled
def bucket_content(
    devices: Ints,
    rows: Ints,
    buckets: Floats,
    packed: Floats,
    nothing: Floats,
    begins: Ints,
    places: Ints,
    cells: Floats,
) -> None:
    """The buckets with readings of these devices.

    :param begins: where those of each device begin in ``places``.
    :param places: out, the place of each bucket, ascending in a device.
    :param cells: out, its statistics, shape (buckets, metrics, statistics).
    """
    metrics, ring, planes = buckets.shape[1], buckets.shape[2], buckets.shape[3]
    for k in range(len(rows)):
        row, to = devices[rows[k]], begins[k]
        if row[BLOCK] >= 0:
            block = buckets[row[BLOCK]]
            for place in range(ring):
                if _is_filled(block, place):
                    places[to] = place
                    for m in range(metrics):
                        for s in range(planes):
                            cells[to, m, s] = block[m, place, s]
                    to += 1
        else:
            at = row[PACKED]
            while at >= 0:
                places[to] = int(packed[at, PLACE])
                for m in range(metrics):
                    for s in range(planes):
                        cells[to, m, s] = packed[at, STATISTICS + m * planes + s]
                to += 1
                at = int(packed[at, NEXT])
        for bucket in range(begins[k], to):
            for m in range(metrics):
                if not cells[bucket, m, COUNT] > 0.0:
                    for s in range(planes):
                        cells[bucket, m, s] = nothing[s]


@_compiled
def put_buckets(
    devices: Ints, rows: Ints, buckets: Floats, nothing: Floats, bounds: Ints, places: Ints, cells: Floats
) -> None:
    """Put buckets with readings into the blocks of these devices; inverse of ``bucket_content``.

    :param bounds: where those of each device begin and end in ``places``, shape (rows, 2).
    """
    metrics, ring, planes = buckets.shape[1], buckets.shape[2], buckets.shape[3]
    for k in range(len(rows)):
        block = buckets[devices[rows[k], BLOCK]]
        for m in range(metrics):
            for place in range(ring):
                for s in range(planes):
                    block[m, place, s] = nothing[s]
        for bucket in range(bounds[k, 0], bounds[k, 1]):
            for m in range(metrics):
                for s in range(planes):
                    block[m, places[bucket], s] = cells[bucket, m, s]


@_compiled
def ring_content(
    devices: Ints,
    rows: Ints,
    begins: Ints,
    log: tuple[Ints, Floats, Wholes, Flags],
    out: tuple[Ints, Floats, Wholes, Flags],
) -> None:
    """The rings of these devices in the order of time.

    :param begins: where those of each device begin in ``out``.
    :param log: times, readings, whole numbers and whether there was one of each, see ``kernel.take``.
    :param out: the same, without what is free in between.
    """
    for k in range(len(rows)):
        row = devices[rows[k]]
        for i in range(row[SIZE]):
            at, to = row[LOG] + ((row[START] + i) & (row[CAPACITY] - 1)), begins[k] + i
            _copy(log, at, out, to)


@_compiled
def put_rings(
    devices: Ints,
    rows: Ints,
    begins: Ints,
    given: tuple[Ints, Floats, Wholes, Flags],
    log: tuple[Ints, Floats, Wholes, Flags],
) -> None:
    """Inverse of ``ring_content`` for rings that begin at their start."""
    for k in range(len(rows)):
        row = devices[rows[k]]
        for i in range(row[SIZE]):
            _copy(given, begins[k] + i, log, row[LOG] + i)


@_compiled
def _copy(
    log: tuple[Ints, Floats, Wholes, Flags], at: int, out: tuple[Ints, Floats, Wholes, Flags], to: int
) -> None:
    """One entry."""
    times, readings, wholes, told = log
    out_times, out_readings, out_wholes, out_told = out
    out_times[to] = times[at]
    for m in range(readings.shape[1]):
        out_readings[to, m] = readings[at, m]
    for c in range(wholes.shape[1]):
        out_wholes[to, c], out_told[to, c] = wholes[at, c], told[at, c]
