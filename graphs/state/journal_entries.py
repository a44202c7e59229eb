"""Entries of a journal as they are kept: in a Redis stream, and in the Parquet files of its archive."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from feature_sets.telemetry.calendar import Maintenance
from feature_sets.telemetry.events import LabelEvent, TelemetryEvent
from feature_sets.telemetry.incident_events import IncidentEvent
from feature_sets.telemetry.maintenance_event import MaintenanceEvent
from graphs.protocol.event_names import read_names
from graphs.protocol.routes import Kind
from graphs.protocol.telemetry_columns import ColumnEvents
from graphs.routing.change import RoutingChange
from graphs.state.entry_id import EntryId
from graphs.state.journal import Entry, JournalEvent


class RawEntry(NamedTuple):
    """An entry as it is kept; nothing of it is read yet.

    :param id: its place in the order of all entries.
    :param kind: ``telemetry``, ``labels``, ``maintenance``, ``incidents``, ``calendar``
        or ``rerouted``.
    :param schema: columns of a reading in the order of the values, with commas: of each metric, and of the
        uptime.
    :param label: column that the labels are of; empty in an entry of an earlier version.
    :param arrival: when the request arrived, epoch seconds.
    :param events: JSON.
    :param names: of telemetry, the requests that brought the events, see ``names_text``; of labels, JSON of
        the names by which some of them wait for their event. Empty without any.
    """

    id: EntryId
    kind: str
    schema: str
    label: str
    arrival: float
    events: bytes
    names: str = ""

    @classmethod
    def of_fields(cls, entry: bytes, fields: Mapping[bytes, bytes]) -> RawEntry:
        """From what Redis gives of it."""
        return cls(
            entry_id(entry),
            fields[b"kind"].decode(),
            fields[b"schema"].decode(),
            fields.get(b"label", b"").decode(),
            float(fields[b"arrival"]),
            fields[b"events"],
            fields.get(b"names", b"").decode(),
        )

    def fields(self) -> dict[str, Any]:
        """As Redis takes it; ``of_fields`` reads it back."""
        flat = self.flat()
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def flat(self) -> list[Any]:
        """The same as names and values in turn."""
        found = [
            *("kind", self.kind, "schema", self.schema, "label", self.label),
            *("arrival", repr(self.arrival), "events", self.events),
        ]
        return [*found, "names", self.names] if self.names else found

    @property
    def rows(self) -> list[Any]:
        """One list an event, or a mapping of an incident; each time anew from the JSON."""
        found: list[Any] = orjson.loads(self.events)
        return found

    @property
    def changes(self) -> list[MaintenanceEvent]:
        """Changes of the calendar of maintenance."""
        return [
            MaintenanceEvent(name, None if entry is None else Maintenance.from_list(entry))
            for name, entry in self.rows
        ]

    def has_columns(self, metrics: Sequence[str]) -> bool:
        """Whether a reading has these columns; a schema may have them in another order by now."""
        return self.schema == ",".join(metrics) or sorted(self.schema.split(",")) == sorted(metrics)

    def decoded(self, metrics: Sequence[str]) -> Entry:
        """The events. Whole numbers stay whole: JSON in between has 64 bits for them.

        :param metrics: columns of a reading in schema order, those that the entry has.
        """
        kind = Kind(self.kind)
        if kind in (Kind.LABELS, Kind.INCIDENTS):
            return Entry(self.id, kind, self.arrival, labels=[_label(row) for row in self.rows])
        if kind in (Kind.MAINTENANCE, Kind.CALENDAR):
            return Entry(self.id, kind, self.arrival, maintenance=self.changes)
        if kind is Kind.REROUTED:
            changes = [RoutingChange.of_row(row) for row in self.rows]
            return Entry(self.id, kind, self.arrival, routing=changes)
        events = [
            TelemetryEvent(device, time, dict(zip(metrics, map(_reading, values), strict=True)))
            for device, time, *values in self._rows_of(metrics)
        ]
        return Entry(self.id, kind, self.arrival, events, sent=read_names(self.names))

    def _rows_of(self, metrics: Sequence[str]) -> list[Any]:
        """Readings with their values in the order of these columns."""
        if self.schema == ",".join(metrics):  # As nearly always.
            return self.rows
        columns = self.schema.split(",")
        places = [2 + columns.index(name) for name in metrics]
        return [(row[0], row[1], *(row[place] for place in places)) for row in self.rows]


def encoded(events: Sequence[JournalEvent]) -> bytes:
    """Events as JSON, for ``RawEntry.events``."""
    if type(events) is ColumnEvents:  # An ``isinstance`` of an abstract class takes longer.
        return orjson.dumps(events.plain.rows())
    if set(map(type, events)) == {TelemetryEvent}:  # As nearly always, and many of them.
        return orjson.dumps([(device, time, *metrics.values()) for device, time, metrics, _ in events])  # type: ignore[misc]
    return orjson.dumps(
        [
            event.row()
            if isinstance(event, IncidentEvent | RoutingChange)
            else (event.device, event.time, *event.metrics.values())
            if isinstance(event, TelemetryEvent)
            else _label_row(event)
            if isinstance(event, LabelEvent)
            else (event.id, None if event.entry is None else event.entry.to_list())
            for event in events
        ]
    )


def waiting_names(events: Sequence[JournalEvent]) -> str:
    """Names of labels whose event is not known, for ``RawEntry.names``."""
    names = [event.name for event in events if isinstance(event, LabelEvent) and event.name]
    return orjson.dumps(names).decode() if names else ""


def _label_row(event: LabelEvent) -> tuple[Any, ...]:
    row = (event.device, event.time, event.label)
    if event.name:
        return (*row, event.others, event.observed, event.name)
    if event.observed is not None:
        return (*row, event.others, event.observed)
    return (*row, event.others) if event.others else row


def _label(row: Any) -> LabelEvent | IncidentEvent:
    if isinstance(row, dict):
        return IncidentEvent.of_row(row)
    absent: list[Any] = [(), None, ""]
    device, time, label, others, observed, name = row + absent[len(row) - 3 :]
    return LabelEvent(device, math.nan if time is None else time, label, tuple(others), observed, name)


def _reading(value: float | None) -> float:
    return math.nan if value is None else value


def entry_id(written: bytes) -> EntryId:
    """Id as Redis writes it."""
    milliseconds, _, sequence = written.partition(b"-")
    return int(milliseconds), int(sequence)


def id_text(entry: EntryId) -> str:
    """Id as Redis reads it."""
    return f"{entry[0]}-{entry[1]}"
