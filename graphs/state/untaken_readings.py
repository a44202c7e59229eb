"""Devices whose readings are not taken because of their time, as with a clock that is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows.event_status import COUNTED, QUARANTINED, TOO_LATE
from graphs.protocol.times import iso_time

UNTAKEN = (QUARANTINED, TOO_LATE)
"""Statuses of readings that count for nothing because of their time."""

_OF_UNTAKEN = frozenset(UNTAKEN)
MOST_DEVICES = 10_000
"""So many are remembered, those whose readings were not taken of late."""
_FORGOTTEN_SECONDS = 86_400.0
_TAKEN_AGAIN = 5
"""So many readings in a row are taken until a device is all right again, or as many as were not if fewer."""


@dataclass(slots=True)
class Untaken:
    """What was not taken of one device.

    :param status: why, of the newest one.
    :param readings: how many.
    :param ahead: how far the time of the newest one was ahead of its arrival, seconds; below 0 behind it.
    :param since: arrival of the first one, epoch seconds.
    :param last: of the newest one.
    :param taken: readings in a row that were taken since.
    """

    status: str
    readings: int
    ahead: float
    since: float
    last: float
    taken: int = 0


class UntakenReadings:
    """Remembers them from the first reading that is not taken until some are taken again, or for a day."""

    def __init__(self) -> None:
        self._known: dict[str, Untaken] = {}

    def is_idle(self, statuses: Iterable[str]) -> bool:
        """Whether readings of these statuses change nothing here."""
        return not self._known and _OF_UNTAKEN.isdisjoint(statuses)

    def take(self, device: str, status: str, time: float, arrival: float) -> None:
        """Note a reading.

        :param status: what became of it.
        :param time: of the reading, epoch seconds.
        :param arrival: of the reading.
        """
        known = self._known.get(device)
        if status not in _OF_UNTAKEN:
            if known is not None and status in COUNTED:
                known.taken += 1
                if known.taken >= min(known.readings, _TAKEN_AGAIN):
                    del self._known[device]
            return
        if known is None:
            known = Untaken(status, 0, 0.0, arrival, arrival)
        else:
            del self._known[device]  # It is the newest of all now.
        known.status, known.ahead, known.last, known.taken = status, time - arrival, arrival, 0
        known.readings += 1
        self._known[device] = known
        if len(self._known) > MOST_DEVICES:
            del self._known[next(iter(self._known))]

    def counts(self, moment: float) -> dict[str, int]:
        """How many devices there are of each status.

        :param moment: epoch seconds by the clock; those of a day before are forgotten.
        """
        self._forget(moment)
        found = Counter(each.status for each in self._known.values())
        return {status: found[status] for status in UNTAKEN}

    def told(self, moment: float, most: int) -> list[dict[str, Any]]:
        """Some of these devices, those of which most readings were not taken.

        :param moment: see ``counts``.
        :param most: so many at most of each status.
        """
        self._forget(moment)
        found = []
        for status in UNTAKEN:
            of_status = [each for each in self._known.items() if each[1].status == status]
            of_status.sort(key=lambda each: (-each[1].readings, each[0]))
            found += [
                {
                    DEVICE: device,
                    "status": status,
                    "readings": each.readings,
                    "ahead_seconds": round(each.ahead, 3),
                    "since": iso_time(each.since),
                    "last": iso_time(each.last),
                }
                for device, each in of_status[:most]
            ]
        return found

    def saved(self) -> dict[str, dict[str, Any]]:
        """Plain content."""
        return {device: asdict(each) for device, each in self._known.items()}

    def restore(self, saved: Mapping[str, Mapping[str, Any]]) -> None:
        """Go on from what ``saved`` gave."""
        self._known = {device: Untaken(**each) for device, each in saved.items()}

    def _forget(self, moment: float) -> None:
        for device in [
            device for device, each in self._known.items() if moment - each.last > _FORGOTTEN_SECONDS
        ]:
            del self._known[device]
