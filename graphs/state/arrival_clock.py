"""A clock that follows the arrivals: now is when the newest event arrived, by what the events themselves say.

A recording that is played through a graph is decided on as it was then: what is late, from the future or past
its deadline does not depend on when, and how fast, it is played.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from feature_sets.checks import InputError
from feature_sets.telemetry.event_time import seconds_of
from feature_sets.telemetry.events import EventError, LabelEvent, TelemetryEvent
from feature_sets.telemetry.incident_events import IncidentEvent
from feature_sets.telemetry.schema import TelemetrySchema


class ArrivalClock:
    """Now is the latest arrival that an event had; it never goes back.

    :param schema: names the column of arrival times. Without one, an event arrives at its own time.
    """

    def __init__(self, schema: TelemetrySchema) -> None:
        self._column = schema.arrival
        self._times = schema.time_rules
        self.now = 0.0

    def arrival(self, body: Mapping[str, Any], event: TelemetryEvent | LabelEvent | IncidentEvent) -> float:
        """When an event arrived, epoch seconds, by its own account.

        A label need not say so; it arrived at the time that it is about or, if that is later, now. So did one
        that names its event, without a time.
        An incident arrived when it began or, if that is later, now.

        :raises EventError: if a reading does not say so, or what an event says is no time.
        """
        if isinstance(event, IncidentEvent):
            return self.now if event.start is None else event.start
        told = body.get(self._column) if self._column is not None else None
        if told is None:
            if self._column is not None and isinstance(event, TelemetryEvent):
                raise EventError(self._column, "is required: this instance takes its clock from it", None)
            return event.time if event.time == event.time else self.now
        try:
            return seconds_of(told, *self._times)
        except InputError as error:
            raise EventError(str(self._column), error.rule, told) from None

    def advance(self, arrivals: Sequence[float]) -> list[float]:
        """Now at each of these arrivals, in the order of the events."""
        moments = []
        for arrival in arrivals:
            self.now = max(self.now, arrival)
            moments.append(self.now)
        return moments
