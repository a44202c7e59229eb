"""One live event, checked at the edge: the rules of the file readers, for a request body."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from feature_sets.checks import InputError
from feature_sets.rows.entity_keys import KEY_TEXT_RULE, is_key_text, key_parts
from feature_sets.rows.whole_numbers import EXACT
from feature_sets.telemetry.cell_numbers import number_hint, number_of_text, rounded_hint, whole_of_text
from feature_sets.telemetry.cell_text import cell_text, one_form
from feature_sets.telemetry.counter import Uptime
from feature_sets.telemetry.event_time import seconds_of
from feature_sets.telemetry.label_form import POSITIVES
from feature_sets.telemetry.no_value import PLAIN, CellRule
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.unit_text import unit_hint

KEY_LIMIT = 512
"""Longest device key in characters."""

KNOWN_DEVICE = "must be a known device"
WHOLE_KEY = "must be a key with all of its parts"

REQUEST_ID = "request_id"
"""Field of a label that names its event by the request that brought it."""

PLACE = "#"
"""Between the id of a request and the place of an event in its list."""

EVENT_NAME = rf"^[A-Za-z0-9._:/+=@-]{{1,128}}({PLACE}[0-9]{{1,5}})?$"
"""Pattern of that: the id of a request and, for an event of a list, its place."""

_NAME = re.compile(EVENT_NAME.removeprefix("^").removesuffix("$"))
_NAME_RULE = f"must be the id of a request, with {PLACE} and the place behind it for an event of a list"
_SHOWN = 80


class EventError(InputError):
    """An event that is refused; what was given is kept in a short form that JSON can carry."""

    def __init__(self, field: str, rule: str, got: object) -> None:
        super().__init__(field, rule, brief(got))


class TelemetryEvent(NamedTuple):
    """An accepted reading of one device.

    :param device: the composed key.
    :param time: event time in epoch seconds, exact to the microsecond.
    :param metrics: column -> value, in the order of ``reading_columns`` of the schema; NaN means no reading.
        A counter, and the uptime in microseconds, is a whole number.
    :param out_of_range: metrics whose value was outside the plausible range and became NaN.
    """

    device: str
    time: float
    metrics: dict[str, float]
    out_of_range: tuple[str, ...] = ()


class LabelEvent(NamedTuple):
    """An accepted label of one device.

    :param device: the composed key.
    :param time: event time in epoch seconds that the label is about.
    :param label: what is predicted, 0 or 1; with a horizon it may be absent.
    :param others: values of the columns of ``exclude_labels``, in the order of the schema; empty if none was
        sent.
    :param observed: with a horizon, the label itself: whether the device is in error at that time.
    :param name: of the event, by its request. Device and time are those of the event when it is found. Until
        then they are what was sent: empty and NaN if that was the name alone.
    """

    device: str
    time: float
    label: int | None
    others: tuple[Any, ...] = ()
    observed: int | None = None
    name: str = ""


class EventParser:
    """Turns request bodies into events, by the rules of one schema. Fields it does not know are ignored.

    A field has its name in the schema, or the one that ``rename`` gives it.

    :param schema: whose columns the bodies have.
    :param devices: the known device keys; without it every key is accepted.
    :param whole_keys: whether a key must have all of its parts.
    """

    def __init__(
        self, schema: TelemetrySchema, devices: Container[str] | None = None, whole_keys: bool = False
    ) -> None:
        self._entity = schema.entity
        self._separator = schema.separator
        self._time = schema.time
        self._label = schema.target
        self._observed = schema.label if schema.label != schema.target else ""
        self._form, self._positives = schema.labels, schema.labels.form == POSITIVES
        self._excluding = excluding_columns(schema)
        self._rules = rules = schema.cell_rules
        self._metrics = tuple(
            (
                metric.name,
                metric.low,
                metric.high,
                metric.column,
                metric.counter,
                rules.get(metric.name, PLAIN).numbers,
            )
            for metric in schema.metrics
        )
        self._optional = schema.optional_metrics
        self._uptime = schema.uptime
        self._uptime_rule = PLAIN if schema.uptime is None else rules.get(schema.uptime.column, PLAIN)
        self._times = schema.time_rules
        self._devices, self._whole_keys = devices, whole_keys and bool(schema.separator)
        self._sent_as = schema.sent_as
        self._takes_key_beside = DEVICE not in schema.entity
        self._takes_names = REQUEST_ID not in schema.rename
        meanings = {number: self._form.truth_of(str(number)) for number in (0, 1)}
        self._plain_truths = {number: int(truth) for number, truth in meanings.items() if truth is not None}
        self._moment_before: tuple[str | None, float] = (None, math.nan)

    def telemetry(self, body: Any) -> TelemetryEvent:
        """A reading. A metric is a number or null (no reading); one outside its range becomes no reading.

        An optional one may be absent, which is the same as null. A counter is a whole number. Texts are read
        as those of files, and a truth value is 1 or 0 of a gauge. The range of a rate is not looked at here.

        :raises EventError: naming the first field that breaks a rule.
        """
        device, time = self._key_and_time(body)
        metrics: dict[str, float] = {}
        outside: list[str] = []
        for name, low, high, column, counter, none in self._metrics:
            value = body.get(name, self)
            if value is self and self._sent_as:
                value = self.field_of(body, name, self)
            if value is self and name in self._optional:
                value = None
            if counter is not None:
                metrics[column] = _whole(name, value, self, counter.largest, self._rules.get(name, PLAIN))
                continue
            if value.__class__ is not float:
                value = _number(name, value, self, self._rules.get(name, PLAIN))
            elif value != value or value in (math.inf, -math.inf):
                raise EventError(name, "must be a finite number or null", value)
            if none and value in none:
                value = math.nan
            if value < low or value > high:
                outside.append(name)
                value = math.nan
            metrics[name] = value
        if self._uptime is not None:
            metrics[self._uptime.micros_column] = self._running(body, self._uptime)
        return TelemetryEvent(device, time, metrics, tuple(outside))

    def _running(self, body: Mapping[str, Any], uptime: Uptime) -> float:
        """How long the device has been running, in microseconds, as a whole number; NaN if it is not told."""
        name = uptime.column
        value = _number(name, self.field_of(body, name, self), self, self._uptime_rule)
        if self._uptime_rule.is_none(value):
            return math.nan
        micros = float(uptime.micros(np.array([value]))[0])
        if micros == micros:
            return int(micros)
        if value == value:
            raise EventError(name, "must be how long the device has been running", value)
        return math.nan

    def label(self, body: Any) -> LabelEvent:
        """A label: 0 or 1, or a word for it as in files.

        With a horizon it is what is predicted, the label itself, or both.

        Where labels are positives, one that says nothing is 1.

        A label that names the request of its event needs neither device nor time.

        :raises EventError: naming the first field that breaks a rule.
        """
        name = self._name_in(body)
        device, time = ("", math.nan) if name and self._is_bare(body) else self._key_and_time(body)
        label = self._truth(body, self._label)
        observed = self._truth(body, self._observed) if self._observed else None
        if label is None and observed is None and self._positives:
            label, observed = (None, 1) if self._observed else (1, None)
        if label is None and observed is None:
            raise EventError(self._label, "is required", None)
        others = tuple(text_of(column, self.field_of(body, column)) for column in self._excluding)
        given = others if any(other is not None for other in others) else ()
        return LabelEvent(device, time, label, given, observed, name)

    def _name_in(self, body: Any) -> str:
        """The request that a label names; empty if it names none.

        :raises EventError: if no request can be named so.
        """
        name = body.get(REQUEST_ID) if isinstance(body, Mapping) and self._takes_names else None
        if name is None:
            return ""
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise EventError(REQUEST_ID, _NAME_RULE, name)
        return name

    def _is_bare(self, body: Mapping[str, Any]) -> bool:
        """Whether a body has neither device nor time."""
        fields = (DEVICE, *self._entity, self._time)
        return all(self.field_of(body, name, self) is self for name in fields)

    def _key_and_time(self, body: Any) -> tuple[str, float]:
        if type(body) is not dict and not isinstance(body, Mapping):
            raise EventError("event", "must be a JSON object", body)
        self.check_names(body)
        device = self.device_of(body)
        moment = self.field_of(body, self._time)
        if moment is None:
            raise EventError(self._time, "is required", None)
        before, seconds = self._moment_before
        if type(moment) is str and moment == before:  # As often in a list.
            return device, seconds
        try:
            seconds = seconds_of(moment, *self._times)
            self._moment_before = moment, seconds
            return device, seconds
        except InputError as error:
            raise EventError(self._time, error.rule, moment) from None

    def _truth(self, body: Mapping[str, Any], name: str) -> int | None:
        """A field as 0 or 1, by the rule of files; None without the field.

        :raises EventError: if it says neither.
        """
        value = self.field_of(body, name, self)
        if value is self:
            return None
        if type(value) is int and (known := self._plain_truths.get(value)) is not None:
            return known
        text = plain_text(name, value) if isinstance(value, str | int | float) else None
        truth = self._form.truth_of(text)
        if truth is None:
            words = f", or among {', '.join(self._form.values)}" if self._form.values else ""
            raise EventError(name, f"must be 0 or 1{words}", value)
        return int(truth)

    def as_sent(self, error: EventError, body: Any) -> EventError:
        """An error about a body, with the field as it is called there."""
        if not isinstance(body, Mapping) or error.where in body:
            return error
        names = self._sent_as.get(error.where, ())
        given = next((name for name in names if name in body), None)
        sent = given or self._as_others_are(body, names)
        if error.where == DEVICE and given is None:
            # The device is named by its own columns: another table may have one that is called so.
            called = [name for column in self._entity for name in (column, *self._sent_as.get(column, ()))]
            named = [name for name in called if name in body]
            sent = named[0] if len(self._entity) == 1 and named else None if named else sent
        return error if sent is None else EventError(sent, error.rule, error.got)

    def _as_others_are(self, body: Mapping[str, Any], names: Sequence[str]) -> str | None:
        """Which of its names a field has that a body lacks; None for that of the schema.

        That is the schema's own where most fields of the body have theirs. Of the names of several senders it
        is the one in the place that the body's other names have: who lists senders lists them in one order.
        """
        own, places = 0, Counter[int]()
        for name, others in self._sent_as.items():
            own += name in body
            given = [place for place, one in enumerate(others) if one in body]
            places.update(given[:1])
        if not names or own > places.total():
            return None
        place = max(range(len(names)), key=lambda at: places[at])
        return names[place]

    def field_of(self, body: Mapping[str, Any], name: str, absent: object = None) -> Any:
        """What a body holds under a name of the schema or, if it has none, under one renamed to it."""
        if name not in body:
            for sent in self._sent_as.get(name, ()):
                if sent in body:
                    return body[sent]
        return body.get(name, absent)

    def check_names(self, body: Mapping[str, Any]) -> None:
        """Raise EventError if a body has a field under two of its names: one of the two would be lost."""
        for name, names in self._sent_as.items():
            given = [one for one in (name, *names) if one in body]
            if len(given) > 1:
                rule = f"must not be beside '{given[0]}', which is the same field"
                raise EventError(given[1], rule, body[given[1]])

    @property
    def takes_all(self) -> bool:
        """Whether a device of any key may send."""
        return self._devices is None

    def is_known(self, device: str) -> bool:
        """Whether a device of this key may send."""
        return self._devices is None or device in self._devices

    def device_of(self, body: Mapping[str, Any]) -> str:
        """Key of the device that a body names.

        ``device`` may stand beside the entity columns, if it is their key or one of them.

        :raises EventError: unless it names a known one, or one that may be known later; and if it names two.
        """
        columns: tuple[str, ...] = (DEVICE,)
        if self._entity != columns and all(
            self.field_of(body, column, self) is not self for column in self._entity
        ):
            columns = self._entity
        parts = []
        for column in columns:
            part = self.field_of(body, column)
            if part is None:
                raise EventError(column, "is required", None)
            if isinstance(part, int) and not isinstance(part, bool):
                part = str(part)
            if not isinstance(part, str) or not part.strip():
                raise EventError(column, "must be text that is not empty", part)
            if not is_key_text(part):
                raise EventError(column, KEY_TEXT_RULE, part)
            parts.append(part.strip())
        for column, part in zip(columns[:-1], parts, strict=False):
            if self._separator and self._separator in part:
                raise EventError(column, f"must not contain the separator {self._separator!r}", part)
        device = self._separator.join(parts)
        if self._takes_key_beside:
            self._check_beside(body, device, parts if columns is self._entity else None)
        if len(device) > KEY_LIMIT:
            raise EventError(columns[-1], f"must make a key of at most {KEY_LIMIT} characters", device)
        if self._devices is not None and device not in self._devices:
            raise EventError(DEVICE, KNOWN_DEVICE, device)
        if self._whole_keys and device.count(self._separator) < len(self._entity) - 1:
            raise EventError(DEVICE, WHOLE_KEY, device)
        return device

    def _check_beside(self, body: Mapping[str, Any], key: str, parts: Sequence[str] | None) -> None:
        """Raise EventError if ``device`` and entity columns name two devices.

        :param parts: the entity columns that made the key; None where ``device`` is it.
        """
        if parts is not None:
            beside = self.field_of(body, DEVICE)
            if beside is not None and _plain_part(beside) not in ("", key, *parts):
                have = "has" if len(self._entity) == 1 else "have"
                rule = f"must be {key!r}, as {' and '.join(self._entity)} {have} it, or be left out"
                raise EventError(DEVICE, rule, beside)
            return
        of_key = key_parts(key, len(self._entity), self._separator)
        if len(of_key) < len(self._entity):  # It is no whole key, so that its parts are not known.
            return
        for column, part in zip(self._entity, of_key, strict=True):
            beside = self.field_of(body, column)
            if beside is not None and _plain_part(beside) not in ("", part):
                raise EventError(column, f"must be {part!r}, as {DEVICE} has it, or be left out", beside)


def _plain_part(value: object) -> object:
    """A part of a key as it is compared: whole numbers are text, and spaces around it do not count."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else value


