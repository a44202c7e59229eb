"""The static features of each device, kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from graphs.state.device_store import DeviceStore, Features

LOOKUPS = 20
INTERVAL_SECONDS = 10.0


class DeviceSource(Protocol):
    """Where the features of devices come from."""

    def all(self) -> Mapping[str, Features]:
        """Features of all devices that are known at the start, by device key."""

    def one(self, device: str) -> Features | None:
        """Features of one device; None if it is unknown."""


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
        self._known = {device: dict(features) for device, features in source.all().items()}
        self._interval_start = clock()
        self._looked_up: set[str] = set()

    def __contains__(self, device: object) -> bool:
        """Whether the device is known; a new one is looked up first."""
        return device in self._known or self._look_up(str(device))

    def __len__(self) -> int:
        """Number of known devices."""
        return len(self._known)

    def features(self, device: str) -> Features:
        """One-hot features of a device; empty if it has been removed since, which happens in a replay."""
        return self._known.get(device, {})

    @property
    def names(self) -> frozenset[str]:
        """Names of all one-hot features."""
        return frozenset(name for features in self._known.values() for name in features)

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
