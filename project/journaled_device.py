"""What the journal has of one device, in order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.events import TelemetryEvent
from feature_sets.windows.whole_readings import wholes_of_list
from graphs.state.reading_history import Readings

Places = npt.NDArray[np.int64]


class JournaledDevice:
    """Readings of a device in order of arrival; each is known by its place in that order.

    Nothing is added once it was asked.
    """

    def __init__(self) -> None:
        self._micros: list[int] = []
        self._arrivals: list[int] = []
        self._events: list[TelemetryEvent] = []

    def __len__(self) -> int:
        return len(self._micros)

    def add(self, event: TelemetryEvent, arrival: int) -> None:
        """The next reading, and when it arrived in microseconds."""
        self._micros.append(event_micros(event.time))
        self._arrivals.append(arrival)
        self._events.append(event)

    @cached_property
    def micros(self) -> Places:
        """Event times, microseconds, shape (n,)."""
        return np.array(self._micros, dtype=np.int64)

    @cached_property
    def arrivals(self) -> Places:
        """When each arrived, the same."""
        return np.array(self._arrivals, dtype=np.int64)

    @cached_property
    def places(self) -> dict[int, list[int]]:
        """Event time -> places of the readings of that time, in order."""
        found: dict[int, list[int]] = {}
        for place, micros in enumerate(self._micros):
            found.setdefault(micros, []).append(place)
        return found

    def place(self, time: int, answered: int) -> int | None:
        """Which reading a prediction is of; None if the journal has none."""
        places = self.places.get(time, [])
        then = [at for at in places if self._arrivals[at] == answered]
        return min(then or places, default=None)

    def starts(self, idle: int) -> list[int]:
        """Readings before which the device may have been forgotten; the first, and each after a silence."""
        if not len(self):
            return []
        before = np.maximum.accumulate(self.arrivals)[:-1]
        return [0, *(np.flatnonzero(self.arrivals[1:] - before >= idle) + 1).tolist()]

    def in_reach(self, span: int) -> Places:
        """The first reading on which windows at each reading may depend, shape (n,).

        All before it are further back than a length from the newest reading of then.

        :param span: the length, microseconds.
        """
        reached = np.maximum.accumulate(self.micros)
        return np.searchsorted(reached, reached - span, side="right").astype(np.int64)

    def readings(self, gauges: Sequence[str], wholes: Sequence[str]) -> Readings:
        """The same as columns."""
        metrics = [event.metrics for event in self._events]
        shape = (len(metrics), len(wholes))
        numbers, told = np.empty(shape, np.uint64), np.empty(shape, np.bool_)
        for place, name in enumerate(wholes):
            numbers[:, place], told[:, place] = wholes_of_list(
                name, [each[name] for each in metrics], 2**64 - 1
            )
        values = np.array([[each[name] for name in gauges] for each in metrics], dtype=np.float64)
        return Readings(self.micros, None, values.reshape(len(metrics), len(gauges)), numbers, told)