def excluding_columns(schema: TelemetrySchema) -> dict[str, Any]:
    """Columns that a label may have beside the label, with the value that excludes it."""
    known = (schema.time, schema.label)
    return {column: value for column, value in schema.exclude_labels.items() if column not in known}


def label_columns(schema: TelemetrySchema) -> tuple[str, ...]:
    """Columns that label rows keep beside the label: those that exclude, and one that says the part."""
    split = schema.split.label_column
    return tuple(dict.fromkeys([*excluding_columns(schema), *([split] if split else [])]))


def plain_text(name: str, value: Any) -> str | None:
    """What a cell of a file with this value would say, as text; raise EventError if none could."""
    if isinstance(value, int) and value.bit_length() > 256:
        raise EventError(name, "must be text, a number or a truth value", value)
    if isinstance(value, float) and math.isfinite(value) and abs(value) >= EXACT:
        rule = f"must be text or a whole number (a float from 2^53 = {EXACT} on is not exact)"
        raise EventError(name, rule, value)
    try:
        text = cell_text(value)
    except InputError:
        raise EventError(name, "must be text, a number or a truth value", value) from None
    if text is not None and not is_key_text(text):
        raise EventError(name, KEY_TEXT_RULE, value)
    return text


def text_of(name: str, value: Any) -> str | None:
    """The same with truth values in their one form."""
    text = plain_text(name, value)
    return None if text is None else one_form(text)


