"""Replay: the events of the journal go through the steps again, so that a restart forgets nothing."""

from __future__ import annotations

from typing import Any

from graphs.protocol.records import MaintenanceRecord, TelemetryRecord, label_record
from graphs.protocol.request import Request
from graphs.request_step import request_steps
from graphs.state.journal import Entry
from graphs.state.serving_state import serving_state


def replay(context: Any) -> int:
    """Send everything in the journal through the steps; nobody waits for the answers.

    Called when all steps have been made and before the first request.

    :param context: MLRun's graph context, whose root is the graph.
    :returns: number of events.
    """
    count = 0
    journal, steps = serving_state(context).journal, request_steps(context.root)
    for step in steps:
        step.before_replay(journal)
    for entry in journal.entries():
        replay_entry(context, entry)
        count += entry.size
    for step in steps:
        step.after_replay()
    return count


def replay_entry(context: Any, entry: Entry) -> None:
    """Send the events of one entry through the steps.

    :param context: MLRun's graph context, whose root is the graph.
    :raises ApiError: 503 if a step lacks what it needs for them; no step has handled them then.
    """
    clock = serving_state(context).arrivals
    if clock is not None:
        clock.advance([entry.arrival])
    request = Request(
        kind=entry.kind,
        path="(journal)",
        arrival=entry.arrival,
        replayed=True,
        sent=entry.size,
        telemetry=[TelemetryRecord(reading, place) for place, reading in enumerate(entry.events)],
        labels=[label_record(label, place) for place, label in enumerate(entry.labels)],
        maintenance=[MaintenanceRecord(change, place) for place, change in enumerate(entry.maintenance)],
        entry=entry.id,
    )
    steps = request_steps(context.root)
    for step in steps:
        step.prepare(request)
    for step in steps:
        step.do(request)
