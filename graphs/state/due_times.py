"""Times of devices that wait until they are past: for most devices at once, for one of them sooner."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_SPARE = 1000


class Past(NamedTuple):
    """What is past by now, in whole microseconds of event time.

    :param until: of all devices.
    :param leader: device that is ahead of the others.
    :param own_until: of that device; at least ``until``.
    """

    until: float
    leader: str
    own_until: float


class DueTimes:
    """Times by device, each as often as it was put, given out from the earliest on when they are past."""

    def __init__(self, moments: Iterable[tuple[int, str]] = ()) -> None:
        self._of: dict[str, list[int]] = {}
        self._firsts: list[tuple[int, str]] = []
        self._size = 0
        for micros, device in moments:
            self._of.setdefault(device, []).append(micros)
            self._size += 1
        for own in self._of.values():
            heapq.heapify(own)
        self._tidy()

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Time and device of each, in no order."""
        return ((micros, device) for device, own in self._of.items() for micros in own)

    def put(self, micros: int, device: str) -> None:
        """Have a time of a device wait."""
        own = self._of.setdefault(device, [])
        heapq.heappush(own, micros)
        self._size += 1
        if own[0] == micros:
            self._first(micros, device)

    def earliest(self, device: str | None = None) -> int | None:
        """The earliest time of a device, or of all; None without any."""
        if device is not None:
            own = self._of.get(device)
            return own[0] if own else None
        while self._firsts:
            micros, name = self._firsts[0]
            if self.earliest(name) == micros:
                return micros
            heapq.heappop(self._firsts)  # It was taken by the device's own time.
        return None

    def due(self, past: Past) -> tuple[int, str] | None:
        """The next that is past, time and device: of all devices before those of the leader alone."""
        micros = self.earliest()
        if micros is not None and micros < past.until:
            return micros, self._firsts[0][1]
        own = self.earliest(past.leader)
        return (own, past.leader) if own is not None and own < past.own_until else None

    def take(self, moment: tuple[int, str]) -> None:
        """Give up the earliest time of a device, each time that it was put."""
        micros, device = moment
        own = self._of[device]
        while own and own[0] == micros:
            heapq.heappop(own)
            self._size -= 1
        if own:
            self._first(own[0], device)
        else:
            del self._of[device]

    def _first(self, micros: int, device: str) -> None:
        heapq.heappush(self._firsts, (micros, device))
        if len(self._firsts) > 2 * len(self._of) + _SPARE:
            self._tidy()

    def _tidy(self) -> None:
        self._firsts = [(own[0], device) for device, own in self._of.items()]
        heapq.heapify(self._firsts)
