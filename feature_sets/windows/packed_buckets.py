"""Bucket statistics of devices with few readings, without the buckets that hold none; compiled.

The kernel works on blocks with every bucket of the longest window. A device with a reading a minute fills
five of thirty in windows of five minutes. So between updates such a device is packed: its buckets that hold
readings are a chain of rows in a table, each with its place in the block, the next row and its statistics.
For an update they are put into a block and taken out again; what the device then has is the same to the last
bit. A device with readings in more than a third of its buckets keeps its block.

All of it is in this one file, as the cache of Numba notices changes of a function's own file only: who
changes the columns of ``kernel.py`` touches this file and ``state_content.py``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from feature_sets.windows.kernel import BLOCK, COUNT, PACKED, SIZE, Floats, Ints

PLACE, NEXT, STATISTICS = range(3)
"""Columns of the table of packed buckets: the place in the block, the row of the next one of the device, -1
at its end, and from then on the statistics, metric by metric."""

UNUSED, USED, TAKEN = range(3)
"""In ``free``: the first row that nobody has, -1 for none, chained like a device's; how many rows were ever
used, and how many are now."""

_compiled = njit(nogil=True, cache=True, error_model="numpy", _nrt=False)


@_compiled
def _is_filled(block: Floats, place: int) -> bool:
    """Whether a bucket has a reading of any metric."""
    found = False
    for m in range(block.shape[0]):
        found |= block[m, place, COUNT] > 0.0
    return found


@_compiled
def unpack(
    devices: Ints, rows: Ints, buckets: Floats, unused: Ints, packed: Floats, free: Ints, nothing: Floats
) -> None:
    """Give each of these devices a block, with what is packed of it.

    :param devices: see ``kernel.take``.
    :param rows: in ``devices``, each once.
    :param buckets: blocks, shape (blocks, metrics, buckets of the ring, statistics).
    :param unused: blocks that nobody has, then how many these are; enough of them.
    :param packed: the table, see ``PLACE``.
    :param free: see ``UNUSED``.
    :param nothing: a bucket without readings, shape (statistics,).
    """
    metrics, ring, planes = buckets.shape[1], buckets.shape[2], buckets.shape[3]
    for k in range(len(rows)):
        row = devices[rows[k]]
        if row[BLOCK] >= 0:
            continue
        unused[-1] -= 1
        row[BLOCK] = unused[unused[-1]]
        if row[SIZE] < 0:  # It is new: the kernel empties its block.
            continue
        block = buckets[row[BLOCK]]
        for m in range(metrics):
            for place in range(ring):
                for s in range(planes):
                    block[m, place, s] = nothing[s]
        at = row[PACKED]
        while at >= 0:
            place = int(packed[at, PLACE])
            for m in range(metrics):
                for s in range(planes):
                    block[m, place, s] = packed[at, STATISTICS + m * planes + s]
            at = int(packed[at, NEXT])
        release(row, packed, free)


@_compiled
def release(row: Ints, packed: Floats, free: Ints) -> None:
    """Give up what is packed of a device."""
    at = row[PACKED]
    while at >= 0:
        following = int(packed[at, NEXT])
        packed[at, NEXT] = np.float64(free[UNUSED])
        free[UNUSED] = at
        free[TAKEN] -= 1
        at = following
    row[PACKED] = -1


@_compiled
def pack(
    devices: Ints, rows: Ints, begin: int, buckets: Floats, unused: Ints, packed: Floats, free: Ints
) -> int:
    """Take those of these devices out of their blocks that have readings in few buckets.

    :param begin: first of ``rows`` to look at.
    :returns: how many of ``rows`` are done; short of the end, ``packed`` is too short.
    """
    metrics, ring, planes = buckets.shape[1], buckets.shape[2], buckets.shape[3]
    for k in range(begin, len(rows)):
        row = devices[rows[k]]
        if row[BLOCK] < 0 or row[SIZE] < 0:
            continue
        block, filled = buckets[row[BLOCK]], 0
        for place in range(ring):
            filled += _is_filled(block, place)
            if 3 * filled > ring:
                break
        if 3 * filled > ring:
            continue
        if free[USED] + filled > len(packed):  # As many as could be needed.
            return k
        before = -1
        for place in range(ring - 1, -1, -1):  # From the last one on, so that a chain ascends.
            if not _is_filled(block, place):
                continue
            at = free[UNUSED]
            if at >= 0:
                free[UNUSED] = int(packed[at, NEXT])
            else:
                at = free[USED]
                free[USED] += 1
            packed[at, PLACE], packed[at, NEXT] = np.float64(place), np.float64(before)
            for m in range(metrics):
                for s in range(planes):
                    packed[at, STATISTICS + m * planes + s] = block[m, place, s]
            free[TAKEN] += 1
            before = at
        row[PACKED] = before
        unused[unused[-1]] = row[BLOCK]
        unused[-1] += 1
        row[BLOCK] = -1
    return len(rows)
