"""State of the rolling windows of some devices, in arrays that the compiled kernel works on.

Per device: one row in the table of devices, one block of bucket statistics (metrics × buckets of the longest
window × statistics, 8 bytes each), one ring of counted event times. With them are the readings where the
median asks for them, and those of counters. The block of a device is made once and never grows. The rings lie
in one log; a ring that is full moves to one twice as long, and what it leaves behind is taken by the next
ring of that size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_sets.windows import kernel
from feature_sets.windows.kernel import Flags, Floats, Ints, Wholes
from feature_sets.windows.plan import Plan

_SPARE = 16
"""Arrays grow by this fraction: little memory lies idle, and each byte is moved a bounded number of times."""


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


class RowContent(NamedTuple):
    """State of a device.

    :param device: its row in the table of devices.
    :param buckets: its block of bucket statistics.
    :param times: the event times of its ring, in order.
    :param readings: what was read then, if that is kept.
    :param wholes: the whole numbers of counters then, if there are any.
    :param told: whether there was a reading of each.
    """

    device: Ints
    buckets: Floats
    times: Ints
    readings: Floats
    wholes: Wholes
    told: Flags


class WindowState:
    """Windows of some devices, each known by its row.

    :param plan: which windows.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._devices = np.empty((0, kernel.DEVICE_COLUMNS), dtype=np.int64)
        self._buckets = np.empty((0, plan.metrics, plan.ring, plan.planes))
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
        return sum(array.nbytes for array in arrays)

    def touched(self, row: int) -> int:
        """Last arrival of a device, microseconds since the epoch."""
        return int(self._devices[row, kernel.TOUCHED])

    def new_row(self) -> int:
        """A row for a device that has no state yet."""
        if self._unused:
            return self._unused.pop()
        self.reserve(1)
        row = self._rows
        self._rows += 1
        self._devices[row, kernel.SIZE] = -1
        self._devices[row, kernel.CAPACITY] = 0
        return row

    def reserve(self, devices: int) -> None:
        """Make room for so many more devices."""
        wanted = self._rows + devices - len(self._unused)
        if wanted > len(self._devices):
            size = max(wanted, len(self._devices) + len(self._devices) // _SPARE)
            self._devices = _grown(self._devices, size)
            self._buckets = _grown(self._buckets, size)

    def forget(self, row: int) -> None:
        """Give up the state of a device; its row is used again."""
        kernel.give_back(self._devices[row], self._times, self._free)
        self._devices[row, kernel.SIZE] = -1
        self._unused.append(row)

    def take(self, order: Ints, rows: Ints, events: Events) -> None:
        """Take in events in the given order.

        :param rows: the row of each key.
        """
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

    def row_content(self, row: int) -> RowContent:
        """State of a device."""
        device = self._devices[row]
        start, size = int(device[kernel.START]), int(device[kernel.SIZE])
        places = device[kernel.LOG] + ((start + np.arange(size)) & (device[kernel.CAPACITY] - 1))
        readings = self._readings[places] if self._plan.keeps_readings else np.empty((size, 0))
        wholes = self._wholes[places] if self._plan.whole else np.empty((size, 0), dtype=np.uint64)
        told = self._told[places] if self._plan.whole else np.empty((size, 0), dtype=np.uint8)
        return RowContent(device, self._buckets[row], self._times[places], readings, wholes, told)

    def put_row(self, content: RowContent) -> int:
        """Make a row with this state; inverse of ``row_content``."""
        device, buckets, times, readings, wholes, told = content
        row = self.new_row()
        capacity = kernel.SMALLEST_RING
        while capacity < len(times):
            capacity *= 2
        if self._free[kernel.USED] + capacity > len(self._times):
            self._lengthen_log(capacity)
        log = int(self._free[kernel.USED])
        self._free[kernel.USED] += capacity
        self._times[log : log + len(times)] = times
        if self._plan.keeps_readings:
            self._readings[log : log + len(times)] = readings
        if self._plan.whole:
            self._wholes[log : log + len(times)] = wholes
            self._told[log : log + len(times)] = told
        self._buckets[row] = buckets
        self._devices[row] = device
        self._devices[row, [kernel.LOG, kernel.CAPACITY, kernel.START]] = log, capacity, 0
        return row

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
