"""Second step: writes accepted events to the journal before anything else is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from graphs.finish import finish_entry
from graphs.protocol.errors import ApiError
from graphs.protocol.records import IncidentRecord
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind, kinds_of
from graphs.protocol.telemetry_columns import ColumnEvents, columns_of
from graphs.replay import replay_missed, tell
from graphs.request_step import RequestStep, StepsOf, asking
from graphs.rerouting import settle_routing
from graphs.state.entry_id import BEFORE_ALL
from graphs.state.journal import JournalEvent
from graphs.state.serving_state import serving_state
from graphs.state.snapshots.saved_state import SavedState

_JOURNALED = kinds_of("journal") | {Kind.RELOAD, Kind.ATTACH, Kind.DETACH}
"""Kinds of request that make an entry of the journal, whichever step writes it."""


class JournalStep(RequestStep):
    """Gives each request with events its place in the order of all of them.

    What another process of the same function appended in between goes through the steps first.

    :param context: MLRun's graph context.
    :param name: name of the step.
    """

    kinds: ClassVar[frozenset[Kind]] = kinds_of("journal")

    def __init__(self, context: Any, name: str = "journal") -> None:
        self.name = name
        self._context = context
        self._steps = StepsOf(context)
        state = serving_state(context)
        self._journal, self._routing = state.journal, state.routing
        self._if_failed = state.unfinished.note

    def do(self, request: Request) -> Request:
        """Have what waits take effect before this request, then handle it.

        That is an entry that a step failed at, and a change of the routing.
        """
        if not request.replayed and request.entry == BEFORE_ALL:
            try:
                finish_entry(self._context)
            except ApiError as error:
                if request.kind in _JOURNALED:
                    request.fail(error)
                return request
            if self._routing.waiting is not None:
                settle_routing(self._context)
        return super().do(request)

    def handle(self, request: Request) -> None:
        """Write the accepted events, unless they are of an entry of the journal.

        :raises ApiError: 503 if a step lacks what it needs for them; they are not in the journal then.
        """
        if not request.records or request.replayed or request.entry > BEFORE_ALL:
            return
        steps = self._steps.all
        # What an incident leaves out is completed by what is known of it, whichever process was told of it.
        if any(isinstance(record, IncidentRecord) for record in request.labels) and self._journal.look():
            replay_missed(self._context)
        if request.labels:
            tell(self._context, [partial(step.asked, request) for step in asking(steps)])
        for step in steps:
            step.prepare(request)
        if not request.records:
            return
        # Labels and incidents are told apart by themselves.
        kind = Kind.LABELS if request.labels else request.kind
        columns = columns_of(request.telemetry)
        accepted: Sequence[JournalEvent]
        if columns is not None:
            accepted = ColumnEvents(columns.plain)
        else:
            accepted = [record.event for record in request.records]
        request.entry = self._journal.append(kind, request.arrival, accepted, request.sent_events)
        # Not the kind of what the history tells: who counts the entry in the end goes by it.
        request.if_failed = lambda failed, step: self._if_failed(replace(failed, kind=kind), step)
        replay_missed(self._context)

    def saved(self) -> SavedState:
        """What the journal holds."""
        return self._journal.bounds.saved()

    def terminate(self) -> None:
        """End what the journal does beside the requests."""
        self._journal.close()
