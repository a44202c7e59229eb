"""What was told of incidents before they were opened: an end, or a cancellation, may come first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from feature_sets.telemetry.incident_events import Incident, IncidentEvent, IncidentStatus, after

MOST_EARLY = 10_000
"""Incidents that wait for their start at most; beyond it that told of longest ago is forgotten."""


class EarlyIncidents:
    """What is known of incidents without a start or without devices, one event an id.

    :param most: so many wait at most.
    """

    def __init__(self, most: int = MOST_EARLY) -> None:
        self._most = most
        self._waiting: dict[str, IncidentEvent] = {}
        self.forgotten = 0
        """How many gave way to others."""
        self.refused_ends = 0
        """How many ends were before the start that came."""

    def __len__(self) -> int:
        """Incidents that wait."""
        return len(self._waiting)

    def __contains__(self, name: object) -> bool:
        """Whether the incident of an id waits."""
        return name in self._waiting

    def __iter__(self) -> Iterator[IncidentEvent]:
        """What was told, that of longest ago first."""
        return iter(self._waiting.values())

    def get(self, name: str) -> IncidentEvent | None:
        """What was told of an id, in one event."""
        return self._waiting.get(name)

    def put(self, event: IncidentEvent) -> None:
        """Keep all that was told of an id so far."""
        self._waiting.pop(event.id, None)
        while len(self._waiting) >= self._most:
            del self._waiting[next(iter(self._waiting))]
            self.forgotten += 1
        self._waiting[event.id] = event

    def opened(self, incident: Incident) -> None:
        """What waited for an incident is part of it now."""
        told = self._waiting.pop(incident.id, None)
        if told is not None and told.end is not None and told.end < incident.start:
            self.refused_ends += 1

    def saved(self) -> dict[str, Any]:
        """Plain content for JSON; ``restore`` reads it back."""
        rows = [event.row() for event in self]
        return {"waiting": rows, "forgotten": self.forgotten, "refused_ends": self.refused_ends}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from what ``saved`` gave."""
        events = map(IncidentEvent.of_row, saved["waiting"])
        self._waiting = {event.id: event for event in events}
        self.forgotten, self.refused_ends = saved["forgotten"], saved["refused_ends"]


def is_whole(event: IncidentEvent) -> bool:
    """Whether an event says enough to open an incident."""
    return event.start is not None and bool(event.names)


def with_early(known: Incident | None, waiting: IncidentEvent | None, event: IncidentEvent) -> IncidentEvent:
    """An event with what was told before and waited for it; the same if it has all of that already.

    What opens an incident undoes nothing that came before it with an empty end or text, or as it was not
    cancelled: so does an incident that is opened first. An end before its start is left out.

    :param known: the incident, if there is one by now.
    :param waiting: what waits; None if nothing does.
    """
    if waiting is None or event.source:
        return event
    if known is None and is_whole(_both(waiting, event)):
        said = {name: text for name, text in event.texts.items() if text is not None}
        found = _both(event, waiting)._replace(
            names=event.names or waiting.names,
            start=waiting.start if event.start is None else event.start,
            end=waiting.end if event.end is None else event.end,
            cancelled=waiting.cancelled or event.cancelled,
            firm=waiting.firm if waiting.cancelled else event.firm,
            texts={**event.texts, **waiting.texts, **said},
        )
    else:
        found = _both(waiting, event)
    start = found.start if found.start is not None or known is None else known.start
    is_bad = found.end is not None and start is not None and found.end < start
    if is_bad and event.end is None and (known is not None or is_whole(found)):
        return found._replace(end=None if known is None else known.end)
    return found


def told_early(
    waiting: IncidentEvent | None, event: IncidentEvent, latest: float
) -> tuple[IncidentStatus, IncidentEvent | None]:
    """What becomes of an event that opens nothing, and all that waits then; None if nothing changes.

    :param waiting: what waits already.
    :param latest: latest start that it may have, epoch seconds.
    """
    told = event if waiting is None else _both(waiting, event)
    if told.start is not None and told.start > latest:
        return IncidentStatus.QUARANTINED, None
    if told.start is not None and told.end is not None and told.end < told.start:
        return IncidentStatus.END_BEFORE_START, None
    return IncidentStatus.WAITING, told


def take(
    known: Incident | None, early: EarlyIncidents, event: IncidentEvent, latest: float
) -> tuple[IncidentStatus, Incident | IncidentEvent | None]:
    """``after``, where what came before its start waits for it; gives what has to wait as an event.

    Nothing is kept here, and what waits is not taken away.
    """
    waiting = early.get(event.id)
    whole = with_early(known, waiting, event)
    if known is None and not event.source and not is_whole(whole):
        return told_early(waiting, event, latest)
    return after(known, whole, latest)


def _both(first: IncidentEvent, second: IncidentEvent) -> IncidentEvent:
    """What two events say one after the other; what the second does not say stays."""
    return second._replace(
        names=second.names or first.names,
        start=first.start if second.start is None else second.start,
        end=second.end if second.ended else first.end,
        ended=first.ended or second.ended,
        cancelled=first.cancelled if second.cancelled is None else second.cancelled,
        firm=first.firm if second.cancelled is None else second.firm,
        texts={**first.texts, **second.texts},
        reopens=second.reopens or (first.reopens and not second.ended),
    )
