"""The calendar of maintenance that a history stands on, source by source, in the manifest of its labels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from feature_sets.device_labels import device_labels
from feature_sets.ingestion.history.computed import Ranges
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.telemetry.calendar import Calendar, Maintenance
from feature_sets.telemetry.device_part import may_be_part
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.intervals import Intervals, Span
from feature_sets.telemetry.maintenance_columns import IN_MAINTENANCE
from feature_sets.telemetry.maintenance_event import FILE_PREFIX
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.valid_from import from_beginning

CALENDAR = "maintenance"
"""What was read of a source into the labels: the entries of its calendar, under this name."""

SCOPES = "attributes of the maintenance"
"""Source in the manifest that says which attributes of devices the scopes were compared with."""

LIVE = "live"
"""Source of what endpoints accepted. Its entries keep their ids, those of files get a prefix."""

Sources = Mapping[str, Mapping[str, Any]]


def calendar_of(sources: Sources) -> dict[str, Maintenance]:
    """The entries of all sources by name."""
    return {
        name if source == LIVE else f"{FILE_PREFIX}{name}": Maintenance.from_list(entry)
        for source, read in sources.items()
        for name, entry in read.get(CALENDAR, {}).items()
    }


def with_calendar(
    schema: TelemetrySchema,
    sources: Sources,
    before: Sources,
    source: str,
    calendar: Calendar | None,
    attributes: pd.DataFrame | None,
) -> Sources:
    """What was read of the sources into the labels, with the calendar of one of them; see ``SCOPES`` too.

    :param before: what was read earlier; the calendar of the source stays if it says nothing of it now.
    :param source: whose calendar is given.
    """
    if schema.maintenance is None:
        return sources
    entries = before.get(source, {}).get(CALENDAR, {})
    if calendar is not None:
        entries = {name: calendar[name].to_list() for name in sorted(calendar)}
    found = {name: read for name, read in sources.items() if name != SCOPES}
    read = {name: content for name, content in found.get(source, {}).items() if name != CALENDAR}
    if entries or source in found:
        found[source] = {**read, CALENDAR: entries} if entries else read
    digest = scopes_digest(schema, calendar_of(found), attributes)
    compared: dict[str, Any] = {"digest": digest} if digest else {}
    if any(_names_a_part(schema, entry) for entry in calendar_of(found).values()):
        compared["by_part"] = True  # Labels of before that was compared are made anew.
    return {**found, SCOPES: compared} if compared else found


def intervals_of(schema: TelemetrySchema, calendar: Calendar, attributes: pd.DataFrame | None) -> Intervals:
    """When devices are in maintenance.

    :param attributes: of the devices, with ``valid_from``; None if there are none.
    """
    entries = {name: entry.interval for name, entry in calendar.items()}
    return Intervals(schema, entries, _spans(attributes, _attributes(schema, calendar)))


def scopes_digest(schema: TelemetrySchema, calendar: Calendar, attributes: pd.DataFrame | None) -> str:
    """Digest of the attributes that scopes of the calendar are compared with; empty if there are none."""
    columns = _attributes(schema, calendar)
    if not columns or attributes is None:
        return ""
    rows = from_beginning(attributes)[[DEVICE, VALID_FROM, *columns]].astype(object)
    lines = [repr(tuple(map(str, row))) for row in rows.itertuples(index=False, name=None)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def changed_times(schema: TelemetrySchema, before: Sources, now: Sources) -> Ranges:
    """Times in which two states of the sources may say something else about some device, half open."""
    old, new = calendar_of(before), calendar_of(now)
    changed = [entry for name, entry in old.items() if name not in new or new[name][:3] != entry[:3]]
    changed += [entry for name, entry in new.items() if name not in old or old[name][:3] != entry[:3]]
    if before.get(SCOPES) != now.get(SCOPES):
        changed += [
            entry
            for entry in new.values()
            if _attributes(schema, {"": entry}) or _names_a_part(schema, entry)
        ]
    merged: list[tuple[int, int]] = []
    for start, end in sorted({(entry.start, entry.end) for entry in changed}):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def rows_in_maintenance(schema: TelemetrySchema) -> dict[str, int]:
    """How many labels of the history are in maintenance, as a result of a job; nothing without a calendar."""
    history = StoredHistory.of(device_labels(schema)) if schema.maintenance is not None else None
    if history is None:
        return {}
    counts = (
        pc.sum(history.folder.read(file.path, [IN_MAINTENANCE])[IN_MAINTENANCE]).as_py() or 0
        for file in history.manifest.files
    )
    return {"label_rows_in_maintenance": int(sum(counts))}


@dataclass(frozen=True)
class CalendarChange:
    """The calendar that a history is going to stand on.

    :param intervals: when devices are in maintenance.
    :param again: times in which that says something else than before, see ``changed_times``.
    """

    intervals: Intervals
    again: Ranges

    @classmethod
    def of(
        cls, schema: TelemetrySchema, before: Sources, now: Sources, attributes: pd.DataFrame | None
    ) -> CalendarChange:
        """From one state of the sources to another."""
        intervals = intervals_of(schema, calendar_of(now), attributes)
        return cls(intervals, changed_times(schema, before, now))


def _attributes(schema: TelemetrySchema, calendar: Calendar) -> list[str]:
    """Columns of scopes that are not of the key."""
    used = {column for entry in calendar.values() for column, _ in entry.scope}
    return sorted(used - {DEVICE, *schema.entity})


def _names_a_part(schema: TelemetrySchema, entry: Maintenance) -> bool:
    """Whether a scope names devices by a part of their keys; see ``device_part``."""
    return any(column == DEVICE and may_be_part(value, schema) for column, value in entry.scope)


def _spans(attributes: pd.DataFrame | None, columns: Sequence[str]) -> dict[str, list[Span]]:
    """Attributes of each device in order of time."""
    found: dict[str, list[Span]] = {}
    if attributes is None or not columns:
        return found
    rows = from_beginning(attributes)
    times = rows[VALID_FROM].dt.tz_localize(None).to_numpy("datetime64[us]").astype("int64").tolist()
    values = [rows[column].where(rows[column].notna(), None).tolist() for column in columns]
    for device, start, *row in zip(rows[DEVICE].tolist(), times, *values, strict=True):
        found.setdefault(device, []).append(Span(start, dict(zip(columns, row, strict=True))))
    return found
