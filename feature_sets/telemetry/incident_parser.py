"""Incidents that are sent live, in the form of a schema or of a tool, checked at the edge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from feature_sets.checks import InputError
from feature_sets.telemetry.arrow_files import NULL_WORDS
from feature_sets.telemetry.cell_text import id_text, truth_of
from feature_sets.telemetry.device_part import may_be_part
from feature_sets.telemetry.event_time import TimeRules, seconds_of
from feature_sets.telemetry.events import KEY_LIMIT, EventError, EventParser, text_of
from feature_sets.telemetry.incident_events import IncidentEvent, made_id
from feature_sets.telemetry.incident_rows import scope_columns, texts_about
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


class IncidentParser:
    """Turns request bodies into incidents, by the rules of one schema.

    :param schema: whose columns the bodies have; its form of labels is incidents.
    :param events: parser of the other events.
    :param is_known: whether a device has a part of the name ``device``; without it every one is accepted.
    """

    def __init__(
        self, schema: TelemetrySchema, events: EventParser, is_known: Callable[[str], bool] | None = None
    ) -> None:
        self._schema, self._is_known = schema, is_known
        self._no_value = schema.no_value_words
        form = schema.labels
        self._form, self._events = form, events
        self._mapping = schema.incident_mapping
        self._scope = scope_columns(schema)
        self._entity = (*schema.entity, DEVICE)
        self._texts = texts_about(schema)
        named = {
            form.start,
            form.end,
            form.id,
            form.cancelled,
            form.known,
            form.kind,
            *self._texts,
            *form.only,
            *form.open,
        }
        self._open = {column: {word.lower() for word in words} for column, words in form.open.items()}
        self._only = {column: {word.lower() for word in words} for column, words in form.only.items()}
        self._whom = self._scope if form.scope else self._entity
        named |= set(self._whom)
        self._fields = named | {sent for sent, name in schema.rename.items() if name in named}
        zone = self._mapping.time_zone if self._mapping else None
        self._times = schema.time_rules
        self._times_of_tool = self._times._replace(zone=zone or schema.assume_timezone)

    def is_one(self, body: Any) -> bool:
        """Whether a body has the fields of an incident, and not of a label."""
        fields = (self._form.start, self._form.end, self._form.id, self._form.cancelled)
        return isinstance(body, Mapping) and any(
            self._events.field_of(body, name, self) is not self for name in fields
        )

    def bodies(self, body: Any) -> list[Any] | None:
        """The incidents in a body of the tool, each still in its own form; None if it is of no tool."""
        return self._mapping.incidents(body) if self._mapping is not None else None

    def mapped(self, body: Any) -> IncidentEvent:
        """An incident in the form of the tool.

        :raises EventError: naming the first field that breaks a rule.
        """
        if self._mapping is None:
            raise EventError("incident_mapping", "must be in the schema", None)
        if not isinstance(body, Mapping):
            raise EventError("incident", "must be a JSON object", body)
        mapping = self._mapping
        columns = mapping.columns(body, self._form, self._whom)
        if self._form.id in mapping.fields and self._form.id not in columns:
            raise EventError(self._at(self._form.id), "must be found there in each incident", None)
        try:
            return self._read(columns, self._times_of_tool)
        except EventError as error:
            raise EventError(self._at(error.where), error.rule, error.got) from None

    def nothing_at(self, body: Any) -> tuple[str, ...]:
        """Paths of the mapping at which a body of the tool has nothing, not even an empty value."""
        return self._mapping.nothing_at(body) if self._mapping is not None else ()

    def too_little(self, event: IncidentEvent, nothing_at: Collection[str]) -> EventError | None:
        """Why a body of the tool does not make an incident that is new; None if it does.

        :param nothing_at: see there.
        """
        if event.names and event.start is not None:
            return None
        mapping = self._mapping.fields if self._mapping is not None else {}
        wanted = (self._form.start,) if event.names else self._whom
        column = next((column for column in wanted if column in mapping), wanted[0])
        rule = "must not be empty, as there is no incident of this id yet"
        if column not in mapping:
            rule = "must be in incident_mapping.fields, as there is no incident of this id yet"
        elif mapping[column] in nothing_at:
            rule = "must be found there, as there is no incident of this id yet"
        return EventError(self._at(column), rule, None)

    def _at(self, column: str) -> str:
        """A column with where the tool has it."""
        path = self._mapping.fields.get(column) if self._mapping is not None else None
        return f"{column} (at {path})" if path else column

    def incident(self, body: Any) -> IncidentEvent:
        """An incident with the columns of the schema.

        :raises EventError: naming the first field that breaks a rule.
        """
        if not isinstance(body, Mapping):
            raise EventError("incident", "must be a JSON object", body)
        for name in body:
            # A field that is ignored would make the incident a wider one, or leave it open.
            if name not in self._fields:
                raise EventError(str(name), f"must be among {', '.join(sorted(self._fields))}", body[name])
        self._events.check_names(body)
        # A tool that sends its rows has empty text for nothing; as in a file, that is no name and no time.
        body = {
            name: None if isinstance(cell, str) and not cell.strip() else cell for name, cell in body.items()
        }
        event = self._read(body, self._times)
        # Who opens it again says that it is one.
        is_open = event.ended and event.end is None and event.cancelled is None
        event = event._replace(cancelled=False) if is_open else event
        return (
            event._replace(firm=is_open or self._says_cancelled(body, event))
            if self._is_firm(event)
            else event
        )

    def _is_firm(self, event: IncidentEvent) -> bool:
        """Whether what an event in our form says of ``cancelled`` is no repeat of a ticket."""
        if not event.names and event.start is None:
            return True
        # Where the tool has a form of its own, this is not the tool.
        return bool(event.cancelled) and self._mapping is not None

    def _says_cancelled(self, body: Mapping[str, Any], event: IncidentEvent) -> bool:
        """Whether a body says itself whether it was none; ``labels.only`` may say so, too."""
        given = self._events.field_of(body, self._form.cancelled)
        if given is None:
            return False
        return truth_of(self._text(self._form.cancelled, given)) is event.cancelled

    def incident_or_hint(self, body: Any) -> IncidentEvent:
        """The same; of a body with no field of an incident, the error says what of the mapping does not fit.

        :raises EventError: naming the first field that breaks a rule.
        """
        try:
            return self.incident(body)
        except EventError as error:
            if not isinstance(body, Mapping) or self.is_one(body):
                raise
            hint = "the JSON of an incident tool needs incident_mapping in the schema"
            if self._mapping is not None:
                places = self._mapping.each or ", ".join(self._mapping.nothing_at(body))
                hint = f"incident_mapping finds {'no list' if self._mapping.each else 'nothing'} at {places}"
            raise EventError(error.where, f"{error.rule}; {hint}", error.got) from None

    def _read(self, body: Mapping[str, Any], times: TimeRules) -> IncidentEvent:
        form, field = self._form, self._events.field_of
        names = self._names(body)
        start = self._time(body, form.start, times)
        is_open = any(self._is_among(self._open, column, field(body, column)) for column in self._open)
        end = None if is_open else self._time(body, form.end, times)
        if start is not None and end is not None and end < start:
            raise EventError(form.end, f"must not be before {form.start}", field(body, form.end))
        given = field(body, form.id)
        if isinstance(given, float) and abs(given) >= 2**53:  # Others would have the same one.
            raise EventError(form.id, "must be text or a whole number of at most 64 bits", given)
        name = None if given is None else id_text(self._text(form.id, given))
        if name is None:
            if not names or start is None:
                missing = form.start if names else self._scope[0]
                raise EventError(missing, f"is required without {form.id}", None)
            name = made_id(names, start)
        cancelled = field(body, form.cancelled)
        if cancelled is not None:
            cancelled = truth_of(self._text(form.cancelled, cancelled))
            if cancelled is None:
                raise EventError(form.cancelled, "must be true or false", field(body, form.cancelled))
        told = [column for column in self._only if field(body, column, self) is not self]
        if not all(self._is_among(self._only, column, field(body, column)) for column in told):
            cancelled = True
        elif self._only and len(told) == len(self._only) and cancelled is None:
            # As where a severity is raised again. One of several columns does not say that all are wanted.
            cancelled = False
        texts = {
            column: text_of(column, field(body, column))
            for column in self._texts
            if field(body, column, self) is not self
        }
        ended = is_open or field(body, form.end, self) is not self
        reopens = ended and end is None and not names and start is None
        return IncidentEvent(name, names, start, end, ended, cancelled, texts, reopens=reopens)

    @staticmethod
    def _is_among(words: Mapping[str, Collection[str]], column: str, value: Any) -> bool:
        """Whether a value of a column of ``labels.only`` or ``labels.open`` is one of its words."""
        text = text_of(column, value)
        return text is not None and text.lower() in words[column]

    def _names(self, body: Mapping[str, Any]) -> dict[str, str]:
        """Whom a body names; nothing if it has no such field."""
        field = self._events.field_of
        if self._form.scope:
            found = {column: field(body, column) for column in self._scope}
            return {column: self._text(column, value) for column, value in found.items() if value is not None}
        if all(field(body, column) is None for column in self._entity):
            return {}
        return {DEVICE: self._part(body) or self._events.device_of(body)}

    def _part(self, body: Mapping[str, Any]) -> str | None:
        """The part of keys by which a body names devices; None if it has a key, or no device has the part."""
        value = self._events.field_of(body, DEVICE)
        others = [column for column in self._schema.entity if column != DEVICE]
        if value is None or any(self._events.field_of(body, column) is not None for column in others):
            return None
        part = text_of(DEVICE, value)
        if part is None or not may_be_part(part, self._schema):
            return None
        return part if self._is_known is None or self._is_known(part) else None

    def _text(self, name: str, value: Any) -> str:
        text = text_of(name, value)
        if text is None or len(text) > KEY_LIMIT:
            raise EventError(name, f"must be text of 1 to {KEY_LIMIT} characters", value)
        return text

    def _time(self, body: Mapping[str, Any], name: str, times: TimeRules) -> float | None:
        moment = self._events.field_of(body, name)
        if moment is None:
            return None
        word = moment.strip().lower() if isinstance(moment, str) else ""
        if word in self._no_value or (isinstance(moment, str) and word in NULL_WORDS):
            return None
        try:
            return seconds_of(moment, *times)
        except InputError as error:
            raise EventError(name, error.rule, moment) from None
