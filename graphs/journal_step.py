"""Second step: writes accepted events to the journal; after a restart it replays them through the others."""

from __future__ import annotations

from typing import Any, ClassVar

from graphs.journal import Entry, RedisJournal
from graphs.request_step import RequestStep
from graphs.requests import Kind, Request
from graphs.serving_state import serving_state


class JournalStep(RequestStep):
    """Gives each request with events its place in the order of all of them.

    :param context: MLRun's graph context.
    :param name: name of the step.
    :param model_path: model package whose telemetry schema the events have.
    :param redis_url: where the journal is; None keeps none, and a restart starts empty.
    :param key: prefix of the keys.
    :param max_events: events kept at least.
    :param replay_steps: steps that take in what another process has appended, in order.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.TELEMETRY, Kind.LABELS})

    def __init__(
        self,
        context: Any,
        name: str = "journal",
        model_path: str = "",
        redis_url: str | None = None,
        key: str = "netops",
        max_events: int = 100_000,
        replay_steps: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self._context = context
        self._replay_steps = tuple(replay_steps)
        state = serving_state(context)
        if redis_url:
            metrics = state.package(model_path).schema.telemetry.metric_names
            state.journal = RedisJournal(redis_url, key, metrics, max_events)
        self._journal = state.journal

    def handle(self, request: Request) -> None:
        """Write the accepted events before anything else is done with them."""
        accepted = request.events or request.labels
        if accepted:
            request.entry = self._journal.append(request.kind, request.arrival, accepted)
            for entry in self._journal.missed():
                replay_entry(self._context, self._replay_steps, entry)


def replay(context: Any, steps: tuple[str, ...]) -> int:
    """Send everything in the journal through the steps again; nobody waits for the answers.

    Called when all steps have been made and before the first request.

    :param context: MLRun's graph context, whose root is the graph.
    :param steps: names of the steps, in order.
    :returns: number of events.
    """
    count = 0
    for entry in serving_state(context).journal.entries():
        replay_entry(context, steps, entry)
        count += len(entry.events) + len(entry.labels)
    return count


def replay_entry(context: Any, steps: tuple[str, ...], entry: Entry) -> None:
    """Send the events of one entry through the steps; nobody waits for the answers."""
    event = _ReplayedEvent(
        Request(
            kind=entry.kind,
            path="(journal)",
            arrival=entry.arrival,
            replayed=True,
            events=entry.events,
            labels=entry.labels,
            sent=len(entry.events) + len(entry.labels),
            entry=entry.id,
        )
    )
    for step in steps:
        context.root[step].run(event)


class _ReplayedEvent:
    """What MLRun's steps need of an HTTP event."""

    def __init__(self, body: Request) -> None:
        self.body = body
        self.id = self.path = self.method = ""
        self.error: Any = None
