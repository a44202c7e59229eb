"""How far event time has come, of each device: no device alone moves it on for the others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

NEVER = -math.inf


class FleetClock:
    """Time has come as far for a device as it has sent itself, or as two devices have.

    One device whose clock is ahead says nothing of the labels of the others: they come when theirs is as
    far. Of the only device of a fleet, and of one that has sent nothing yet beside it, the time is that of
    the only one. Who sends nothing any more holds nobody back: two others, or one of itself, go on.

    All of this is known of the two newest devices, as each other one is at most as far as the second. So it
    takes no memory, and depends on nothing but the event times in their order.

    :param leader: device with the newest event time; empty if it is not known which.
    :param newest: its event time, epoch seconds.
    :param second: newest event time of the others; minus infinity without any.
    """

    __slots__ = ("leader", "newest", "second")

    def __init__(self, leader: str = "", newest: float = NEVER, second: float = NEVER) -> None:
        self.leader, self.newest, self.second = leader, newest, second

    @property
    def common(self) -> float:
        """How far time has come for all but the leader, epoch seconds; minus infinity before any event."""
        return self.second if self.second > NEVER else self.newest

    def of(self, device: str) -> float:
        """How far time has come for a device, epoch seconds."""
        return self.newest if device == self.leader else self.common

    def advance(self, device: str, time: float) -> bool:
        """A device has sent an event of this time; whether that moves time on for any."""
        if device == self.leader:
            if time <= self.newest:
                return False
            self.newest = time
        elif time > self.newest:
            self.leader, self.newest, self.second = device, time, self.newest
        elif time > self.second:
            self.second = time
        else:
            return False
        return True

    def advance_all(self, devices: Sequence[str], times: Iterable[float]) -> bool:
        """The same of several events."""
        moved = False
        for device, time in zip(devices, times, strict=True):
            if time > self.second and self.advance(device, time):
                moved = True
        return moved

    def follow(self, other: FleetClock) -> bool:
        """Come as far as another clock of the same fleet; whether that moves time on for any."""
        moved = other.newest > NEVER and self.advance(other.leader, other.newest)
        if other.second > self.second:
            self.second, moved = other.second, True
        return moved

    def reach(self, time: float) -> bool:
        """Come as far as this for all devices; whether that moves time on for any."""
        if time <= self.common and self.second > NEVER:
            return False
        self.second = time
        if time > self.newest:
            self.leader, self.newest = "", time
        return True

    def copy(self) -> FleetClock:
        """Another clock that shows the same."""
        return FleetClock(self.leader, self.newest, self.second)

    def saved(self) -> list[Any]:
        """Plain content; ``restored`` reads it back."""
        return [self.leader, self.newest, self.second]

    @classmethod
    def restored(cls, plain: dict[str, Any]) -> FleetClock:
        """The clock of a snapshot; those of before tell the newest event of any device."""
        if "clock" in plain:
            return cls(*plain["clock"])
        newest = plain["newest"]
        return cls() if newest is None else cls("", newest, newest)
