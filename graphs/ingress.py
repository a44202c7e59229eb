"""First step: makes a checked request of an HTTP event, for all steps after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from feature_sets.telemetry.events import (
    KNOWN_DEVICE,
    EventError,
    EventParser,
    LabelEvent,
    TelemetryEvent,
)
from feature_sets.telemetry.incident_events import IncidentEvent
from feature_sets.telemetry.incident_parser import IncidentParser
from feature_sets.telemetry.maintenance_event import MaintenanceParser
from feature_sets.telemetry.plain_events import PlainColumns, PlainEvents
from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.access import AccessGuard, header
from graphs.protocol.content_coding import CONTENT_ENCODING, decompressed
from graphs.protocol.device_status import REJECT, DeviceStatus
from graphs.protocol.errors import ApiError
from graphs.protocol.event_hints import EventHints
from graphs.protocol.function_secrets import given_secret, role_secret
from graphs.protocol.json_body import decode
from graphs.protocol.rate_limit import RateLimit
from graphs.protocol.records import (
    IncidentRecord,
    LabelRecord,
    MaintenanceRecord,
    TelemetryRecord,
    label_record,
)
from graphs.protocol.request import Request
from graphs.protocol.request_id import given_id, made_id
from graphs.protocol.roles import Role, anonymous_role
from graphs.protocol.routes import Kind, clean_path, find_route
from graphs.protocol.telemetry_columns import TelemetryColumns
from graphs.protocol.watched_tokens import Tokens, WatchedTokens
from graphs.state.arrival_clock import ArrivalClock
from graphs.state.serving_state import serving_state

_TOOLS = "the JSON of an incident tool is taken at /incidents, with incident_mapping in the schema"

_EVENTS = frozenset((Kind.TELEMETRY, Kind.LABELS, Kind.INCIDENTS, Kind.MAINTENANCE))

Event = TypeVar("Event", TelemetryEvent, LabelEvent | IncidentEvent)
Record = TypeVar("Record", TelemetryRecord, LabelRecord | IncidentRecord)


class Ingress:
    """Turns an HTTP event into a ``Request``.

    :param context: MLRun's graph context.
    :param name: name of the step.
    """

    def __init__(self, context: Any, name: str = "ingress") -> None:
        self.name = name
        state = serving_state(context)
        self._clock = state.clock
        self._arrivals = state.arrivals
        self._one_arrival = bool(state.settings.redis_url)
        self._devices = state.devices
        self._policy = state.settings.unknown_devices
        self._unregistered = state.metrics.unregistered
        known = state.devices if self._policy == REJECT else None
        self._parser = EventParser(state.schema, known, whole_keys=state.devices is not None)
        self._columns = PlainEvents(state.schema, self._parser)
        self._calendar, self._maintenance = state.calendar, MaintenanceParser(state.schema)
        self._form = state.schema.labels.form
        # An incident is of the devices that it names whenever they are registered, as one of a file is.
        of_any = EventParser(state.schema, None, whole_keys=state.devices is not None)
        self._incidents = IncidentParser(state.schema, of_any) if state.schema.labels.has_incidents else None
        devices = state.devices
        self._hints = EventHints(state.schema, lambda: () if devices is None else devices.known)
        self._guard = _guard(context)
        self._rate = RateLimit(state.settings.requests_per_second)
        self._max_events = state.settings.max_events
        self._max_body_bytes = state.settings.max_body_bytes

    def do_event(self, event: Any) -> Any:
        """Read an HTTP event; its body is a ``Request`` from here on, if it is none yet."""
        if isinstance(event.body, Request):
            return event
        request, body = self._begun(event)
        try:
            self._read_head(request, body, event.headers or {})
            self._read_content(request)
        except ApiError as error:
            request.fail(error)
        request.marks.append((self.name, time.perf_counter()))
        return event

    def do_events(self, events: Sequence[Any]) -> list[Exception | None]:
        """The same of events that have arrived together, in their order; the failure of each that failed.

        Readings that were sent alone are looked at as those of a list.
        """
        failures: list[Exception | None] = [None] * len(events)
        alone: list[int] = []
        for place, event in enumerate(events):
            try:
                request, body = self._begun(event)
                try:
                    self._read_head(request, body, event.headers or {})
                    if (
                        request.kind is Kind.TELEMETRY
                        and self._arrivals is None
                        and type(request.body) is dict
                        and len(events) > 1
                    ):
                        alone.append(place)
                        continue
                    self._read_content(request)
                except ApiError as error:
                    request.fail(error)
                request.marks.append((self.name, time.perf_counter()))
            except Exception as error:
                failures[place] = error
        if alone:
            self._read_alone([events[place].body for place in alone], alone, failures)
        return failures

    def _read_alone(
        self, requests: Sequence[Request], places: Sequence[int], failures: list[Exception | None]
    ) -> None:
        """Read requests of one reading each.

        :param places: of each in the failures.
        """
        bodies = [request.body for request in requests]
        try:
            plain = self._columns.columns(bodies)
            status = None if plain is None else self._status_of_all(plain)
            read: list[TelemetryEvent | None] = []
            if status is None:
                read = self._columns.read_mixed(bodies) if plain is None else [*plain.events()]
        except Exception:  # The failure of one is none of the others: each is read by itself.
            plain, status, read = None, None, [None] * len(bodies)
        if plain is not None and status is not None:
            for request, columns in zip(requests, TelemetryColumns.apart(plain, status), strict=True):
                request.single, request.sent, request.telemetry = True, 1, columns
        else:
            for place, request, event in zip(places, requests, read, strict=True):
                try:
                    request.telemetry = self._accepted(
                        request, self._parser.telemetry, TelemetryRecord, [event]
                    )
                except ApiError as error:
                    request.fail(error)
                except Exception as error:
                    failures[place] = error
        end = time.perf_counter()
        for request in requests:
            request.marks.append((self.name, end))

    def _begun(self, event: Any) -> tuple[Request, Any]:
        """The request of an HTTP event, which is its body from now on, and what that was."""
        request = Request(
            kind=Kind.UNKNOWN,
            id=str(getattr(event, "id", "") or made_id()),
            method=str(event.method or "POST").upper(),
            path=clean_path(event.path or ""),
            query=_query_of(event),
            started=time.perf_counter(),
            arrival=self._arrivals.now if self._arrivals else self._clock(),
        )
        body, event.body = event.body, request
        return request, body

    def _read_head(self, request: Request, body: Any, headers: dict[str, Any]) -> None:
        """Read all but what a body means."""
        request.id = given_id(headers) or request.id
        route, request.model, request.version = find_route(request.method, request.path)
        request.kind = route.kind
        caller = self._guard.check(route.role, headers)
        if route.role is not None:  # A probe is never one too many.
            self._rate.take(caller)
        if route.has_body:
            is_of_events = route.kind in _EVENTS
            request.body = decode(self._plain(body, headers), self._max_body_bytes, is_of_events)

    def _read_content(self, request: Request) -> None:
        """Read what a body means."""
        if request.kind is Kind.TELEMETRY:
            bodies = self._bodies(request)
            by_clock = self._arrivals is None and not request.single
            plain = self._columns.columns(bodies) if by_clock else None
            if plain is not None and (status := self._status_of_all(plain)) is not None:
                request.telemetry = TelemetryColumns(plain, status)
                return
            read: Sequence[TelemetryEvent | None] = ()
            if by_clock:
                read = self._columns.read_mixed(bodies) if plain is None else plain.events()
            request.telemetry = self._accepted(request, self._parser.telemetry, TelemetryRecord, read)
        elif request.kind in (Kind.LABELS, Kind.INCIDENTS):
            is_incident = request.kind is Kind.INCIDENTS
            parse = self._incident(request) if is_incident else self._label
            request.labels = self._accepted(
                request, parse, lambda event, place, _: label_record(event, place)
            )
            if self._incidents is not None and parse == self._incidents.mapped:
                _note_mapping(request, self._incidents)
        elif request.kind is Kind.MAINTENANCE:
            request.maintenance = self._changes(request)

    def _plain(self, body: Any, headers: Mapping[str, Any]) -> Any:
        """A body as it was before it was compressed; a trigger may have done that already."""
        if not isinstance(body, bytes):
            return body
        return decompressed(body, str(header(headers, CONTENT_ENCODING)), self._max_body_bytes)

    def _label(self, body: Any) -> LabelEvent | IncidentEvent:
        """A label or, by its fields, an incident."""
        if self._incidents is not None and self._incidents.is_one(body):
            return self._incidents.incident(body)
        try:
            return self._parser.label(body)
        except EventError as error:
            if isinstance(body, Mapping) and self._is_of_tool(body):
                raise EventError(error.where, f"{error.rule}; {_TOOLS}", error.got) from None
            raise

    def _is_of_tool(self, body: Mapping[str, Any]) -> bool:
        """Whether a body may be of an incident tool, such as the webhook of Alertmanager."""
        return "alerts" in body or (self._incidents is not None and self._incidents.bodies(body) is not None)

    def _incident(self, request: Request) -> Callable[[Any], IncidentEvent]:
        """What reads the incidents of a request; those of the tool of the schema are made a list.

        :raises ApiError: 422 if the schema has its labels in another form.
        """
        if self._incidents is None:
            raise ApiError(422, "labels.form", "must be incidents in the schema to take one", self._form)
        body = request.body
        found = [self._incidents.bodies(one) for one in (body if isinstance(body, list) else [body])]
        if not found or any(one is None for one in found):
            return self._incidents.incident_or_hint
        bodies = [incident for one in found for incident in one or ()]
        request.body = bodies if isinstance(body, list) or len(bodies) != 1 else bodies[0]
        return self._incidents.mapped

    def _accepted(
        self,
        request: Request,
        parse: Callable[[Any], Event],
        record: Callable[[Event, int, DeviceStatus], Record],
        plain: Sequence[Event | None] = (),
    ) -> list[Record]:
        """Events of the body that keep every rule; the others become errors with their position.

        :param plain: of each body, or of none: the event, if it was read already.
        """
        accepted: list[Record] = []
        arrivals: list[float] = []
        for place, body in enumerate(self._bodies(request)):
            try:
                read = plain[place] if plain else None
                event = parse(body) if read is None else read
                device = self._device_status(event)
                if self._arrivals is not None:
                    arrivals.append(self._arrivals.arrival(body, event))
                accepted.append(record(event, place, device))
            except EventError as error:
                if error.rule == KNOWN_DEVICE:
                    self._unregistered.labels(DeviceStatus.UNKNOWN.value, REJECT).inc()
                explain = self._hints.telemetry if request.kind is Kind.TELEMETRY else self._hints.key
                request.refuse(place, self._parser.as_sent(explain(error, body), body))
        if self._arrivals is not None:
            self._follow(self._arrivals, request, arrivals)
        return accepted

    def _bodies(self, request: Request) -> Sequence[Any]:
        """The entries of a list, or the one that was sent."""
        request.single = not isinstance(request.body, list)
        bodies: Sequence[Any] = [request.body] if request.single else request.body
        request.sent = len(bodies)
        if len(bodies) > self._max_events:
            raise ApiError(413, "body", f"must hold at most {self._max_events} events", len(bodies))
        return bodies

    def _changes(self, request: Request) -> list[MaintenanceRecord]:
        """Changes of the calendar that keep every rule; each sees those before it."""
        known = dict(self._calendar.entries) if self._calendar is not None else {}
        cancelled = self._calendar.cancelled if self._calendar is not None else set()
        accepted: list[MaintenanceRecord] = []
        for place, body in enumerate(self._bodies(request)):
            try:
                event = self._maintenance.change(body, known, request.arrival, cancelled)
            except EventError as error:
                request.refuse(place, error)
                continue
            accepted.append(MaintenanceRecord(event, place))
            if event.entry is None:
                known.pop(event.id, None)
                cancelled.add(event.id)
            else:
                known[event.id] = event.entry
        return accepted

    def _follow(self, clock: ArrivalClock, request: Request, arrivals: list[float]) -> None:
        """Set the clock by the events of a request."""
        if self._one_arrival and len(set(arrivals)) > 1:
            rule = "must hold events of one arrival: the journal keeps one for each request"
            raise ApiError(422, "body", rule, f"{len(set(arrivals))} of them")
        request.arrivals = clock.advance(arrivals)
        request.arrival = clock.now

    def _status_of_all(self, plain: PlainColumns) -> DeviceStatus | None:
        """Status of the devices of a list; None if it has to be looked at for each."""
        if self._devices is None:
            return DeviceStatus.UNKNOWN
        return DeviceStatus.KNOWN if self._devices.are_in_service(plain.devices) else None

    def _device_status(self, event: TelemetryEvent | LabelEvent | IncidentEvent) -> DeviceStatus:
        """Status of the device of an event.

        :raises EventError: if it is not in service, and the policy is to reject it.
        """
        if self._devices is None or isinstance(event, IncidentEvent) or not event.device:
            return DeviceStatus.UNKNOWN  # Or it is that of the event that a label names.
        status = self._devices.status(event.device, event.time)
        if status is not DeviceStatus.KNOWN:
            self._unregistered.labels(status.value, self._policy).inc()
            if self._policy == REJECT:
                raise EventError(DEVICE, "must be a device that is not retired", event.device)
        return status


def _query_of(event: Any) -> dict[str, str]:
    """Query of an HTTP event: Nuclio has it as fields, others behind the path; the last of a name counts."""
    behind = str(event.path or "").partition("?")[2]
    fields = getattr(event, "fields", None) or {}
    if not fields and not behind:
        return {}
    return {**{str(name): str(value) for name, value in fields.items()}, **dict(parse_qsl(behind))}


def _note_mapping(request: Request, parser: IncidentParser) -> None:
    """Note what the mapping of a tool finds nothing for."""
    bodies = [request.body] if request.single else request.body
    for record in request.labels:
        if isinstance(record, IncidentRecord):
            record.nothing_at = parser.nothing_at(bodies[record.place])
            record.too_little = parser.too_little(record.event, record.nothing_at)


def _guard(context: Any) -> AccessGuard:
    """Who may do what, by the tokens of now; that some of them are others is in the log."""
    state = serving_state(context)
    anonymous, secret = anonymous_role(state.settings.anonymous), state.settings.token_secret
    if secret is None:
        return AccessGuard(state.tokens, anonymous)

    def tell(sentence: str, is_wrong: bool) -> None:
        (context.logger.error if is_wrong else context.logger.info)(sentence)

    roles = [role for role in Role if not given_secret(context, role_secret(secret, role))]
    watched = WatchedTokens(secret, state.tokens, roles, tell)

    def changed() -> Tokens | None:
        found = watched.changed()
        if found is not None:
            state.tokens.update(found)  # Callbacks are given one, too.
        return found

    return AccessGuard(state.tokens, anonymous, changed)
