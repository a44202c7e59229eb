"""Requests that have arrived together go through journal, windows and model as one list.

A host that finds several requests at hand has them answered by ``Together``; nobody waits for more. Each of
them keeps its own answer and its own errors. Nuclio hands its worker one request at a time, and nothing is
different there.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from graphs.protocol.errors import ApiError, error_object
from graphs.protocol.records import LabelRecord, TelemetryRecord
from graphs.protocol.request import JSON, Request
from graphs.protocol.request_id import REQUEST_ID
from graphs.protocol.routes import Kind, clean_path, find_route
from graphs.protocol.telemetry_columns import TelemetryColumns, columns_of
from graphs.request_step import RequestStep, StepsOf
from graphs.state.serving_state import serving_state

MOST_EVENTS = 512
"""Events that go through the steps together, at most: whoever comes next waits for them."""

_PATHS = frozenset(("/telemetry", "/labels"))
_KINDS = {path: find_route("POST", path).route.kind.value for path in (*_PATHS, "/incidents")}
_INFER = Kind.INFER.value
_URGENT = frozenset(("/v2/health/live", "/v2/health/ready", "/metrics"))
_RETRY = "1"
"""Seconds after which what was refused may be sent again."""
ATTRIBUTE = "netops_together"
"""Of MLRun's graph server; its host looks there."""

Alone = Callable[[Any], Any]
Tell = Callable[[int, Any], None]


