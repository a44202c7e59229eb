"""The static features of each device, kept in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from graphs.protocol.device_status import DeviceStatus
from graphs.state.device_store import DevicePast, DeviceStore, Features

LOOKUPS = 20
INTERVAL_SECONDS = 10.0


class DeviceSource(Protocol):
    """Where the features of devices come from."""

    def all(self) -> Mapping[str, Features]:
        """Features of all devices that are known at the start, by device key."""

    def one(self, device: str) -> Features | None:
        """Features of one device; None if it is unknown."""

    def past(self) -> Mapping[str, DevicePast]:
        """What is not the same at all times, of devices of which something is not."""

    def refresh(self) -> None:
        """Look again where the devices are."""


class GivenDevices:
    """Devices that were given as an argument.

    :param devices: features by device key.
    """

    def __init__(self, devices: Mapping[str, Features]) -> None:
        self._devices = devices

    def all(self) -> Mapping[str, Features]:
        """All of them."""
        return self._devices

    def one(self, device: str) -> Features | None:
        """There are no others."""
        return self._devices.get(device)

    def past(self) -> Mapping[str, DevicePast]:
        """They never change."""
        return {}

    def refresh(self) -> None:
        """Do nothing."""


class StaticDevices:
    """Known devices. All are loaded at the start; one that is new is looked up once, when it first shows up.

    :param source: gives the features.
    :param clock: wall clock, epoch seconds.
    :param lookups: most lookups in an interval, so that made-up devices cannot keep the process busy; a
        device that comes beyond is unknown until the next interval.
    :param interval_seconds: length of the interval.
    """

    def __init__(
        self,
        source: DeviceSource,
        clock: Callable[[], float],
        lookups: int = LOOKUPS,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._source = source
        self._clock = clock
        self._lookups = lookups
        self._interval_seconds = interval_seconds
        self._interval_start = clock()
        self._looked_up: set[str] = set()
        self._known: dict[str, Features] = {}
        self._past: Mapping[str, DevicePast] = {}
        self._retired: set[str] = set()
        self._load()

    def _load(self) -> None:
        known: dict[str, Features] = {name: dict(row) for name, row in self._source.all().items()}
        # Both or none: a store that is away leaves what there was.
        self._past, self._known = self._source.past(), known
        self._retired = {name for name, past in self._past.items() if past.retired}

    def reload(self) -> None:
        """Take over devices that joined, changed or were retired.

        :raises ApiError: 503 if the store is away; what is known stays.
        """
        self._source.refresh()
        self._load()
        self._looked_up.clear()

    def __contains__(self, device: object) -> bool:
        """Whether the device is known; a new one is looked up first."""
        return device in self._known or self._look_up(str(device))

    def __len__(self) -> int:
        """Number of known devices."""
        return len(self._known)

    @property
    def known(self) -> dict[str, Features]:
        """The known devices with their newest features; not to be changed."""
        return self._known

    def features(self, device: str, time: float) -> Features:
        """One-hot features that a device has at a time; empty for one that is not known.

        :param time: epoch seconds.
        """
        past = self._past.get(device)
        if past is not None and past.features:
            at = bisect_right(past.features, time, key=lambda entry: entry[0])
            return past.features[max(at - 1, 0)][1]
        return self._known.get(device, {})

    def status(self, device: str, time: float) -> DeviceStatus:
        """Whether a device is known, and in service at a time.

        :param time: epoch seconds.
        """
        if device not in self:
            return DeviceStatus.UNKNOWN
        past = self._past.get(device)
        if past is None or not past.retired:
            return DeviceStatus.KNOWN
        at = bisect_right(past.retired, time, key=lambda entry: entry[0])
        return DeviceStatus.RETIRED if at and past.retired[at - 1][1] else DeviceStatus.KNOWN

    def are_in_service(self, devices: Sequence[str]) -> bool:
        """Whether all of these are known, and none of them was ever retired; None is looked up."""
        return all(map(self._known.__contains__, devices)) and self._retired.isdisjoint(devices)

    @property
    def ever_retired(self) -> Collection[str]:
        """Devices that were retired at some time, whether or not they still are."""
        return self._retired

    @property
    def names(self) -> frozenset[str]:
        """Names of all one-hot features."""
        every = [*self._known.values(), *(row for past in self._past.values() for _, row in past.features)]
        return frozenset(name for features in every for name in features)

    def _look_up(self, device: str) -> bool:
        now = self._clock()
        if now - self._interval_start >= self._interval_seconds:
            self._interval_start = now
            self._looked_up.clear()
        if device in self._looked_up or len(self._looked_up) >= self._lookups:
            return False
        self._looked_up.add(device)
        features = self._source.one(device)
        if features is None:
            return False
        self._known[device] = dict(features)
        return True


def static_devices(
    devices: str | Mapping[str, Features] | None, clock: Callable[[], float]
) -> StaticDevices | None:
    """Known devices of a graph.

    :param devices: ``store://`` address of the feature set, or the features themselves, or None.
    """
    if devices is None:
        return None
    return StaticDevices(DeviceStore(devices) if isinstance(devices, str) else GivenDevices(devices), clock)
