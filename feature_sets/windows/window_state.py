"""State of the rolling windows of some devices, in arrays that the compiled kernel works on.

Per device: one row in the table of devices, one block of bucket statistics (metrics × buckets of the longest
window × statistics, 8 bytes each), one ring of counted event times. With them are the readings where the
median asks for them, and those of counters. A device with readings in few buckets has its block only while it
is updated, see ``packed_buckets``. The rings lie in one log; a ring that is full moves to one twice as long,
and what it leaves behind is taken by the next ring of that size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_sets.windows import kernel, packed_buckets, state_content
from feature_sets.windows.kernel import Flags, Floats, Ints, Wholes
from feature_sets.windows.plan import Plan

_SPARE = 16
"""Arrays grow by this fraction: little memory lies idle, and each byte is moved a bounded number of times."""


_NEW = np.zeros(kernel.DEVICE_COLUMNS, dtype=np.int64)
"""The row of a device that has no state yet."""
_NEW[[kernel.SIZE, kernel.BLOCK, kernel.PACKED]] = -1

_AT_ONCE = 1024
"""Devices that are put in together."""


class Events:
    """Events as the kernel takes them, and what it answers.

    :param events: how many.
    :param plan: of the windows.
    """

    __slots__ = ("arrivals", "codes", "features", "statuses", "times", "told", "values", "wholes")

    def __init__(self, events: int, plan: Plan) -> None:
        self.codes: Ints = np.zeros(events, dtype=np.int64)
        self.times: Ints = np.empty(events, dtype=np.int64)
        self.arrivals: Ints = np.empty(events, dtype=np.int64)
        self.values: Floats = np.empty((plan.metrics, events))
        self.values[plan.rules[:, kernel.METRIC]] = np.nan  # Unless the kernel puts a rate there.
        self.wholes: Wholes = np.zeros((plan.whole, events), dtype=np.uint64)
        self.told: Flags = np.zeros((plan.whole, events), dtype=np.uint8)
        self.statuses: npt.NDArray[np.uint8] = np.full(events, kernel.ACCEPTED, dtype=np.uint8)
        self.features: Floats = np.empty((events, plan.features))


class Content(NamedTuple):
    """State of devices without anything that is free in between.

    :param places: where in its block each bucket with readings lies.
    :param buckets: its statistics, shape (buckets, metrics, statistics).
    :param times: the event times of the rings, in order.
    :param readings: what was read then, if that is kept.
    :param wholes: the whole numbers of counters then, if there are any.
    :param told: whether there was a reading of each.
    """

    places: Ints
    buckets: Floats
    times: Ints
    readings: Floats
    wholes: Wholes
    told: Flags

    @classmethod
    def empty(cls, buckets: int, times: int, plan: Plan) -> Content:
        """Room for so many."""
        return cls(
            np.empty(buckets, dtype=np.int64),
            np.empty((buckets, plan.metrics, plan.planes)),
            np.empty(times, dtype=np.int64),
            np.empty((times, plan.metrics if plan.keeps_readings else 0)),
            np.empty((times, plan.whole), dtype=np.uint64),
            np.empty((times, plan.whole), dtype=np.uint8),
        )

    @property
    def rings(self) -> tuple[Ints, Floats, Wholes, Flags]:
        """What the rings hold."""
        return self.times, self.readings, self.wholes, self.told


class WindowState:
    """Windows of some devices, each known by its row.

    :param plan: which windows.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._devices = np.empty((0, kernel.DEVICE_COLUMNS), dtype=np.int64)
        self._buckets = np.empty((0, plan.metrics, plan.ring, plan.planes))
        self._unused_blocks = np.zeros(1, dtype=np.int64)
        self._packed = np.empty((0, packed_buckets.STATISTICS + plan.metrics * plan.planes))
        self._free_packed = np.array([-1, 0, 0])
        self._nothing = plan.no_readings
        self._times = np.empty(0, dtype=np.int64)
        self._readings = np.empty((0, plan.metrics if plan.keeps_readings else 0))
        self._wholes: Wholes = np.empty((0, plan.whole), dtype=np.uint64)
        self._told: Flags = np.empty((0, plan.whole), dtype=np.uint8)
        self._free = np.full(kernel.RING_CLASSES + 1, -1, dtype=np.int64)
        self._free[kernel.USED] = 0
        entries = plan.metrics * plan.planes
        self._ends = np.empty(entries * (int(plan.windows.sum()) + len(plan.windows)))
        self._beginnings = np.empty(entries * 2 * len(plan.windows))
        self._chunks = np.empty(len(plan.windows), dtype=np.int64)
        self._scratch = np.empty(0)
        pairs = plan.metrics * len(plan.windows)
        waiting = max(pairs, kernel.WAITING)
        self._waiting = np.empty((kernel.WAITING_ROWS, waiting))
        self._targets = np.empty(waiting, dtype=np.int64)
        self._rows = 0
        self._unused: list[int] = []

    @property
    def memory_bytes(self) -> int:
        """Bytes of the arrays, including what is spare in them."""
        of_devices = (self._devices, self._buckets, self._times, self._readings, self._free)
        arrays = (*of_devices, self._wholes, self._told, self._ends, self._beginnings, self._scratch)
        packed = (self._unused_blocks, self._packed, self._free_packed)
        return sum(array.nbytes for array in (*arrays, *packed))

    def touched(self, rows: Ints) -> Ints:
        """Last arrival of devices, microseconds since the epoch."""
        found: Ints = self._devices[rows, kernel.TOUCHED]
        return found

    def newest(self, row: int) -> int:
        """Newest event time of a device, microseconds since the epoch."""
        return int(self._devices[row, kernel.TIME])

    def new_row(self) -> int:
        """A row for a device that has no state yet."""
        if self._unused:
            return self._unused.pop()
        self.reserve(1)
        row = self._rows
        self._rows += 1
        self._devices[row] = _NEW
        return row

    def reserve(self, devices: int) -> None:
        """Make room for so many more devices."""
        wanted = self._rows + devices - len(self._unused)
        if wanted > len(self._devices):
            size = max(wanted, len(self._devices) + len(self._devices) // _SPARE)
            self._devices = _grown(self._devices, size)

    def _reserve_blocks(self, rows: Ints) -> None:
        """Make room for the blocks of devices that have none."""
        unused = self._unused_blocks
        if unused[-1] >= len(rows):  # Enough, whoever of them has one.
            return
        missing = int(np.count_nonzero(self._devices[rows, kernel.BLOCK] < 0)) - int(unused[-1])
        if missing <= 0:
            return
        before = len(self._buckets)
        size = max(before + missing, before + before // _SPARE)
        self._buckets = _grown(self._buckets, size)
        self._unused_blocks = np.zeros(size + 1, dtype=np.int64)
        left = int(unused[-1])
        self._unused_blocks[: size - before] = np.arange(size - 1, before - 1, -1)
        self._unused_blocks[size - before : size - before + left] = unused[:left]
        self._unused_blocks[-1] = left + size - before

    def _unpack(self, rows: Ints) -> None:
        """Give devices a block."""
        self._reserve_blocks(rows)
        unused, free = self._unused_blocks, self._free_packed
        packed_buckets.unpack(self._devices, rows, self._buckets, unused, self._packed, free, self._nothing)

    def _pack(self, rows: Ints) -> None:
        """Take devices out of their blocks, unless they fill them."""
        begin = 0
        while True:
            unused, free = self._unused_blocks, self._free_packed
            begin = packed_buckets.pack(self._devices, rows, begin, self._buckets, unused, self._packed, free)
            if begin == len(rows):
                break
            size = max(int(free[packed_buckets.USED]) + self._plan.ring, len(self._packed))
            self._packed = _grown(self._packed, size + size // _SPARE)
        if (
            not free[packed_buckets.TAKEN] and free[packed_buckets.USED]
        ):  # All devices fill their blocks by now.
            self._packed = _grown(self._packed, 0)
            free[:] = -1, 0, 0

    def forget(self, row: int) -> None:
        """Give up the state of a device; its row is used again."""
        device = self._devices[row]
        kernel.give_back(device, self._times, self._free)
        packed_buckets.release(device, self._packed, self._free_packed)
        if device[kernel.BLOCK] >= 0:
            self._unused_blocks[self._unused_blocks[-1]] = device[kernel.BLOCK]
            self._unused_blocks[-1] += 1
            device[kernel.BLOCK] = -1
        device[kernel.SIZE] = -1
        self._unused.append(row)

    def take(self, order: Ints, rows: Ints, events: Events, own: Ints) -> None:
        """Take in events in the given order.

        :param rows: the row of each key.
        :param own: those of them that are of devices of ours, each once.
        """
        if len(own) != 1 or self._devices[own[0], kernel.BLOCK] < 0:  # Else there is nothing to unpack.
            self._unpack(own)
        self._take(order, rows, events)
        self._pack(own)

    def _take(self, order: Ints, rows: Ints, events: Events) -> None:
        plan, begin = self._plan, 0
        while True:
            begin = kernel.take(
                plan.entries,
                plan.windows,
                plan.rules,
                plan.limits,
                self._devices,
                self._buckets,
                self._times,
                self._readings,
                self._wholes,
                self._told,
                self._free,
                self._ends,
                self._beginnings,
                self._chunks,
                self._scratch,
                self._waiting,
                self._targets,
                order,
                begin,
                events.codes,
                rows,
                events.times,
                events.arrivals,
                events.values,
                events.wholes,
                events.told,
                events.statuses,
                events.features,
            )
            if begin == len(order):
                return
            device = self._devices[rows[events.codes[order[begin]]]]
            size, capacity = int(device[kernel.SIZE]), int(device[kernel.CAPACITY])
            if size < capacity:  # The event has its place in the ring, so it is the medians that have none.
                self._scratch = np.empty(capacity)
            else:
                self._lengthen_log(max(kernel.SMALLEST_RING, 2 * capacity))

    def table(self, rows: Ints) -> Ints:
        """Newest bucket, newest time and last arrival of devices, shape (n, 3)."""
        found: Ints = self._devices[rows[:, None], [kernel.BUCKET, kernel.TIME, kernel.TOUCHED]]
        return found

    def sizes(self, rows: Ints) -> tuple[Ints, Ints]:
        """How many buckets with readings devices have, and how many event times in their rings."""
        filled = np.empty(len(rows), dtype=np.int64)
        state_content.count_filled(self._devices, rows, self._buckets, self._packed, filled)
        return filled, self._devices[rows, kernel.SIZE]

    def write(self, rows: Ints, begins: tuple[Ints, Ints], content: Content) -> None:
        """Write the state of devices into arrays.

        :param begins: where buckets and times of each device begin there.
        """
        packed, nothing = self._packed, self._nothing
        state_content.bucket_content(
            self._devices, rows, self._buckets, packed, nothing, begins[0], content.places, content.buckets
        )
        state_content.ring_content(self._devices, rows, begins[1], self._log, content.rings)

    def put(self, devices: Ints, ends: tuple[Ints, Ints], content: Content) -> list[int]:
        """Make rows with the state in arrays; inverse of ``write``.

        :param devices: newest bucket, newest time and last arrival of each, shape (n, 3).
        :param ends: where buckets and times of each device begin there, and then end: shape (n, 2).
        :returns: the rows.
        """
        self.reserve(len(devices))
        places = [self.new_row() for _ in range(len(devices))]
        rows = np.array(places, dtype=np.int64)
        sizes = ends[1][:, 1] - ends[1][:, 0]
        capacities = np.full(len(rows), kernel.SMALLEST_RING)
        while (short := capacities < sizes).any():
            capacities[short] *= 2
        self._devices[rows[:, None], [kernel.BUCKET, kernel.TIME, kernel.TOUCHED]] = devices
        used = int(self._free[kernel.USED])
        total = int(capacities.sum())
        if used + total > len(self._times):
            self._lengthen_log(total)
        self._devices[rows, kernel.LOG] = used + np.cumsum(capacities) - capacities
        self._devices[rows, kernel.CAPACITY], self._devices[rows, kernel.SIZE] = capacities, sizes
        self._devices[rows, kernel.START] = 0
        self._free[kernel.USED] = used + total
        state_content.put_rings(
            self._devices, rows, np.ascontiguousarray(ends[1][:, 0]), content.rings, self._log
        )
        for begin in range(0, len(rows), _AT_ONCE):  # Most of them need their block for a moment only.
            some = rows[begin : begin + _AT_ONCE]
            self._unpack(some)
            state_content.put_buckets(
                self._devices,
                some,
                self._buckets,
                self._nothing,
                np.ascontiguousarray(ends[0][begin : begin + _AT_ONCE]),
                content.places,
                content.buckets,
            )
            self._pack(some)
        return places

    @property
    def _log(self) -> tuple[Ints, Floats, Wholes, Flags]:
        return self._times, self._readings, self._wholes, self._told

    def _lengthen_log(self, needed: int) -> None:
        size = max(int(self._free[kernel.USED]) + needed, len(self._times) + len(self._times) // _SPARE)
        self._times = _grown(self._times, size)
        if self._plan.keeps_readings:
            self._readings = _grown(self._readings, size)
        if self._plan.whole:
            self._wholes, self._told = _grown(self._wholes, size), _grown(self._told, size)


def _grown(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """The same array, longer.

    The memory is moved by the operating system where it can be, so there are not two copies of it for a
    while.
    """
    array.resize((size, *array.shape[1:]), refcheck=False)
    return array
