"""Readings that an endpoint did not count, as its device had been too far ahead of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows.definition import WindowDefinition
from graphs.protocol.routes import Kind
from graphs.state.accepted_entries import AcceptedEntries, all_entries
from graphs.state.journal_entries import RawEntry
from graphs.state.longest_reach import longest_reach
from graphs.state.read_anew import ReadAnew


class NewestBuckets:
    """The newest bucket of each device, as long as the endpoint does not forget the device.

    :param schema: of the readings.
    :param asked: readings of which it is remembered whether they were counted: device and microseconds.
    """

    def __init__(self, schema: TelemetrySchema, asked: Collection[tuple[str, int]] = ()) -> None:
        definition = WindowDefinition.from_schema(schema)
        self._period, self._lateness = definition.period_micros, definition.lateness_buckets
        self._tolerance = definition.tolerance_micros
        self._idle = round(longest_reach(definition) * 1_000_000)
        self._devices: dict[str, tuple[int, int]] = {}
        self._asked = frozenset(asked)
        self._taken: set[tuple[str, int]] = set()

    def takes(self, device: str, time: float, arrival: int) -> bool:
        """Whether a reading is counted, which is not from the future; the next ones are held against it.

        :param time: of the reading, epoch seconds.
        :param arrival: of its request, microseconds.
        """
        micros = event_micros(time)
        bucket = micros // self._period
        known = self._devices.get(device)
        is_taken = True
        if known is not None and arrival - known[1] <= self._idle:
            newest = known[0]
            self._devices[device] = max(newest, bucket), max(known[1], arrival)
            is_taken = bucket > newest - self._lateness
        else:
            self._devices[device] = bucket, arrival
        if is_taken and (device, micros) in self._asked:
            self._taken.add((device, micros))
        return is_taken

    def has_taken(self, device: str, time: float) -> bool:
        """Whether a reading that is too late now was counted before, so that it was sent again.

        :param time: of the reading, epoch seconds.
        """
        return (device, event_micros(time)) in self._taken

    def may_be_too_late(self, time: float, arrival: int) -> bool:
        """Whether any reading that can have arrived before makes this one too late."""
        latest = (arrival + self._tolerance) // self._period
        return event_micros(time) // self._period <= latest - self._lateness


def newest_before(entries: AcceptedEntries, archive: Path, schema: TelemetrySchema) -> NewestBuckets | None:
    """Where the devices were before the new entries; None with an arrival, by which the history knows it.

    It is decided by the journal alone, from its beginning, so it does not matter how far it was read before.
    What was before is only read where a new reading is so old that it may be too late.

    :raises OSError: if a file cannot be read.
    """
    if schema.arrival is not None:
        return None
    rule = NewestBuckets(schema)
    old = {
        (device, event_micros(time))
        for device, time, arrival in journaled_readings(entries.new, schema)
        if rule.may_be_too_late(time, arrival)
    }
    found, devices = NewestBuckets(schema, old), {device for device, _ in old}
    first = entries.new[0].id if entries.new else None
    if devices:
        before = (entry for entry in all_entries(entries, archive) if first is None or entry.id < first)
        for device, time, arrival in journaled_readings(before, schema):
            if device in devices:
                found.takes(device, time, arrival)
    return found


def journaled_readings(
    entries: Iterable[RawEntry], schema: TelemetrySchema
) -> Iterator[tuple[str, float, int]]:
    """Device, time and arrival of readings that were not from the future; the arrival in microseconds."""
    anew = ReadAnew(schema)
    tolerance = WindowDefinition.from_schema(schema).tolerance_micros
    for entry in entries:
        if entry.kind == Kind.TELEMETRY and anew.reads(entry):
            arrival = event_micros(entry.arrival)
            for device, time, *_ in entry.rows:
                if event_micros(time) <= arrival + tolerance:
                    yield device, time, arrival
