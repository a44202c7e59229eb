"""Incidents of a tool that say too little to be new: refused before they are journaled."""

from __future__ import annotations

from graphs.protocol.records import IncidentRecord
from graphs.protocol.request import Request
from graphs.state.incident_book import IncidentBook


def refuse_nameless(request: Request, book: IncidentBook) -> None:
    """Refuse incidents of a tool that are not known, and name no devices or no start; the others stay.

    :raises ApiError: 422 if it was the only one.
    """
    opened: set[str] = set()
    kept: list[int] = []
    for index, record in enumerate(request.labels):
        if isinstance(record, IncidentRecord):
            name, error = record.event.id, record.too_little
            if error is not None and name not in opened and book.get(name) is None:
                request.refuse(record.place, error)
                continue
            opened.add(name)
        kept.append(index)
    if len(kept) < len(request.labels):
        request.labels = [request.labels[index] for index in kept]
        request.arrivals = [request.arrivals[index] for index in kept] if request.arrivals else []
        request.errors.sort(key=lambda error: int(error["position"]))
