"""One HTTP request on its way through the graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from feature_sets.telemetry.events import EventError
from graphs.protocol.errors import ApiError, error_object
from graphs.protocol.event_names import SentEvents
from graphs.protocol.records import (
    IncidentRecord,
    LabeledPair,
    LabelRecord,
    MaintenanceRecord,
    Position,
    TelemetryRecord,
)
from graphs.protocol.routes import Kind
from graphs.protocol.telemetry_columns import columns_of
from graphs.routing.change import RoutingChange

JSON = "application/json"


@dataclass(slots=True)
class Request:
    """Everything the steps learn about one request.

    :param kind: what it asks for.
    :param id: by which answer and log tell of it; empty for one that nobody sent.
    :param method: HTTP method.
    :param path: HTTP path without query.
    :param started: monotonic clock at its start, seconds; 0 for one that nobody sent.
    :param marks: names of the steps that it went through, and the same clock at the end of each.
    :param shared_end: the same clock at the end of the steps that it went through with other requests; their
        times are noted, and its events counted, for all of them at once. 0 where it went alone.
    :param arrival: when it arrived, epoch seconds.
    :param arrivals: when each accepted event arrived, where that is not when the request did.
    :param replayed: whether it comes from the journal and nobody waits for its answer.
    :param model: model name in the path.
    :param version: model version in the path, or empty.
    :param query: what follows the path, by name.
    :param body: decoded JSON of the request.
    :param single: whether the body was one event and not a list.
    :param sent: length of the list that was sent.
    :param telemetry: accepted readings, in the order they were sent; see ``TelemetryColumns``.
    :param labels: accepted labels and incidents, in the order they were sent.
    :param maintenance: accepted changes of the calendar, in the order they were sent.
    :param routing: changes of the routing that take effect here, of an entry of the journal.
    :param errors: error objects of refused events, each with its position.
    :param entry: id of the journal entry that holds the accepted events.
    :param pairs: pairs that this request completed.
    :param mature: pairs of which errors and healthy readings are known alike, which is what scores and
        detectors see; see ``DerivedLedger.take_mature``.
    :param status: HTTP status of the answer.
    :param answer: content of the answer; ``answered`` tells whether it is complete.
    :param content_type: MIME type of the answer.
    :param headers: of the answer, beside its type.
    :param brought: requests that brought the readings, of several or of the journal, see ``sent_events``.
    :param refused: why the state has no room for it; empty if it has.
    :param if_failed: told when a step fails at it, with the name of the step, once it is in the journal and
        other steps may have taken it.
    :param of_other_schema: whether an endpoint of another schema accepted its readings, see ``Entry``.
    :param done: what steps have done of it, which is not done again when they go on after a failure.
    """

    kind: Kind
    id: str = ""
    method: str = ""
    path: str = ""
    started: float = 0.0
    marks: list[tuple[str, float]] = field(default_factory=list)
    shared_end: float = 0.0
    arrival: float = 0.0
    arrivals: list[float] = field(default_factory=list)
    replayed: bool = False
    model: str = ""
    version: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    single: bool = False
    sent: int = 0
    telemetry: Sequence[TelemetryRecord] = field(default_factory=list)
    labels: list[LabelRecord | IncidentRecord] = field(default_factory=list)
    maintenance: list[MaintenanceRecord] = field(default_factory=list)
    routing: list[RoutingChange] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    entry: tuple[int, int] = (0, 0)
    pairs: list[LabeledPair] = field(default_factory=list)
    mature: list[LabeledPair] = field(default_factory=list)
    status: int = 200
    answer: Any = None
    answered: bool = False
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    refused: str = ""
    brought: Sequence[SentEvents] = ()
    if_failed: Callable[[Request, str], None] | None = None
    of_other_schema: bool = False
    done: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Short text for logs; bodies may be large or private."""
        return f"{self.method} {self.path} ({self.kind}, {self.sent} events)"

    def reply(self, answer: Any, status: int = 200, content_type: str = JSON) -> None:
        """Complete the answer; the remaining steps pass the request on."""
        self.answer, self.status, self.content_type, self.answered = answer, status, content_type, True

    def fail(self, error: ApiError) -> None:
        """Complete the answer with an error object."""
        self.headers, self.refused = error.headers, error.reason
        self.reply({"error": error_object(error), **self.named}, error.status)

    @property
    def named(self) -> dict[str, str]:
        """Its id, beside an error object."""
        return {"request_id": self.id} if self.id else {}

    def refuse(self, place: int, error: EventError) -> None:
        """Note an event that breaks a rule.

        :param place: of the event in the list that was sent.
        :raises ApiError: 422 if it was the only one.
        """
        self.errors.append({"position": place, **error_object(error)})
        if self.single:
            raise ApiError(422, error.where, error.rule, error.got) from error

    @property
    def records(self) -> Sequence[TelemetryRecord | LabelRecord | IncidentRecord | MaintenanceRecord]:
        """The accepted readings, labels or changes; a request has one of these."""
        return self.telemetry or self.labels or self.maintenance

    @property
    def sent_events(self) -> Sequence[SentEvents]:
        """The accepted readings by the request that brought them, in their order; none without an id."""
        if self.brought or not self.id or not self.telemetry:
            return self.brought
        if self.single:
            return (SentEvents(self.id),)
        if columns_of(self.telemetry) is not None:  # Of a list that was accepted as a whole.
            self.brought = (SentEvents(self.id, tuple(range(len(self.telemetry)))),)
            return self.brought
        return (SentEvents(self.id, tuple(each.place for each in self.telemetry)),)

    def arrived(self, index: int) -> float:
        """When the accepted event with this index arrived, epoch seconds."""
        return self.arrivals[index] if self.arrivals else self.arrival

    def newest_before(self, tolerance: float) -> float:
        """Event time of the newest reading that is not from the future, epoch seconds; -inf without one.

        :param tolerance: how far a reading may be ahead of its arrival, seconds.
        """
        columns = columns_of(self.telemetry)
        if columns is not None:
            known = columns.seconds[columns.seconds <= self.arrival + tolerance]
            return float(known.max(initial=-math.inf))
        times = (
            record.event.time
            for index, record in enumerate(self.telemetry)
            if record.event.time <= self.arrived(index) + tolerance
        )
        return max(times, default=-math.inf)

    def position(self, index: int) -> Position:
        """Position of the accepted event with this index."""
        return Position(*self.entry, index)
