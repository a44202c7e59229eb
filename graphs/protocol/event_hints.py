"""What to do about an event that is refused, where its shape tells what was meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from itertools import islice
from typing import Any

from feature_sets.rows.entity_keys import key_parts
from feature_sets.telemetry.events import KNOWN_DEVICE, WHOLE_KEY, EventError
from feature_sets.telemetry.other_writings import OtherWritings
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

REQUIRED = "is required"
_NAMED = 8
"""Most fields that a hint names."""
_LOOKED_AT = 100
"""Known keys among which an example is looked for: a request may hold thousands of bad events."""
_KEYS = 10_000
"""Known keys among which one in another writing is looked for."""
_LINE_PROTOCOL = re.compile(rb"[A-Za-z_][^\s,{}\[\]]*(,[^\s=,]+=[^\s,]+)* [^\s=]+=[^\s]+")


def text_hint(body: bytes) -> str:
    """What a body that is no JSON may be, and what to do; empty if nothing is known of it.

    :param body: as it was sent.
    """
    line = body.lstrip().partition(b"\n")[0]
    if _LINE_PROTOCOL.match(line):
        return "it looks like the line protocol of Telegraf and InfluxDB; send JSON, see GET /openapi.json"
    if body.strip().count(b"\n") and line.rstrip().endswith((b"}", b"]")):
        return "it looks like one object a line; send a list of them"
    return ""


class EventHints:
    """Adds to the rule of an error what the event of a schema must have.

    :param schema: whose columns events have.
    :param known: gives the keys of known devices, of which one is an example.
    """

    def __init__(self, schema: TelemetrySchema, known: Callable[[], Collection[str]] = tuple) -> None:
        self._schema = schema
        self._known = known
        self._written: Collection[str] = ()
        self._count, self._writings = 0, OtherWritings(())
        sent_as = {name: " or ".join(names) for name, names in schema.sent_as.items()}
        entity = schema.entity if schema.entity == (DEVICE,) else (DEVICE, *schema.entity)
        names = [schema.time, *(metric.name for metric in schema.metrics)]
        if schema.uptime is not None:
            names.append(schema.uptime.column)
        self._entity = " and ".join(sent_as.get(name, name) for name in schema.entity)
        self._own = {*names, *entity, *schema.rename}
        shown = [sent_as.get(name, name) for name in names]
        more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
        key = DEVICE if schema.entity == (DEVICE,) else f"{DEVICE} (or {self._entity})"
        self._fields = f"{key}, {', '.join(shown[:_NAMED])}{more}"

    def telemetry(self, error: EventError, body: Any) -> EventError:
        """The error of a reading, with what its shape tells."""
        if isinstance(body, Mapping) and error.rule == REQUIRED and _is_inside(body, error.where):
            rule = (
                f"{error.rule} as a field of the event itself, as an event is one flat object; it is inside"
            )
            return EventError(error.where, f"{rule} {error.where.partition('.')[0]!r}", error.got)
        shape = self._shape(body) if isinstance(body, Mapping) else ""
        if not shape:
            return self.key(error, body)
        rule = f"{error.rule}; the body looks like {shape}. An event is one flat object with {self._fields}"
        return EventError(error.where, rule, error.got)

    def key(self, error: EventError, body: Any) -> EventError:
        """The error of any event, with the form of a key where its device is not one."""
        entity, separator = self._schema.entity, self._schema.separator
        if error.where == DEVICE and error.rule == KNOWN_DEVICE and (hint := self._other_writing(error.got)):
            return EventError(error.where, f"{error.rule}; {hint}", error.got)
        if error.where != DEVICE or entity == (DEVICE,) or not isinstance(body, Mapping):
            return error
        if error.rule == REQUIRED:
            return EventError(error.where, f"{error.rule}, or {self._entity}{self._example('')}", error.got)
        name = error.got
        if error.rule not in (KNOWN_DEVICE, WHOLE_KEY) or not isinstance(name, str) or not separator:
            return error
        if len(key_parts(name, len(entity), separator)) == len(entity):
            return error
        form = f"a key is {self._entity}, with {separator!r} between{self._example(name)}"
        rule = f"{error.rule}; {form}. They may be fields of their own, too"
        return EventError(error.where, rule, error.got)

    def _other_writing(self, name: object) -> str:
        """The known key that may be meant."""
        if not isinstance(name, str):
            return ""
        known = self._known()
        if known is not self._written or len(known) != self._count:
            # Not made for each refused event: that takes long.
            self._written, self._count = known, len(known)
            self._writings = OtherWritings(tuple(islice(iter(known), _KEYS)))
        return self._writings.hint(name)

    def _example(self, name: str) -> str:
        """A known key, one that ends in a name if there is one."""
        keys = list(islice(iter(self._known()), _LOOKED_AT))
        if not keys:
            return ""
        end = f"{self._schema.separator}{name}"
        return f", such as {next((key for key in keys if name and key.endswith(end)), keys[0])!r}"

    def _shape(self, body: Mapping[str, Any]) -> str:
        """What a body looks like that is no event, with what reads it; empty if it looks like none."""
        if self._has(body, "values", Mapping) and not self._own & {"values", "tags"}:
            return f"an event of gNMIc. {_read_as('gnmic')}"
        batch = body.get("metrics")
        is_batch = isinstance(batch, list) and any(isinstance(one, Mapping) for one in batch)
        if (self._has(body, "fields", Mapping) or is_batch) and not self._own & {"fields", "metrics"}:
            return f"JSON of Telegraf. {_read_as('telegraf')}"
        data = body.get("data")
        if isinstance(data, Mapping) and "result" in data and "data" not in self._own:
            return f"an answer of Prometheus. {_read_as('prometheus')}"
        names = {self._schema.files.metric, "metric", "name"} - self._own
        values = {self._schema.files.value, "value"} - self._own
        if any(self._has(body, name, str) for name in names) and any(name in body for name in values):
            return (
                "one value of the long layout. Files of those are read with files.layout long in the schema"
            )
        return ""

    def _has(self, body: Mapping[str, Any], name: str, kind: type) -> bool:
        return isinstance(body.get(name), kind)


def _is_inside(body: Mapping[str, Any], path: str) -> bool:
    """Whether objects in a body have what a file names by a path with points between."""
    inside: Any = body
    for name in path.split("."):
        if not isinstance(inside, Mapping) or name not in inside:
            return False
        inside = inside[name]
    return "." in path


def _read_as(kind: str) -> str:
    return f"Files of those are read with files.format {kind} in the schema, and 'netops ingest'"
