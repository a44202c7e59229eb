"""The windows of many devices by their keys, spread over shards that threads work on at the same time."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_sets.windows import kernel
from feature_sets.windows.plan import Plan
from feature_sets.windows.snapshot import Arrays
from feature_sets.windows.window_state import Events, RowContent, WindowState

Key = str | int

_WORTH_THREADS = 10_000
"""Events from which on starting threads costs less than it saves."""
_STRETCH = 4096
_RUN = 256
"""A long update goes through the devices once every so many events, or events a device if that is more."""

_FIRST = np.zeros(1, dtype=np.int64)


class ShardedState:
    """State of the windows of devices, each known by its key.

    What comes out does not depend on the number of shards.

    :param plan: which windows.
    :param shards: how many, at least 1.
    """

    def __init__(self, plan: Plan, shards: int) -> None:
        self._plan = plan
        self._shards = shards
        self._states = [WindowState(plan) for _ in range(shards)]
        # Where a device's state is: its row in a shard, times the number of shards, plus the shard.
        self._places: dict[Key, int] = {}
        self._row = np.zeros(1, dtype=np.int64)

    @property
    def keys(self) -> tuple[Key, ...]:
        """Keys of the devices that have a state."""
        return tuple(self._places)

    @property
    def memory_bytes(self) -> int:
        """Bytes of arrays, with what is spare in them, and of keys."""
        keys = sys.getsizeof(self._places) + sum(sys.getsizeof(key) for key in self._places)
        return keys + sum(state.memory_bytes for state in self._states)

    def take_one(self, key: Key, event: Events) -> None:
        """Take in one event of a device."""
        self._row[0], shard = divmod(self._place(key), self._shards)
        self._states[shard].take(_FIRST, self._row, event)

    def take(self, events: Events, keys: Sequence[Key], left_out: npt.NDArray[np.bool_]) -> None:
        """Take in many events, in their order.

        :param keys: the key of each of the events' codes.
        :param left_out: events that are not taken in; a device with no other gets no state.
        """
        places = list(map(self._places.get, keys))
        if None in places or left_out.any():
            seen = np.bincount(events.codes[~left_out], minlength=len(keys)) > 0
            new = sum(here and place is None for place, here in zip(places, seen.tolist(), strict=True))
            for state in self._states:  # At once, because growing copies what is there.
                state.reserve(-(-new // self._shards))
            places = [self._place(key) if here else -1 for key, here in zip(keys, seen.tolist(), strict=True)]
        rows, shards = np.divmod(np.array(places, dtype=np.int64), self._shards)

        def take(shard: int) -> None:
            own = (shards == shard) & (rows >= 0)
            devices = np.count_nonzero(own)
            if devices:
                numbers = np.where(own, np.cumsum(own) - 1, -1)
                # Device by device the windows stay in the processor's cache; stretch by stretch the events
                # do.
                stretch = max(_STRETCH, _RUN * devices)
                order = kernel.by_device(events.codes, numbers, devices, left_out, stretch)
                self._states[shard].take(order, rows, events)

        if len(events.codes) >= _WORTH_THREADS:
            with ThreadPoolExecutor(self._shards) as threads:
                list(threads.map(take, range(self._shards)))
        else:
            for shard in range(self._shards):
                take(shard)

    def forget_idle(self, before: int) -> list[Key]:
        """Give up the devices whose last event arrived before a time, in microseconds; gives their keys."""
        located = {key: divmod(place, self._shards) for key, place in self._places.items()}
        idle = [key for key, (row, shard) in located.items() if self._states[shard].touched(row) < before]
        for key in idle:
            row, shard = located[key]
            self._states[shard].forget(row)
            del self._places[key]
        return idle

    def content(self) -> tuple[list[Key], Arrays]:
        """Keys, sorted, and arrays with the state of each; neither depends on how events came in batches."""
        keys = sorted(self._places, key=lambda key: (isinstance(key, str), key))
        located = [divmod(self._places[key], self._shards) for key in keys]
        rows = [self._states[shard].row_content(row) for row, shard in located]
        plan = self._plan
        devices = np.empty((len(rows), 4), dtype=np.int64)
        buckets = np.empty((len(rows), plan.metrics, plan.ring, plan.planes))
        for position, row in enumerate(rows):
            devices[position, :3] = row.device[[kernel.BUCKET, kernel.TIME, kernel.TOUCHED]]
            devices[position, 3] = len(row.times)
            buckets[position] = np.where(row.buckets[:, :, :1] > 0, row.buckets, plan.no_readings)
        nothing = (np.empty(0, np.int64), np.empty((0, plan.metrics if plan.keeps_readings else 0)))
        arrays = {
            "devices": devices,
            "buckets": buckets,
            "times": np.concatenate([nothing[0], *(row.times for row in rows)]),
            "readings": np.concatenate([nothing[1], *(row.readings for row in rows)]),
        }
        if plan.whole:
            none = np.empty((0, plan.whole), dtype=np.uint64)
            told = np.concatenate([none.astype(np.uint8), *(row.told for row in rows)])
            wholes = np.concatenate([none, *(row.wholes for row in rows)])
            arrays |= {"wholes": np.where(told > 0, wholes, np.uint64(0)).view(np.int64), "told": told}
        return keys, arrays

    def put(self, keys: Sequence[Key], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Add devices with the state that ``content`` gave."""
        devices = arrays["devices"]
        ends = np.cumsum(devices[:, 3])
        nothing = np.empty((len(arrays["times"]), 0), dtype=np.int64)
        wholes, told = arrays.get("wholes", nothing).view(np.uint64), arrays.get("told", nothing)
        for state in self._states:
            state.reserve(-(-len(devices) // self._shards))
        for position, key in enumerate(keys):
            kept = slice(ends[position] - devices[position, 3], ends[position])
            row = np.zeros(kernel.DEVICE_COLUMNS, dtype=np.int64)
            row[[kernel.BUCKET, kernel.TIME, kernel.TOUCHED, kernel.SIZE]] = devices[position]
            shard = position % self._shards
            place = self._states[shard].put_row(
                RowContent(
                    row,
                    arrays["buckets"][position],
                    arrays["times"][kept],
                    arrays["readings"][kept],
                    wholes[kept],
                    told[kept],
                )
            )
            self._places[key] = place * self._shards + shard

    def _place(self, key: Key) -> int:
        """Where the state of a device is, made if it is new."""
        place = self._places.get(key)
        if place is None:
            shard = len(self._places) % self._shards
            place = self._places[key] = self._states[shard].new_row() * self._shards + shard
        return place
