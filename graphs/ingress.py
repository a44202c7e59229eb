"""First step: reads the request, finds its route and checks every event, once and for all steps."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from feature_sets.telemetry.events import EventError, EventParser, LabelEvent, TelemetryEvent
from graphs.access import AccessGuard
from graphs.requests import ApiError, Kind, Request, error_object
from graphs.routes import clean_path, find_route
from graphs.serving_state import serving_state
from graphs.static_devices import static_devices

_WITH_BODY = frozenset({Kind.TELEMETRY, Kind.LABELS, Kind.INFER, Kind.ENLIST})
Event = TypeVar("Event", TelemetryEvent, LabelEvent)

_GUARDED = frozenset({Kind.ENLIST, Kind.DISMISS})


class Ingress:
    """Turns an HTTP event into a ``Request``.

    :param context: MLRun's graph context.
    :param name: name of the step.
    :param model_path: model package whose telemetry schema the events have.
    :param devices: what is known of each device: ``store://`` address of the feature set ``devices``, or the
        one-hot features by device key, or None to accept every device.
    :param max_events: longest list in one request.
    :param max_body_bytes: largest body.
    :param token_secret: name of the MLRun secret or variable with the token of the guarded routes; None
        leaves them open.
    """

    def __init__(
        self,
        context: Any,
        name: str = "ingress",
        model_path: str = "",
        devices: str | dict[str, dict[str, float]] | None = None,
        max_events: int = 10_000,
        max_body_bytes: int = 8_000_000,
        token_secret: str | None = None,
    ) -> None:
        self.name = name
        self._state = serving_state(context)
        schema = self._state.package(model_path).schema.telemetry
        self._state.devices = static_devices(devices, self._state.clock)
        self._parser = EventParser(schema, self._state.devices)
        self._guard = AccessGuard.from_secret(context, token_secret)
        self._max_events = max_events
        self._max_body_bytes = max_body_bytes

    def do_event(self, event: Any) -> Any:
        """Read an HTTP event; its body is a ``Request`` from here on."""
        request = Request(
            kind=Kind.UNKNOWN,
            method=str(event.method or "POST").upper(),
            path=clean_path(event.path or ""),
            started=time.perf_counter(),
            arrival=self._state.clock(),
        )
        body, event.body = event.body, request
        try:
            self._read(request, body, event.headers or {})
        except ApiError as error:
            request.fail(error)
        return event

    def _read(self, request: Request, body: Any, headers: dict[str, Any]) -> None:
        request.kind, request.model, request.version = find_route(request.method, request.path)
        if request.kind in _GUARDED:
            self._guard.check(headers)
        if request.kind not in _WITH_BODY:
            return
        request.body = decode(body, self._max_body_bytes)
        if request.kind is Kind.TELEMETRY:
            request.events = self._accepted(request, self._parser.telemetry)
        elif request.kind is Kind.LABELS:
            request.labels = self._accepted(request, self._parser.label)

    def _accepted(self, request: Request, parse: Callable[[Any], Event]) -> list[Event]:
        """Events of the body that keep every rule; the others become errors with their position."""
        request.single = not isinstance(request.body, list)
        bodies: Sequence[Any] = [request.body] if request.single else request.body
        request.sent = len(bodies)
        if len(bodies) > self._max_events:
            raise ApiError(413, "body", f"must hold at most {self._max_events} events", len(bodies))
        accepted: list[Event] = []
        for place, body in enumerate(bodies):
            try:
                accepted.append(parse(body))
            except EventError as error:
                request.errors.append({"position": place, **error_object(error)})
                if request.single:
                    raise ApiError(422, error.field, error.rule, error.got) from error
            else:
                request.places.append(place)
        return accepted


def decode(body: Any, max_bytes: int) -> Any:
    """JSON value of a request body. Bodies that a trigger has decoded already are taken as they are.

    :raises ApiError: 413 if it is too large, 400 if it is absent or not JSON.
    """
    if body is None or body == b"" or body == "":
        raise ApiError(400, "body", "must be JSON", None)
    if not isinstance(body, bytes | str):
        return body
    if len(body) > max_bytes:
        raise ApiError(413, "body", f"must be at most {max_bytes} bytes", len(body))
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        failure = error
    try:
        # NaN and Infinity are no JSON, but many clients write them: read them, so that the check of the
        # event refuses them by the name of their field and the other events of the list are taken.
        return json.loads(body)
    except (ValueError, RecursionError):
        rule = f"must be JSON: {failure.msg} at line {failure.lineno} column {failure.colno}"
        raise ApiError(400, "body", rule, failure.doc[max(failure.pos - 20, 0) : failure.pos + 20]) from None
