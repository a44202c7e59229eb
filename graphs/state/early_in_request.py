"""Incidents of a request say all that is known of them, so that who reads them alone comes to the same."""

from __future__ import annotations

from feature_sets.telemetry.early_incidents import is_whole, told_early, with_early
from feature_sets.telemetry.incident_events import IncidentEvent, after
from graphs.protocol.records import IncidentRecord
from graphs.protocol.request import Request
from graphs.state.incident_book import IncidentBook


def with_what_waits(request: Request, book: IncidentBook, tolerance: float) -> None:
    """Complete the first event of each incident by what files told, or by what waited for its start.

    The events behind it say the rest. Nothing is taken of what waits.

    :param tolerance: how far ahead of its arrival an incident may start, seconds.
    """
    begun: set[str] = set()
    here: dict[str, IncidentEvent] = {}
    for index, record in enumerate(request.labels):
        if not isinstance(record, IncidentRecord) or record.event.id in begun:
            continue
        event, name = record.event, record.event.id
        known, waiting = book.get(name), here.get(name, book.early.get(name))
        latest = request.arrived(index) + tolerance
        event = with_early(known, waiting, event)
        if known is not None:
            begun.add(name)
            record.event = known.whole(event) if known.source or waiting is not None else event
        elif is_whole(event):
            record.event = event
            if after(None, event, latest)[1] is not None:
                begun.add(name)
        else:
            told = told_early(waiting, event, latest)[1]
            if told is not None:
                here[name] = told
