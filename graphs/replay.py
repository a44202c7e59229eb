"""What the journal has, or the history tells, goes through the steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from feature_sets.telemetry.events import LabelEvent
from feature_sets.telemetry.incident_events import IncidentEvent
from feature_sets.telemetry.maintenance_event import MaintenanceEvent
from graphs.model_router import ModelRouter
from graphs.protocol.records import MaintenanceRecord, TelemetryRecord, label_record
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from graphs.request_counts import count_journaled
from graphs.request_step import RequestStep, steps_of
from graphs.routing.change import RoutingChange
from graphs.state.journal import Entry, JournalEvent
from graphs.state.serving_state import serving_state

IfFailed = Callable[[Request, str], None]

_CHUNK = 1000
"""Events in an entry of what the history says, at most."""


def tell_history(context: Any) -> dict[str, int]:
    """Journal what the history says and the steps do not know yet, and send it through them.

    So a replay has it where it was told, whatever the history says by then. What is as it was is not
    journaled again.

    :param context: MLRun's graph context, whose root is the graph.
    :returns: how many incidents or labels, and how many changes of the calendar of maintenance.
    :raises ApiError: 503 if the history cannot be read, or the journal takes nothing.
    """
    # What another process was told, and the history has no more, is known by that process alone else.
    if serving_state(context).journal.look():
        replay_missed(context)
    return tell(context, [step.untold for step in steps_of(context)])


def tell(
    context: Any, sources: Iterable[Callable[[], Iterable[tuple[Kind, Sequence[JournalEvent]]]]]
) -> dict[str, int]:
    """The same of what each source gives, when the steps know what another process was sent by now.

    Else the history would take the place of what was sent since.
    """
    state = serving_state(context)
    arrival = state.arrivals.now if state.arrivals is not None else state.clock()
    counts: dict[str, int] = dict.fromkeys(("incidents", "maintenance"), 0)
    for source in sources:
        found = list(source())
        if any(events for _, events in found) and state.journal.look():
            replay_missed(context)
            found = list(source())
        for kind, events in found:
            for first in range(0, len(events), _CHUNK):
                entry = append_and_handle(context, kind, arrival, events[first : first + _CHUNK])
                counts["incidents"] += len(entry.labels)
                counts["maintenance"] += len(entry.maintenance)
    return counts


def replay_missed(context: Any) -> None:
    """Send what others appended before the last entry of ours through the steps.

    :param context: MLRun's graph context, whose root is the graph.
    """
    state = serving_state(context)
    for entry in state.journal.missed():
        if not state.unfinished.has_taken(entry.id):
            replay_entry(context, entry, state.unfinished.note)


def append_and_handle(context: Any, kind: Kind, arrival: float, events: Sequence[JournalEvent]) -> Entry:
    """Journal what no request has sent, and send it through the steps, after what others appended before it.

    :param context: MLRun's graph context, whose root is the graph.
    :raises ApiError: 503 if the journal takes nothing.
    """
    place = serving_state(context).journal.append(kind, arrival, list(events))
    replay_missed(context)
    entry = Entry(
        place,
        kind,
        arrival,
        labels=[event for event in events if isinstance(event, LabelEvent | IncidentEvent)],
        maintenance=[event for event in events if isinstance(event, MaintenanceEvent)],
        routing=[event for event in events if isinstance(event, RoutingChange)],
    )
    replay_entry(context, entry, serving_state(context).unfinished.note, replayed=False)
    return entry


def replay_entry(context: Any, entry: Entry, if_failed: IfFailed, replayed: bool = True) -> None:
    """Send the events of one entry through the steps.

    :param context: MLRun's graph context, whose root is the graph.
    :param if_failed: see ``Request``.
    :param replayed: whether they were sent through them before.
    :raises ApiError: 503 if a step lacks what it needs for them; no step has handled them then.
    """
    request = replay_to(steps_of(context), context, entry, if_failed, replayed)
    count_journaled(serving_state(context).metrics, request)


def replay_to(
    steps: Sequence[RequestStep],
    context: Any,
    entry: Entry,
    if_failed: IfFailed,
    replayed: bool = True,
) -> Request:
    """Send the events of one entry through some steps; nothing is counted here."""
    clock, unfinished = serving_state(context).arrivals, serving_state(context).unfinished
    if clock is not None:
        clock.advance([entry.arrival])
    request = Request(
        kind=entry.kind,
        path="(journal)",
        arrival=entry.arrival,
        replayed=replayed,
        sent=entry.size,
        telemetry=[TelemetryRecord(reading, place) for place, reading in enumerate(entry.events)],
        labels=[label_record(label, place) for place, label in enumerate(entry.labels)],
        maintenance=[MaintenanceRecord(change, place) for place, change in enumerate(entry.maintenance)],
        routing=entry.routing,
        brought=entry.sent,
        entry=entry.id,
        of_other_schema=entry.of_other_schema,
    )
    for step in steps:
        if step.is_for(request):
            step.prepare(request)
    request.if_failed = if_failed
    for step in steps:
        # What the model gave up was answered without a prediction, and stays so.
        if not (isinstance(step, ModelRouter) and unfinished.is_given_up(entry.id, step.name)):
            step.do(request)
    return request
