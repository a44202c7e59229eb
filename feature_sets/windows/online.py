"""The engine of the rolling windows: events in, the current features of their devices out."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from numbers import Real
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.entity_keys import checked_key, key_codes
from feature_sets.windows import event_status, kernel
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.event_micros import column_micros, event_micros
from feature_sets.windows.plan import Plan
from feature_sets.windows.snapshot import SnapshotError, pack, unpack
from feature_sets.windows.window_state import Events, WindowState

Clock = Callable[[], float | datetime]

_STATUS_NAMES = np.array(event_status.STATUSES, dtype=object)
_PLAIN = {float, int, type(None)}
_WORTH_THREADS = 10_000
"""Events from which on starting threads costs less than it saves."""
_MOST_THREADS = 8
_STRETCH = 4096
_RUN = 256
"""A long update goes through the devices once every so many events, or events a device if that is more."""


class OnlineWindows:
    """Rolling windows of many devices, kept up to date event by event, in order of arrival.

    The meaning of every output is that of ``feature_sets.windows.reference``, and it does not depend on how
    the events are cut into updates. Not for use by several threads.

    :param definition: which windows.
    :param clock: epoch seconds (or a datetime) now; asked once an update.
    :param arrival: field of an event, or column, with the time at which it arrived; where it is missing,
        None or NaN the clock counts.
    :param threads: over which the devices of a long update are spread; None for the cores at hand. The result
        does not depend on it.
    """

    def __init__(
        self,
        definition: WindowDefinition,
        clock: Clock,
        arrival: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.definition = definition
        self.counts: dict[str, int] = dict.fromkeys(event_status.STATUSES, 0)
        self._clock = clock
        self._arrival = arrival
        self._names = definition.feature_names
        self._tolerance = definition.tolerance_micros
        self._plan = Plan.of(definition)
        self._shards = threads or min(_MOST_THREADS, len(os.sched_getaffinity(0)))
        self._clear()
        # Of one event, made once: making arrays costs more than the windows themselves.
        self._one = Events(1, self._plan)
        self._row = np.zeros(1, dtype=np.int64)
        self._nothing = [math.nan] * len(self._names)

    def _clear(self) -> None:
        self._states = [WindowState(self._plan) for _ in range(self._shards)]
        # Where a device's state is: its row in a shard, times the number of shards, plus the shard.
        self._devices: dict[str | int, int] = {}

    @property
    def devices(self) -> tuple[str | int, ...]:
        """Keys of the devices that have a state."""
        return tuple(self._devices)

    @property
    def memory_bytes(self) -> int:
        """Bytes that the state takes: arrays, with what is spare in them, and keys."""
        keys = sys.getsizeof(self._devices) + sum(sys.getsizeof(key) for key in self._devices)
        return keys + sum(state.memory_bytes for state in self._states)

    @overload
    def update(self, events: Mapping[str, Any]) -> dict[str, Any]: ...
    @overload
    def update(self, events: pd.DataFrame) -> pd.DataFrame: ...
    @overload
    def update(self, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]: ...
    def update(
        self, events: Mapping[str, Any] | Sequence[Mapping[str, Any]] | pd.DataFrame
    ) -> dict[str, Any] | list[dict[str, Any]] | pd.DataFrame:
        """Take in one event, or several in order of arrival, and give the features of each as of then.

        :param events: one event, a list of them, or a frame with one a row. Each has the key (text or a whole
            number, see ``entity_keys.checked_key``), the event time (epoch seconds or a datetime; UTC if it
            has no zone) and every metric; None, NaN and infinity are no reading. Readings may be of any size,
            but sums of squares beyond a float, from 1.8e308 on, make ``sqr`` (readings of about 1e154)
            infinite, and ``stddev`` and ``stdvar`` (differences of about 1e154); where the differences from
            the lowest reading of a window add up to as much, ``avg`` and ``sum`` are infinite or NaN.
        :returns: of the same kind: the features by name and ``event_status``; a frame has the given index,
            the features as float64 columns. All features of an event that was not counted are NaN.
        :raises KeyError: naming a field that an event lacks.
        :raises ValueError: naming a field that is no time, no number or no key. No event was taken in then.
        """
        if isinstance(events, pd.DataFrame):
            return self._update_frame(events)
        if isinstance(events, Mapping):
            return self._update_one(events)
        return self._update_list(events)

    def _update_one(self, event: Mapping[str, Any]) -> dict[str, Any]:
        definition, one = self.definition, self._one
        one.values[:, 0] = [_reading(metric, event[metric]) for metric in definition.metrics]
        arrived = event.get(self._arrival) if self._arrival is not None else None
        now = event_micros(self._clock() if _is_missing(arrived) else arrived)
        time = event_micros(event[definition.timestamp])
        key = checked_key(event[definition.entity])
        if time > now + self._tolerance:
            status, features = kernel.QUARANTINED, self._nothing
        else:
            row, shard = divmod(self._place(key), self._shards)
            self._row[0], one.times[0], one.arrivals[0] = row, time, now
            one.statuses[0] = kernel.ACCEPTED
            self._states[shard].take(_FIRST, self._row, one)
            status, features = int(one.statuses[0]), one.features[0].tolist()
        name = event_status.STATUSES[status]
        self.counts[name] += 1
        answer: dict[str, Any] = dict(zip(self._names, features, strict=True))
        answer[event_status.COLUMN] = name
        return answer

    def _update_list(self, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        if not events:
            return []
        definition = self.definition
        columns = Events(len(events), self._plan)
        for m, metric in enumerate(definition.metrics):
            column = [event[metric] for event in events]
            columns.values[m] = _numbers(metric, column)
        columns.times[:] = [event_micros(event[definition.timestamp]) for event in events]
        now = event_micros(self._clock())
        if self._arrival is None:
            columns.arrivals[:] = now
        else:
            arrived = [event.get(self._arrival) for event in events]
            columns.arrivals[:] = [now if _is_missing(at) else event_micros(at) for at in arrived]
        numbers: dict[str | int, int] = {}
        keys = [checked_key(event[definition.entity]) for event in events]
        columns.codes[:] = [numbers.setdefault(key, len(numbers)) for key in keys]
        self._take(columns, list(numbers))
        names = (*self._names, event_status.COLUMN)
        statuses = _STATUS_NAMES[columns.statuses].tolist()
        rows = columns.features.tolist()
        for row, status in zip(rows, statuses, strict=True):
            row.append(status)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _update_frame(self, events: pd.DataFrame) -> pd.DataFrame:
        definition = self.definition
        columns = Events(len(events), self._plan)
        for m, metric in enumerate(definition.metrics):
            columns.values[m] = _readings(events[metric])
        columns.times[:] = column_micros(events[definition.timestamp])
        columns.arrivals[:] = event_micros(self._clock())
        if self._arrival is not None and self._arrival in events:
            arrived = events[self._arrival]
            told = arrived.notna().to_numpy()
            columns.arrivals[told] = column_micros(arrived if told.all() else arrived[told])
        columns.codes, keys = key_codes(events[definition.entity])
        self._take(columns, keys)
        frame = pd.DataFrame(columns.features, index=events.index, columns=list(self._names), copy=False)
        frame[event_status.COLUMN] = _STATUS_NAMES[columns.statuses]
        return frame

    def _take(self, events: Events, keys: Sequence[str | int | None]) -> None:
        """Take in events of devices with these keys, each of which occurs."""
        quarantined = events.times > events.arrivals + self._tolerance
        if quarantined.any():
            events.statuses[quarantined] = kernel.QUARANTINED
            events.features[quarantined] = np.nan
            # A device that only sent from the future has no state.
            seen = np.bincount(events.codes[~quarantined], minlength=len(keys)) > 0
            keys = [key if here else None for key, here in zip(keys, seen.tolist(), strict=True)]
        new = sum(key is not None and key not in self._devices for key in keys)
        for state in self._states:  # At once, because growing copies what is there.
            state.reserve(-(-new // self._shards))
        places = [-1 if key is None else self._place(key) for key in keys]
        rows, shards = np.divmod(np.array(places, dtype=np.int64), self._shards)

        def take(shard: int) -> None:
            own = (shards == shard) & (rows >= 0)
            devices = np.count_nonzero(own)
            if devices:
                numbers = np.where(own, np.cumsum(own) - 1, -1)
                # Device by device the windows stay in the processor's cache; stretch by stretch the events
                # do.
                stretch = max(_STRETCH, _RUN * devices)
                order = kernel.by_device(events.codes, numbers, devices, quarantined, stretch)
                self._states[shard].take(order, rows, events)

        if len(events.codes) >= _WORTH_THREADS:
            with ThreadPoolExecutor(self._shards) as threads:
                list(threads.map(take, range(self._shards)))
        else:
            for shard in range(self._shards):
                take(shard)
        for status, name in enumerate(event_status.STATUSES):
            self.counts[name] += int(np.count_nonzero(events.statuses == status))

    def _place(self, key: str | int) -> int:
        """Where the state of a device is, made if it is new."""
        place = self._devices.get(key)
        if place is None:
            shard = len(self._devices) % self._shards
            place = self._devices[key] = self._states[shard].new_row() * self._shards + shard
        return place

    def evict(self, idle_seconds: float) -> list[str | int]:
        """Forget devices that sent nothing for a while, by the clock; gives their keys.

        A device that comes back starts anew, so the time must be at least the longest window. Add the allowed
        lateness and the tolerance where events come late or early: then no window misses a reading.

        :raises ValueError: if it is shorter.
        """
        shortest = self.definition.longest_buckets * self.definition.period_micros / 1_000_000
        if not idle_seconds >= shortest:
            raise ValueError(
                f"idle_seconds: must be at least the longest window, {shortest:g} s, got {idle_seconds!r}"
            )
        before = event_micros(self._clock()) - round(idle_seconds * 1_000_000)
        located = {key: divmod(place, self._shards) for key, place in self._devices.items()}
        idle = [key for key, (row, shard) in located.items() if self._states[shard].touched(row) < before]
        for key in idle:
            row, shard = located[key]
            self._states[shard].forget(row)
            del self._devices[key]
        return idle

    def snapshot(self) -> bytes:
        """The whole state, see ``feature_sets.windows.snapshot``; ``restore`` continues from it exactly."""
        # In an order that does not depend on how the events came in batches.
        keys = sorted(self._devices, key=lambda key: (isinstance(key, str), key))
        located = [divmod(self._devices[key], self._shards) for key in keys]
        rows = [self._states[shard].row_content(row) for row, shard in located]
        plan = self._plan
        devices = np.empty((len(rows), 4), dtype=np.int64)
        buckets = np.empty((len(rows), plan.metrics, plan.ring, plan.planes))
        for position, (device, block, times, _) in enumerate(rows):
            devices[position, :3] = device[[kernel.BUCKET, kernel.TIME, kernel.TOUCHED]]
            devices[position, 3] = len(times)
            buckets[position] = np.where(block[:, :, :1] > 0, block, plan.no_readings)
        nothing = (np.empty(0, np.int64), np.empty((0, plan.metrics if plan.keeps_readings else 0)))
        return pack(
            {
                "definition": self.definition.to_dict(),
                "counts": self.counts,
                "devices": keys,
            },
            {
                "devices": devices,
                "buckets": buckets,
                "times": np.concatenate([nothing[0], *(times for _, _, times, _ in rows)]),
                "readings": np.concatenate([nothing[1], *(readings for *_, readings in rows)]),
            },
        )

    def restore(self, snapshot: bytes) -> None:
        """Replace the state by that of a snapshot.

        :raises SnapshotError: if it is damaged, has another version or was taken with another definition; the
            state is then as it was.
        """
        header, arrays = unpack(snapshot)
        ours, theirs = self.definition.to_dict(), header["definition"]
        for field, value in ours.items():
            if theirs.get(field) != value:
                raise SnapshotError(f"definition.{field}", f"must be {value!r}", theirs.get(field))
        self._clear()
        devices, buckets = arrays["devices"], arrays["buckets"]
        ends = np.cumsum(devices[:, 3])
        for state in self._states:
            state.reserve(-(-len(devices) // self._shards))
        for position, key in enumerate(header["devices"]):
            kept = slice(ends[position] - devices[position, 3], ends[position])
            row = np.zeros(kernel.DEVICE_COLUMNS, dtype=np.int64)
            row[[kernel.BUCKET, kernel.TIME, kernel.TOUCHED, kernel.SIZE]] = devices[position]
            shard = position % self._shards
            place = self._states[shard].put_row(
                row, buckets[position], arrays["times"][kept], arrays["readings"][kept]
            )
            self._devices[key] = place * self._shards + shard
        self.counts = {status: int(header["counts"][status]) for status in event_status.STATUSES}


_FIRST = np.zeros(1, dtype=np.int64)


def _reading(metric: str, value: Any) -> float:
    """A reading as a number; None is none."""
    if value is None:
        return math.nan
    if not isinstance(value, Real) or isinstance(value, bool):
        raise ValueError(f"{metric}: must be a number or None, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{metric}: must fit a 64-bit float, got a larger {type(value).__name__}") from None


def _numbers(metric: str, values: list[Any]) -> npt.NDArray[np.float64]:
    """``_reading`` of each, at once if they are plain."""
    if set(map(type, values)) <= _PLAIN:
        try:
            return np.array(values, dtype=np.float64)
        except OverflowError:
            pass  # A whole number is too large; below it is told which rule it breaks.
    return np.array([_reading(metric, value) for value in values], dtype=np.float64)


def _is_missing(value: Any) -> bool:
    """Whether it is None, NaN or NaT."""
    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and value != value)


def _readings(column: pd.Series) -> npt.NDArray[Any]:
    """Readings of a column as numbers."""
    if column.dtype.kind in "iuf" and isinstance(column.dtype, np.dtype):
        return column.to_numpy()
    if column.dtype == object:
        return _numbers(str(column.name), column.tolist())
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind in "bc":
        raise ValueError(f"column '{column.name}': must be numbers, got {column.dtype}")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