class Together:
    """Answers requests of one graph that have arrived by now, in their order.

    What comes out is what they give one by one: windows and ledger do not depend on how events come in lists,
    and a model answers each row by itself. They share an entry of the journal, and with it an arrival.
    With features of other devices and no arrival in the schema they are answered one by one, as a list is in
    event order there.

    :param context: MLRun's graph context; its root is the graph when the first request comes.
    """

    def __init__(self, context: Any) -> None:
        self._context = context
        state = serving_state(context)
        self._metrics = state.metrics
        # Else what a row sees of other devices depends on what has arrived together with it.
        self._is_one_by_one = bool(state.schema.group_features) and state.schema.arrival is None
        self._most, self._most_bytes = state.settings.max_waiting, state.settings.max_waiting_bytes
        self._steps = StepsOf(context)
        self._objects: dict[str, Any] = {}
        self._full: tuple[tuple[int, int], bytes] = (-1, -1), b""

    def __call__(self, events: Sequence[Any], graph: Alone, tell: Tell) -> None:
        """Answer events; where one could not even be told of a failure, its answer is the error.

        What only has to be done some time, such as counting, is done when an answer was told.

        :param events: as Nuclio has them, in order of arrival.
        :param graph: answers one event.
        :param tell: called with the place of each event and its HTTP response, once, and soon.
        """
        group: list[int] = []
        size = 0

        def alone(event: Any) -> Any:
            try:
                return graph(event)
            except Exception as error:  # Others of the turn have their answers.
                return error

        def finish() -> None:
            nonlocal size
            if group:
                self._answer(events, group, tell)
            group.clear()
            size = 0

        most = 1 if self._is_one_by_one else MOST_EVENTS
        for place, request in enumerate(self._requests(events)):
            event = events[place]
            if isinstance(request, Exception):
                tell(place, self._failed(event, request))
                continue
            if request is None:
                finish()
                tell(place, alone(event))
                continue
            if request.answered:  # Nobody's turn depends on it.
                self._respond(place, event, None, tell)
                continue
            count = len(request.records)
            if not count:
                tell(place, alone(event))
                continue
            if group and (size + count > most or request.kind is not events[group[0]].body.kind):
                finish()
            group.append(place)
            size += count
        finish()

    def refusal(
        self, method: str, path: str, waiting: int, size: int, named: Callable[[], str]
    ) -> Any | None:
        """The response to a request that there is no room for; None if there is.

        Only what brings data is refused: an operator sees and does what he needs.

        :param waiting: requests that wait for their turn.
        :param size: of their bodies in bytes.
        :param named: gives the id of the request.
        """
        if (waiting < self._most and size < self._most_bytes) or method != "POST":
            return None
        path = clean_path(path)
        if path not in _KINDS and not path.startswith("/v2/"):
            return None
        self._metrics.refused.labels("waiting").inc()
        self._metrics.requests.labels(_KINDS.get(path, _INFER), 429).inc()
        if self._full[0] != (waiting, size):  # Many are refused while the same wait.
            rule = f"must be sent again later: {waiting} requests of {size} bytes in all wait for their turn"
            self._full = (waiting, size), orjson.dumps(error_object(ApiError(429, "requests", rule)))
        name = named()
        return self._context.Response(
            headers={"Retry-After": _RETRY, REQUEST_ID: name},
            body=b'{"error":%b,"request_id":"%b"}' % (self._full[1], name.encode()),  # No name needs quoting.
            content_type=JSON,
            status_code=429,
        )

    def is_urgent(self, method: str, path: str) -> bool:
        """Whether a request is answered before data that waits: who asks decides by it what to do about that.

        It changes nothing, so that its place among the others makes no difference.
        """
        return method in ("GET", "HEAD") and clean_path(path) in _URGENT

    def _requests(self, events: Sequence[Any]) -> Iterator[Request | Exception | None]:
        """The request of each event with readings or labels, checked, or its failure; None for any other.

        Those behind any other one are read when that is answered: it may change what they may say.
        """
        begin = 0
        for place, event in enumerate(events):
            if str(event.method or "POST").upper() == "POST" and clean_path(event.path or "") in _PATHS:
                continue
            yield from self._read(events[begin:place])
            yield None
            begin = place + 1
        yield from self._read(events[begin:])

    def _read(self, events: Sequence[Any]) -> Iterator[Request | Exception | None]:
        """The same of events that all have readings or labels."""
        failures = self._object("ingress").do_events(events)
        for event, failure in zip(events, failures, strict=True):
            request: Request = event.body
            if failure is not None:  # The error handler answers it.
                yield failure
            elif request.kind is Kind.LABELS and not all(
                isinstance(each, LabelRecord) for each in request.labels
            ):
                yield None  # What is said of an incident is completed by what was said before it.
            else:
                yield request

    def _answer(self, events: Sequence[Any], group: list[int], tell: Tell) -> None:
        """Answer requests of one kind with records."""
        requests: list[Request] = [events[place].body for place in group]
        merged = requests[0] if len(requests) == 1 else self._merged(requests)
        failure: Exception | None = None
        try:
            if len(requests) > 1:
                for step in self._steps.all:
                    step.prepare(merged)
        except Exception:  # It may be of one of them alone, and nothing is journaled yet.
            for place in group:
                self._answer(events, [place], tell)
            return
        rest: Sequence[RequestStep] = ()
        try:
            for place, step in enumerate(self._steps.all):
                if len(requests) == 1 and step.follows_answer(merged):
                    rest = self._steps.all[place:]
                    break
                step.do(merged)
            if len(requests) > 1:
                self._object("respond").note_shared(merged, len(requests))
        except Exception as error:  # The error handler answers each of them.
            failure = error
        if rest:
            self._respond_before(rest, group[0], events[group[0]], tell)
            self._note_entry(len(merged.records))
            return
        begin, columns = 0, None
        if len(requests) > 1 and isinstance(merged.telemetry, TelemetryColumns):
            columns = merged.telemetry
        for place, request in zip(group, requests, strict=True):
            if request is not merged:
                request.entry = merged.entry
                if merged.marks:
                    request.marks.append(merged.marks[0])
                    request.shared_end = merged.marks[-1][1]
                if columns is not None:
                    columns.give(request.telemetry, begin)
                    begin += len(request.telemetry)
                if merged.answered:
                    request.headers, request.refused = merged.headers, merged.refused
                    request.reply({**merged.answer, **request.named}, merged.status, merged.content_type)
            self._respond(place, events[place], failure, tell)
        if failure is None:
            self._note_entry(len(merged.records))

    @staticmethod
    def _merged(requests: Sequence[Request]) -> Request:
        """One request of the readings or labels of several; lists that are columns stay columns."""
        columns = [each for request in requests if (each := columns_of(request.telemetry)) is not None]
        telemetry: Sequence[TelemetryRecord]
        if len(columns) == len(requests) and len({each.device_status for each in columns}) == 1:
            telemetry = TelemetryColumns.joined(columns)
        else:
            telemetry = [record for request in requests for record in request.telemetry]
        return Request(
            kind=requests[0].kind,
            method="POST",
            path=requests[0].path,
            started=requests[0].started,
            arrival=max(request.arrival for request in requests),
            sent=sum(request.sent for request in requests),
            telemetry=telemetry,
            labels=[record for request in requests for record in request.labels],
            brought=[sent for request in requests for sent in request.sent_events],
            errors=[error for request in requests for error in request.errors],
        )

    def _note_entry(self, events: int) -> None:
        """Have a snapshot taken if one is due, when all requests of an entry are counted."""
        try:
            self._object("respond").note_entry(events)
        except Exception as error:  # They are answered.
            self._log(error)

    def _respond(self, place: int, event: Any, failure: Exception | None, tell: Tell) -> None:
        """Tell the response to a request that the steps have handled, or failed to; then count it."""
        request, respond = event.body, self._object("respond")
        if failure is None:
            try:
                respond.answer(event)
            except Exception as error:
                failure = error
        if failure is not None:
            tell(place, self._failed(event, failure))
            return
        tell(place, event.body)
        self._note(request)

    def _respond_before(self, rest: Sequence[RequestStep], place: int, event: Any, tell: Tell) -> None:
        """Tell the response to a request, and have the steps take it that its answer does not depend on.

        A step that fails at it is given it again before anything else is journaled, as after a start.
        """
        request: Request = event.body
        respond, failure = self._object("respond"), None
        try:
            respond.answer(event, is_counted=False)
        except Exception as error:
            failure = error
        tell(place, event.body if failure is None else self._failed(event, failure))
        told = request.answer, request.status, request.content_type, request.headers, request.refused
        request.marks.append((respond.name, time.perf_counter()))
        request.answered = False  # For the steps it is not.
        count = respond.count_refused  # What is accepted counts when all steps have taken it.
        try:
            for step in rest:
                step.do(request)
            count = count if request.answered else respond.count
        except Exception as error:  # It is told.
            self._log(error)
        try:
            count(request)
        except Exception as error:
            self._log(error)
        request.answered = True
        request.answer, request.status, request.content_type, request.headers, request.refused = told
        if failure is None:  # Else the error handler has counted it.
            self._note(request)

    def _note(self, request: Request) -> None:
        """Count a request that is answered."""
        try:
            self._object("respond").note_answer(request)
        except Exception as error:
            self._log(error)

    def _failed(self, event: Any, error: Exception) -> Any:
        try:
            self._log(error)
            return self._object("error_handler").do_event(event)
        except Exception as another:
            return another

    def _log(self, error: Exception) -> None:
        self._context.logger.error("".join(traceback.format_exception(error)))

    def _object(self, step: str) -> Any:
        if step not in self._objects:
            self._objects[step] = self._context.root.steps[step].async_object
        return self._objects[step]
