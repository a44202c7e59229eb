"""The live engine of the rolling windows: one event in, the device's current features out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import numpy as np

from feature_sets.windows import event_status
from feature_sets.windows.bucket_statistics import STATISTICS, BucketStatistics, Floats, operation_values
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.event_micros import event_micros
from feature_sets.windows.snapshot import SNAPSHOT_VERSION, SnapshotError, pack_buckets, unpack_buckets


class _Device:
    """State of one device.

    ``times`` holds the event times counted in each kept bucket, which is what makes a duplicate known.
    """

    __slots__ = ("buckets", "newest_bucket", "newest_time", "times", "touched")

    def __init__(self, metrics: int) -> None:
        self.buckets = BucketStatistics(metrics)
        self.times: dict[int, set[int]] = {}
        self.newest_bucket = 0
        self.newest_time = 0
        self.touched = 0


class OnlineWindows:
    """Rolling windows of many devices, kept up to date event by event, in order of arrival.

    The meaning of every output is that of ``feature_sets.windows.reference``. Not for use by several threads.

    :param definition: which windows.
    :param clock: epoch seconds now; asked once an event.
    :param arrival: field of an event with the time at which it arrived, used instead of the clock if present.
    """

    def __init__(
        self, definition: WindowDefinition, clock: Callable[[], float], arrival: str | None = None
    ) -> None:
        self.definition = definition
        self.counts: dict[str, int] = dict.fromkeys(event_status.STATUSES, 0)
        self._clock = clock
        self._arrival = arrival
        self._names = definition.feature_names
        self._period = definition.period_micros
        self._longest = definition.longest_buckets
        self._lateness = definition.lateness_buckets
        self._tolerance = definition.tolerance_micros
        self._window_buckets = definition.window_buckets
        self._ends = bool({"first", "last"} & set(definition.operations))
        self._nothing = [math.nan] * len(self._names)
        self._devices: dict[str, _Device] = {}

    @property
    def devices(self) -> tuple[str, ...]:
        """Keys of the devices that have a state."""
        return tuple(self._devices)

    @overload
    def update(self, event: Mapping[str, Any]) -> dict[str, Any]: ...
    @overload
    def update(self, event: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]: ...
    def update(
        self, event: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    ) -> dict[str, Any] | list[dict[str, Any]]:
        """Take in one event, or several in order, and give the features of each as of then.

        :param event: has the key, the event time (epoch seconds, or a datetime with a zone) and every metric
            (None or NaN is no reading); it was checked before.
        :returns: the features by name and ``event_status``; all features are NaN if it was not counted.
        :raises KeyError: naming a field that the event lacks.
        """
        if isinstance(event, Mapping):
            return self._update(event)
        return [self._update(one) for one in event]

    def _update(self, event: Mapping[str, Any]) -> dict[str, Any]:
        definition = self.definition
        readings = [event[metric] for metric in definition.metrics]
        values = np.array([math.nan if value is None else value for value in readings], dtype=np.float64)
        arrived = event.get(self._arrival) if self._arrival is not None else None
        now = event_micros(self._clock() if arrived is None else arrived)
        time = event_micros(event[definition.timestamp])
        status, features = self.observe(event[definition.entity], time, values, now)
        return {**dict(zip(self._names, features, strict=True)), event_status.COLUMN: status}

    def observe(self, device: str, time: int, values: Floats, now: int) -> tuple[str, list[float]]:
        """Take in one event in the engine's own terms.

        :param time: event time in microseconds since the epoch.
        :param values: readings in the order of the definition's metrics; what is not finite is no reading.
        :param now: arrival, or the clock, in microseconds since the epoch.
        :returns: status, and the features in the order of ``definition.feature_names``.
        """
        status = self._take(device, time, values, now)
        self.counts[status] += 1
        if status not in event_status.COUNTED:
            return status, list(self._nothing)
        return status, self._features(self._devices[device])

    def _take(self, key: str, time: int, values: Floats, now: int) -> str:
        if time > now + self._tolerance:
            return event_status.QUARANTINED
        bucket = time // self._period
        device = self._devices.get(key)
        if device is None:
            device = self._devices[key] = _Device(len(self.definition.metrics))
            device.newest_bucket, device.newest_time = bucket, time
        device.touched = max(device.touched, now)
        if time in device.times.get(bucket, ()):
            return event_status.DUPLICATE
        if bucket <= device.newest_bucket - self._lateness:
            return event_status.TOO_LATE
        status = event_status.LATE if time < device.newest_time else event_status.ACCEPTED
        if bucket > device.newest_bucket:
            device.newest_bucket = bucket
            for dropped in device.buckets.drop_through(bucket - self._longest):
                del device.times[dropped]
        device.newest_time = max(device.newest_time, time)
        device.times.setdefault(bucket, set()).add(time)
        with np.errstate(over="ignore", invalid="ignore"):
            device.buckets.add(bucket, float(time - bucket * self._period), values)
        return status

    def _features(self, device: _Device) -> list[float]:
        metrics, operations = self.definition.metrics, self.definition.operations
        merged = np.empty((len(self._window_buckets), STATISTICS, len(metrics)))
        out = np.empty((len(metrics), len(operations), len(self._window_buckets)))
        with np.errstate(over="ignore", invalid="ignore"):
            for w, buckets in enumerate(self._window_buckets):
                device.buckets.window(device.newest_bucket - buckets, merged[w], self._ends)
            for o, operation in enumerate(operations):
                out[:, o] = operation_values(operation, merged).T
        features: list[float] = out.ravel().tolist()
        return features

    def evict(self, idle_seconds: float) -> list[str]:
        """Forget devices that sent nothing for a while, by the clock; gives their keys.

        A device that comes back starts anew, so the time must be at least the longest window.

        :raises ValueError: if it is shorter.
        """
        shortest = self._longest * self._period / 1_000_000
        if not idle_seconds >= shortest:
            raise ValueError(
                f"idle_seconds: must be at least the longest window, {shortest:g} s, got {idle_seconds!r}"
            )
        before = event_micros(self._clock()) - round(idle_seconds * 1_000_000)
        idle = [key for key, device in self._devices.items() if device.touched < before]
        for key in idle:
            del self._devices[key]
        return idle

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain content for JSON; ``restore`` continues from it exactly."""
        return {
            "version": SNAPSHOT_VERSION,
            "definition": self.definition.to_dict(),
            "counts": dict(self.counts),
            "devices": {
                key: {
                    "newest_bucket": device.newest_bucket,
                    "newest_time": device.newest_time,
                    "touched": device.touched,
                    "times": {str(bucket): sorted(times) for bucket, times in device.times.items()},
                    "buckets": pack_buckets(device.buckets),
                }
                for key, device in self._devices.items()
            },
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Replace the state by that of a snapshot.

        :raises SnapshotError: if it has another version or was taken with another definition.
        """
        if snapshot.get("version") != SNAPSHOT_VERSION:
            raise SnapshotError("version", f"must be {SNAPSHOT_VERSION}", snapshot.get("version"))
        ours, theirs = self.definition.to_dict(), snapshot["definition"]
        for field, value in ours.items():
            if theirs.get(field) != value:
                raise SnapshotError(f"definition.{field}", f"must be {value!r}", theirs.get(field))
        devices = {}
        for key, state in snapshot["devices"].items():
            device = _Device(len(self.definition.metrics))
            device.newest_bucket = state["newest_bucket"]
            device.newest_time = state["newest_time"]
            device.touched = state["touched"]
            device.times = {int(bucket): set(times) for bucket, times in state["times"].items()}
            device.buckets = unpack_buckets(state["buckets"], len(self.definition.metrics))
            devices[key] = device
        self._devices = devices
        self.counts = {status: int(snapshot["counts"][status]) for status in event_status.STATUSES}
