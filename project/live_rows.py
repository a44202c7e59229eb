"""What an endpoint accepted, as rows of telemetry: those that files with the same events would have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.checks import duration_seconds
from feature_sets.rows.event_micros import event_micros
from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry.cell_text import cell_text
from feature_sets.telemetry.events import LabelEvent, TelemetryEvent, excluding_columns, label_columns
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.incident_events import IncidentEvent
from feature_sets.telemetry.maintenance_event import MaintenanceEvent
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.arrival_order import late
from feature_sets.windows.whole_readings import wholes_of_list
from graphs.protocol.routes import Kind
from graphs.state.accepted_entries import AcceptedEntries
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.journal import TOLD
from graphs.state.journal_entries import RawEntry
from graphs.state.read_anew import ReadAnew
from project.too_late_readings import NewestBuckets

ARRIVED = "(arrived)"
"""Column of the arrival in ``LiveRows.late``."""

_ACCEPTED = "(accepted)"


@dataclass(frozen=True)
class LiveRows:
    """Rows of telemetry that arrived live.

    :param rows: readings and labels, in the order in which they were accepted.
    :param position: id of the last entry that was looked at.
    :param arrived: arrival of the last reading, microseconds since the epoch, see ``live_rows``.
    :param counts: ``readings`` and ``labels`` that were accepted, and those that are left out, by reason.
    :param late: where the schema has no arrival, device, time and ``ARRIVED`` of readings that arrived after
        a later one.
    :param too_late: device and time of readings that are left out as too late, see ``live_rows``.
    :param passed: readings that are left out as their windows had passed, with their values: those too late,
        and those that were counted before.
    :param label_entries: entry of each label in ``rows``.
    :param maintenance: changes of the calendar of maintenance, in their order.
    :param incidents: what was said of incidents, with its arrival in epoch seconds.
    :param lacking: column and why -> readings that have nothing in it, as another schema accepted them.
    :param ignored: metric that is none now -> readings that have it.
    """

    rows: Telemetry
    position: EntryId
    arrived: int
    counts: Mapping[str, int]
    late: pd.DataFrame
    too_late: pd.DataFrame
    label_entries: Sequence[tuple[EntryId, int]] = field(default=())
    maintenance: Sequence[MaintenanceEvent] = field(default=())
    incidents: Sequence[tuple[IncidentEvent, float]] = field(default=())
    lacking: Mapping[tuple[str, str], int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)
    passed: pd.DataFrame = field(default_factory=pd.DataFrame)


class _Reader:
    """The entries of a journal, one after the other."""

    def __init__(self, schema: TelemetrySchema, arrived: int, newest: NewestBuckets | None = None) -> None:
        self.schema, self.newest = schema, newest
        self.anew = ReadAnew(schema)
        self.tolerance = duration_seconds(schema.windows.future_tolerance)
        self.readings: list[tuple[TelemetryEvent, int]] = []
        self.too_late: list[TelemetryEvent] = []
        self.passed: list[tuple[TelemetryEvent, int]] = []
        self.labels: list[LabelEvent] = []
        self.label_entries: list[tuple[EntryId, int]] = []
        self.maintenance: list[MaintenanceEvent] = []
        self.incidents: list[tuple[IncidentEvent, float]] = []
        self.arrived = arrived
        self.counts = dict.fromkeys(
            (
                *("readings", "readings_quarantined", "readings_too_late", "readings_of_other_schema"),
                *("readings_read_anew", "readings_of_other_entity", "readings_taken_before"),
                *("labels", "labels_quarantined", "labels_of_other_column", "labels_of_other_entity"),
            ),
            0,
        )

    def read(self, entry: RawEntry) -> None:
        """Take in the events of one entry; the history has what it told itself."""
        if entry.kind in TOLD:
            return
        if entry.kind == Kind.LABELS:
            self._labels(entry)
        elif entry.kind == Kind.MAINTENANCE:
            self.maintenance += entry.changes
        else:
            self._readings(entry)

    def _readings(self, entry: RawEntry) -> None:
        if not self.anew.reads(entry):
            count = len(entry.rows)
            self.counts["readings"] += count
            self.counts["readings_of_other_schema"] += count
            return
        read = self.anew.entry(entry)
        if read.of_other_schema:
            self.counts["readings_read_anew"] += len(read.events)
        arrival = event_micros(entry.arrival)
        latest = arrival + self.tolerance * 1_000_000
        for event in read.events:
            self.counts["readings"] += 1
            if not self.anew.is_whole(event.device):
                self.counts["readings_of_other_entity"] += 1
                continue
            # A microsecond apart at least, so that the order stays where a request has several.
            self.arrived = max(arrival, self.arrived + 1)
            if event_micros(event.time) > latest:
                self.counts["readings_quarantined"] += 1
            elif self.newest is not None and not self.newest.takes(event.device, event.time, arrival):
                # A request is sent again whose answer was lost: its readings are in the history.
                again = self.newest.has_taken(event.device, event.time)
                self.counts["readings_taken_before" if again else "readings_too_late"] += 1
                self.passed.append((event, self.arrived))
                if not again:
                    self.too_late.append(event)
            else:
                self.readings.append((event, self.arrived))

    def _labels(self, entry: RawEntry) -> None:
        given = entry.decoded(self.anew.columns).labels
        # One that has a name still waits for its event, see ``placed_labels``.
        events = [event for event in given if isinstance(event, LabelEvent) and not event.name]
        self.incidents += [(event, entry.arrival) for event in given if isinstance(event, IncidentEvent)]
        self.counts["labels"] += len(events)
        column = entry.label or self.schema.target
        for event in events:
            # With a horizon, the history makes what is predicted of the label itself.
            value = event.label if column == self.schema.label else event.observed
            if value is None or column.partition("_within_")[0] != self.schema.label.partition("_within_")[0]:
                self.counts["labels_of_other_column"] += 1
            elif not self.anew.is_whole(event.device):
                self.counts["labels_of_other_entity"] += 1
            elif event.time > entry.arrival + self.tolerance:
                self.counts["labels_quarantined"] += 1
            else:
                self.labels.append(event._replace(label=value))
                self.label_entries.append((entry.id, self.arrived))


def live_rows(
    entries: AcceptedEntries,
    schema: TelemetrySchema,
    arrived: int = 0,
    newest: NewestBuckets | None = None,
) -> LiveRows:
    """Rows of the new entries of a journal.

    Readings that were accepted by another schema are read by this one, see ``ReadAnew``. One without any
    metric of this schema is left out, and so is what names a device by fewer columns than this entity has.

    A reading from the future was not counted live and is left out, and so is a label from the future. So is a
    reading that was too late, if ``newest`` is given; with an arrival the history finds those. All others are
    rows, those that were sent again among them: a history knows them. The arrival of a row is that of its
    request; readings that arrived at once, or after the clock was set back, follow each other by a
    microsecond, in the order in which they were counted.

    :param arrived: ``LiveRows.arrived`` of the entries before.
    :param newest: where the devices were before.
    """
    reader = _Reader(schema, arrived, newest)
    for entry in entries.new:
        reader.read(entry)
    metrics = _metrics(reader.readings, schema)
    behind = pd.DataFrame(columns=[DEVICE, schema.time, ARRIVED])
    if schema.arrival is None:
        behind = _late(metrics, entries.before, schema)
        metrics = metrics.drop(columns=ARRIVED)
    columns = [DEVICE, *schema.attributes]
    return LiveRows(
        Telemetry(metrics, _labels(reader.labels, schema), pd.DataFrame(columns=columns, dtype="object")),
        entries.new[-1].id if entries.new else BEFORE_ALL,
        reader.arrived,
        reader.counts,
        behind,
        _keys(reader.too_late, schema),
        reader.label_entries,
        reader.maintenance,
        reader.incidents,
        reader.anew.lacking,
        reader.anew.ignored,
        _metrics(reader.passed, schema),
    )


def _keys(events: Sequence[TelemetryEvent], schema: TelemetrySchema) -> pd.DataFrame:
    return pd.DataFrame(
        {
            DEVICE: pd.Series([event.device for event in events], dtype="object"),
            schema.time: _times([event_micros(event.time) for event in events]),
        }
    )


def _metrics(readings: Sequence[tuple[TelemetryEvent, int]], schema: TelemetrySchema) -> pd.DataFrame:
    events = [event for event, _ in readings]
    values = [[event.metrics[name] for event in events] for name in schema.reading_columns]
    return pd.DataFrame(
        {
            **_keys(events, schema),
            schema.arrival or ARRIVED: _times([arrived for _, arrived in readings]),
            **{
                name: whole_array(*wholes_of_list(name, column, 2**64 - 1))
                if name in schema.whole_columns
                else np.array(column, dtype=np.float64)
                for name, column in zip(schema.reading_columns, values, strict=True)
            },
        }
    )


def _labels(labels: Sequence[LabelEvent], schema: TelemetrySchema) -> pd.DataFrame:
    excluding = list(excluding_columns(schema))
    others = [label.others or (None,) * len(excluding) for label in labels]
    return pd.DataFrame(
        {
            DEVICE: pd.Series([label.device for label in labels], dtype="object"),
            schema.time: _times([event_micros(label.time) for label in labels]),
            schema.label: pd.Series([label.label for label in labels], dtype="int64"),
            **{
                # As the reader of files has them.
                name: pd.Series([cell_text(row[at]) for row in others], dtype="object")
                for at, name in enumerate(excluding)
            },
            # Which part a live label is of, nobody has said.
            **{
                name: pd.Series([None] * len(labels), dtype="object")
                for name in label_columns(schema)
                if name not in excluding
            },
        }
    )


def _times(micros: Sequence[int]) -> pd.Series:
    moments = np.array(micros, dtype=np.int64).view("datetime64[us]").astype("datetime64[ns]")
    return pd.Series(pd.DatetimeIndex(moments, tz="UTC"))


def _late(metrics: pd.DataFrame, before: Sequence[RawEntry], schema: TelemetrySchema) -> pd.DataFrame:
    """Readings that arrived after a later one of their device, each once, with their arrival.

    :param before: entries that were accepted before these.
    """
    reader = _Reader(schema, 0)
    for entry in before:
        if entry.kind == Kind.TELEMETRY:
            reader.read(entry)
    earlier = _metrics(reader.readings, schema)
    both = pd.concat([frame for frame in (earlier, metrics) if len(frame)] or [metrics], ignore_index=True)
    order = np.arange(len(both))
    # In the order in which they were accepted; arrivals of the two parts were made apart from each other.
    both = both.assign(_order=order, **{_ACCEPTED: pd.to_datetime(order, unit="us", utc=True)})
    both = both.drop_duplicates([DEVICE, schema.time], ignore_index=True)
    found = late(both, schema.time, _ACCEPTED) & (both["_order"] >= len(earlier)).to_numpy()
    return both.loc[found, [DEVICE, schema.time, ARRIVED]]


def just_before(entry: EntryId) -> EntryId:
    """The greatest id less than another, as one to begin behind."""
    milliseconds, sequence = entry
    return (milliseconds, sequence - 1) if sequence else (milliseconds - 1, 2**62)


def as_id(given: Any) -> EntryId:
    """Id of an entry as JSON keeps it."""
    milliseconds, sequence = given
    return int(milliseconds), int(sequence)
