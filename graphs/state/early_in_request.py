"""Incidents of a request say all that is known of them, so that who reads them alone comes to the same."""

from __future__ import annotations

from feature_sets.telemetry.early_incidents import is_whole, told_early, with_early
from feature_sets.telemetry.incident_events import Incident, IncidentEvent, after, decided
from graphs.protocol.records import IncidentRecord
from graphs.protocol.request import Request
from graphs.state.incident_book import IncidentBook


def with_what_waits(request: Request, book: IncidentBook, tolerance: float) -> None:
    """Complete the first event of each incident by what files told, or by what waited for its start.

    The events behind it say the rest, and each whether a cancellation stays, see ``decided``. Nothing is
    taken of what waits.

    :param tolerance: how far ahead of its arrival an incident may start, seconds.
    """
    begun: set[str] = set()
    here: dict[str, IncidentEvent] = {}
    now: dict[str, Incident] = {}
    for index, record in enumerate(request.labels):
        if not isinstance(record, IncidentRecord):
            continue
        event, name = record.event, record.event.id
        known, waiting = now.get(name) or book.get(name), here.get(name, book.early.get(name))
        latest = request.arrived(index) + tolerance
        if name not in begun:
            event = with_early(known, waiting, event)
            if known is not None:
                begun.add(name)
                event = known.whole(event) if known.source or waiting is not None else event
            elif not is_whole(event):
                told = told_early(waiting, event, latest)[1]
                if told is not None:
                    here[name] = told
                continue
        found = after(known, event, latest)[1]
        record.event = decided(known, event, found)
        if found is not None:
            begun.add(name)
            now[name] = found
