"""The calendar of maintenance in memory: what the history knows, and what was posted since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import pandas as pd

from feature_sets.ingestion.maintenance_history import calendar_of, intervals_of
from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.calendar import Calendar, Maintenance
from feature_sets.telemetry.intervals import OPEN, Scope
from feature_sets.telemetry.maintenance_event import MaintenanceEvent
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state.moving_feature_set import MovingFeatureSet, stored_attributes_of, stored_history


class Known(NamedTuple):
    """What a history knows of maintenance.

    :param entries: of the calendar, by name.
    :param attributes: of the devices, with the time from which they hold; None if there are none.
    """

    entries: Calendar
    attributes: pd.DataFrame | None


class CalendarSource(Protocol):
    """Where the calendar of the history comes from."""

    def read(self) -> Known:
        """What it is now.

        :raises ApiError: 503 if it cannot be read.
        """


class NoCalendar:
    """A graph without a history."""

    def read(self) -> Known:
        """Nothing."""
        return Known({}, None)


class StoredCalendar:
    """The calendar beside the labels of a project, with the attributes of its devices.

    :param labels: ``store://feature-sets/...`` of the labels.
    :param devices: of the devices; empty if there are none.
    """

    def __init__(self, labels: str, devices: str = "") -> None:
        self._labels = MovingFeatureSet(labels)
        self._devices = MovingFeatureSet(devices) if devices else None

    def read(self) -> Known:
        """What the newest ingestion left."""
        self._labels.refresh()
        labels = self._labels.read(stored_history)
        entries = calendar_of(labels.manifest.sources) if labels else {}
        attributes = None
        if self._devices is not None:
            self._devices.refresh()
            attributes = self._devices.read(stored_attributes_of)
        return Known(entries, attributes)


class MaintenanceCalendar:
    """When devices are in maintenance: what was posted, and what was taken over from the history.

    Nothing of the history is taken over by itself, so that a replay has it where it was taken over, see
    ``untold``.

    :param schema: with ``maintenance``.
    :param source: of what the history knows.
    """

    def __init__(self, schema: TelemetrySchema, source: CalendarSource) -> None:
        self._schema, self._source = schema, source
        self._entries: dict[str, Maintenance] = {}
        self._posted: dict[str, int] = {}
        self._oldest: int | None = None
        self._known = source.read()
        self._combine()

    def reload(self) -> None:
        """Read again what the history knows; its attributes of devices count from now on.

        :raises ApiError: 503 if it cannot be read; what is known stays.
        """
        self._known = self._source.read()
        self._combine()

    def untold(self) -> list[MaintenanceEvent]:
        """What the history knows otherwise; an id that was posted is left as it was posted."""
        known = {
            name: entry
            for name, entry in self._known.entries.items()
            if name not in self._posted and not self._is_over(entry)
        }
        found = [
            MaintenanceEvent(name, entry) for name, entry in known.items() if self._entries.get(name) != entry
        ]
        gone = [name for name in self._entries if name not in known and name not in self._posted]
        return found + [MaintenanceEvent(name, None) for name in gone]

    def _combine(self) -> None:
        self._intervals = intervals_of(self._schema, self._entries, self._known.attributes)
        self._columns = {column for entry in self._entries.values() for column, _ in entry.scope}

    def __contains__(self, name: object) -> bool:
        """Whether there is an entry of this name, or one was posted and taken back."""
        return name in self._entries or name in self._posted

    @property
    def entries(self) -> Mapping[str, Maintenance]:
        """All entries by name."""
        return self._entries

    @property
    def cancelled(self) -> set[str]:
        """Names of entries that were posted and taken back, until they would be forgotten."""
        return self._posted.keys() - self._entries.keys()

    def put(self, event: MaintenanceEvent, is_posted: bool = True) -> None:
        """Take a change over.

        :param is_posted: whether it was posted, and not taken over from the history.
        """
        before = self._entries.get(event.id)
        if is_posted:
            said = event.entry or before
            if said is not None:
                self._posted[event.id] = _over(said, is_none=event.entry is None)
            else:  # Taken back before, or never told of.
                self._posted.setdefault(event.id, 0)
        if event.entry is None:
            self._entries.pop(event.id, None)
            self._intervals.drop(event.id)
        elif self._columns.issuperset(column for column, _ in event.entry.scope):
            self._entries[event.id] = event.entry
            self._intervals.put(event.id, event.entry.interval)
        else:  # Its scope may ask for attributes that none had asked for.
            self._entries[event.id] = event.entry
            self._combine()

    def forget(self, before: float) -> None:
        """Forget entries that were over before a time, epoch seconds, and are asked for no more."""
        self._oldest = event_micros(before)
        for name in [name for name, entry in self._entries.items() if self._is_over(entry)]:
            del self._entries[name]
            self._intervals.drop(name)
        for name in [name for name, end in self._posted.items() if end < self._oldest]:
            del self._posted[name]

    def saved(self) -> dict[str, Any]:
        """Entries and what was posted, in plain form; ``restore`` goes on from it."""
        return {
            "entries": [[name, entry.to_list()] for name, entry in self._entries.items()],
            "posted": self._posted,
            "oldest": self._oldest,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Have what was saved in the place of all entries."""
        self._entries = {name: Maintenance.from_list(entry) for name, entry in saved["entries"]}
        self._posted = dict(saved["posted"])
        self._oldest = saved["oldest"]
        self._combine()

    def _is_over(self, entry: Maintenance) -> bool:
        return self._oldest is not None and _over(entry) < self._oldest

    def at(self, device: str, time: float) -> str | None:
        """Name of the entry that a device is in at a time; None if it is in none.

        :param time: epoch seconds.
        """
        return self._intervals.at(device, event_micros(time))

    def is_idle(self, moment: float) -> bool:
        """Whether no entry, of whichever device, has begun and is not over at a time.

        :param moment: epoch seconds.
        """
        micros = event_micros(moment)
        return not any(entry.start <= micros < entry.end for entry in self._entries.values())

    def meets(self, device: str, time: float, seconds: float) -> bool:
        """Whether a device is in maintenance at a time, or within so many seconds after it."""
        first = event_micros(time)
        return self._intervals.meets(device, first, first + round(seconds * 1_000_000))

    def covers(self, scope: Scope, device: str) -> bool:
        """Whether a device is in a scope at any time."""
        return self._intervals.covers(scope, device)


def _over(entry: Maintenance, is_none: bool = False) -> int:
    """When nobody asks for an entry any more, microseconds.

    :param is_none: whether it was taken back.
    """
    return entry.start if is_none and entry.end == OPEN else entry.end