def _number(name: str, value: Any, absent: object, cells: CellRule) -> float:
    """Value of a metric that is not a plain float."""
    if value is absent:
        raise EventError(name, "is required", None)
    if value is None:
        return math.nan
    if isinstance(value, str):
        read = number_of_text(value)
        if read is None and len(value) <= _SHOWN:
            read = cells.number(value)
        if read is None:
            rule = f"must be a finite number{_among(cells)} or null"
            hint = (number_hint(value) or unit_hint(value, cells.unit)) if len(value) <= _SHOWN else ""
            raise EventError(name, rule + (f"; it {hint}" if hint else ""), value)
        if read != read:
            return read
        value = read
    if not isinstance(value, int | float):
        raise EventError(name, "must be a finite number or null", value)
    try:
        number = float(value)
    except OverflowError:
        raise EventError(name, "must be a finite number or null", value) from None
    if not math.isfinite(number):
        raise EventError(name, "must be a finite number or null", value)
    return number


def _among(cells: CellRule) -> str:
    """The words that a metric may have, for the middle of a rule."""
    return f", among {', '.join(cells.values)}" if cells.values else ""


def _whole(name: str, value: Any, absent: object, largest: int, cells: CellRule) -> float:
    """Value of a counter, a whole number; NaN for none."""
    if value is absent:
        raise EventError(name, "is required", None)
    if value is None:
        return math.nan
    rule = f"must be a whole number from 0 to {largest} or null"
    if isinstance(value, str):
        read = whole_of_text(value)
        if read is None and (value.strip().lower() in cells.words or _is_none(value, cells)):
            return math.nan
        if read is None:
            hint = rounded_hint(value)
            raise EventError(name, rule + (f"; it {hint}" if hint else ""), value)
        if read != read:
            return math.nan
        value = read
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if cells.numbers and is_number and cells.is_none(value):
        return math.nan
    exact = isinstance(value, float) and value.is_integer() and abs(value) < EXACT
    if not exact and (not isinstance(value, int) or isinstance(value, bool)):
        is_inexact = isinstance(value, float) and value >= EXACT and not math.isinf(value)
        inexact = f"must be a whole number (a float from 2^53 = {EXACT} on is not exact) or null"
        raise EventError(name, inexact if is_inexact else rule, value)
    if not 0 <= value <= largest:
        raise EventError(name, rule, value)
    return int(value)


def _is_none(text: str, cells: CellRule) -> bool:
    """Whether a text is a number that means no value, such as -1."""
    number = number_of_text(text) if cells.numbers and len(text) <= _SHOWN else None
    return number is not None and cells.is_none(number)


def brief(got: object) -> object:
    """What was given, in a form that JSON can carry; never costs or fails on something huge.

    :returns: None, a boolean, a number that JSON readers keep exactly, or a short text.
    """
    if isinstance(got, str):
        return _cut(got)
    if got is None or isinstance(got, bool) or _is_plain_number(got):
        return got
    if isinstance(got, int) and got.bit_length() > 256:
        return f"a whole number of {got.bit_length()} bits"
    if isinstance(got, Mapping | list | tuple):
        return f"{type(got).__name__} of {len(got)} items"
    return _cut(repr(got))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _is_plain_number(value: object) -> bool:
    if isinstance(value, int):
        return abs(value) < 2**53 and not isinstance(value, bool)
    return isinstance(value, float) and math.isfinite(value)
