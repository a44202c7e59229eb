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
from feature_sets.windows.window_state import Content, Events, WindowState

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
        self._states[shard].take(_FIRST, self._row, event, self._row)

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
        is_each_once = len(keys) == len(events.codes)

        def take(shard: int) -> None:
            own = (shards == shard) & (rows >= 0)
            devices = np.count_nonzero(own)
            if devices and is_each_once:  # Whatever the order, it is by device.
                order = np.flatnonzero(own[events.codes] & ~left_out)
                self._states[shard].take(order, rows, events, rows[own])
            elif devices:
                numbers = np.where(own, np.cumsum(own) - 1, -1)
                # Device by device the windows stay in the processor's cache; stretch by stretch the events
                # do.
                stretch = max(_STRETCH, _RUN * devices)
                order = kernel.by_device(events.codes, numbers, devices, left_out, stretch)
                self._states[shard].take(order, rows, events, rows[own])

        if len(events.codes) >= _WORTH_THREADS:
            with ThreadPoolExecutor(self._shards) as threads:
                list(threads.map(take, range(self._shards)))
        else:
            for shard in range(self._shards):
                take(shard)

    def forget_idle(self, before: int) -> list[Key]:
        """Give up the devices whose last event arrived before a time, in microseconds; gives their keys."""
        rows, shards = np.divmod(np.fromiter(self._places.values(), np.int64), self._shards)
        is_idle = np.zeros(len(rows), dtype=np.bool_)
        for shard, state in enumerate(self._states):
            own = np.flatnonzero(shards == shard)
            is_idle[own] = state.touched(rows[own]) < before
        idle = [key for key, old in zip(self._places, is_idle.tolist(), strict=True) if old]
        for key in idle:
            row, shard = divmod(self._places.pop(key), self._shards)
            self._states[shard].forget(row)
        return idle

    def newest(self) -> dict[Key, int]:
        """Newest event time of each device, microseconds since the epoch."""
        found = {}
        for key, place in self._places.items():
            row, shard = divmod(place, self._shards)
            found[key] = self._states[shard].newest(row)
        return found

    def content(self) -> tuple[list[Key], Arrays]:
        """Keys, sorted, and arrays with the state of each; neither depends on how events came in batches.

        ``devices`` has of each device the newest bucket, the newest time, the last arrival, how many event
        times there are, and how many buckets have readings: the others are not there.
        """
        keys = sorted(self._places, key=lambda key: (isinstance(key, str), key))
        located = np.array([self._places[key] for key in keys], dtype=np.int64)
        rows, shards = np.divmod(located, self._shards)
        plan = self._plan
        devices = np.empty((len(rows), 5), dtype=np.int64)
        owned = [np.flatnonzero(shards == shard) for shard in range(self._shards)]
        for state, own in zip(self._states, owned, strict=True):
            devices[own, :3] = state.table(rows[own])
            devices[own, 4], devices[own, 3] = state.sizes(rows[own])
        bucket_ends, time_ends = np.cumsum(devices[:, 4]), np.cumsum(devices[:, 3])
        content = Content.empty(int(devices[:, 4].sum()), int(devices[:, 3].sum()), plan)
        for state, own in zip(self._states, owned, strict=True):
            begins = (bucket_ends[own] - devices[own, 4], time_ends[own] - devices[own, 3])
            state.write(rows[own], begins, content)
        arrays: Arrays = {
            "devices": devices,
            "places": content.places,
            "buckets": content.buckets,
            "times": content.times,
            "readings": content.readings,
        }
        if plan.whole:
            wholes = np.where(content.told > 0, content.wholes, np.uint64(0))
            arrays |= {"wholes": wholes.view(np.int64), "told": content.told}
        return keys, arrays

    def put(self, keys: Sequence[Key], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Add devices with the state that ``content`` gave, or an earlier version with all buckets."""
        devices, content = self._plain(arrays)
        nothing = np.zeros(1, dtype=np.int64)
        ends = [np.concatenate([nothing, np.cumsum(devices[:, column])]) for column in (4, 3)]
        bounds = [np.stack([each[:-1], each[1:]], axis=1) for each in ends]
        for shard, state in enumerate(self._states):
            own = np.arange(shard, len(keys), self._shards)
            rows = state.put(devices[own, :3], (bounds[0][own], bounds[1][own]), content)
            for position, row in zip(own.tolist(), rows, strict=True):
                self._places[keys[position]] = row * self._shards + shard

    def _plain(self, arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[npt.NDArray[np.int64], Content]:
        """Arrays that the kernels can read, with the buckets that have readings alone."""
        devices, buckets = arrays["devices"], arrays["buckets"]
        if "places" in arrays:
            places = arrays["places"]
        else:
            is_filled = (buckets[:, :, :, kernel.COUNT] > 0).any(axis=1)
            places = np.nonzero(is_filled)[1]
            buckets = buckets.transpose(0, 2, 1, 3)[is_filled]
            devices = np.column_stack([devices, is_filled.sum(axis=1)])
        nothing = np.empty((len(arrays["times"]), 0), dtype=np.int64)
        given = (places, buckets, arrays["times"], arrays["readings"])
        wholes, told = arrays.get("wholes", nothing).view(np.uint64), arrays.get("told", nothing)
        kinds = (np.int64, np.float64, np.int64, np.float64, np.uint64, np.uint8)
        plain = [np.array(each, dtype=kind) for each, kind in zip((*given, wholes, told), kinds, strict=True)]
        return devices, Content(*plain)

    def _place(self, key: Key) -> int:
        """Where the state of a device is, made if it is new."""
        place = self._places.get(key)
        if place is None:
            shard = len(self._places) % self._shards
            place = self._places[key] = self._states[shard].new_row() * self._shards + shard
        return place
