"""In which order readings and labels reached an endpoint, where its history has them in order of time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.derived_features import DerivedFeatures
from feature_sets.model_package.columns import PREDICTED_AT
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.telemetry.events import LabelEvent
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.definition import WindowDefinition
from graphs.protocol.routes import Kind
from graphs.state.accepted_entries import AcceptedEntries
from graphs.state.entry_id import BEFORE_ALL
from graphs.state.journal_entries import RawEntry
from graphs.state.longest_reach import longest_reach
from graphs.state.placed_labels import placed_labels
from project.live_history import CLOCKS_APART_SECONDS, LiveJournal
from project.live_rows import ARRIVED, live_rows
from project.too_late_readings import journaled_readings

_MICRO = 1_000_000

_Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Arrivals:
    """What came out of order while pairs were served.

    :param late: device, time and ``ARRIVED`` of readings that came after a later one of their device; none
        with an arrival in the schema, as the history then counts them from their arrival on, too.
    :param returned: the same of devices that came back after the silence after which an endpoint forgets
        them; the time is that of their newest reading before, or their arrival where that one is not known.
    :param labels: device and time, microseconds -> labels that arrived for it.
    """

    late: pd.DataFrame
    returned: pd.DataFrame
    labels: Mapping[tuple[str, int], frozenset[int]]

    def missed_by(self, pairs: pd.DataFrame, schema: TelemetrySchema) -> _Rows:
        """Pairs that look back on a reading that came after their answer, and late readings themselves."""
        return _found(pairs, self.late, schema, later=True, since=0)

    def summed_otherwise(self, pairs: pd.DataFrame, schema: TelemetrySchema) -> _Rows:
        """Pairs that look back on a late reading that came before their answer."""
        return _found(pairs, self.late, schema, later=False, since=0)

    def begun_anew(self, pairs: pd.DataFrame, schema: TelemetrySchema) -> _Rows:
        """Pairs that look back beyond a silence of their device, answered after it."""
        return _found(pairs, self.returned, schema, later=False, since=-math.inf)

    def other_labels(self, pairs: pd.DataFrame, schema: TelemetrySchema) -> tuple[list[int | None], _Rows]:
        """A label that arrived for each pair, if any did, and which pairs have none of those."""
        keys = zip(pairs[DEVICE], column_micros(pairs[schema.time]).tolist(), strict=True)
        told = [self.labels.get(key, frozenset()) for key in keys]
        differs = [bool(a) and label not in a for a, label in zip(told, pairs[schema.target], strict=True)]
        return [min(each, default=None) for each in told], np.array(differs, dtype=np.bool_)


def arrivals(journal: LiveJournal, schema: TelemetrySchema, files: list[pd.DataFrame]) -> Arrivals:
    """What an endpoint accepted while it served these pairs, and shortly before.

    :raises ApiError: if the journal cannot be read.
    :raises OSError: if a file of its archive cannot be read.
    """
    nothing = pd.DataFrame(columns=[DEVICE, schema.time, ARRIVED])
    if not files:
        return Arrivals(nothing, nothing, {})
    since = min(column_micros(file[PREDICTED_AT]).min() for file in files) / _MICRO
    begin = since - longest_reach(WindowDefinition.from_schema(schema))
    entries = placed_labels(journal.arrived_since(begin), schema.reading_columns).new
    late = live_rows(AcceptedEntries(entries, []), schema).late if schema.arrival is None else nothing
    return Arrivals(late, _returned(entries, schema, begin - CLOCKS_APART_SECONDS), _labels(entries, schema))


def late_devices(journal: LiveJournal, schema: TelemetrySchema) -> frozenset[str]:
    """Devices of which a reading came after a later one, in all that the journal and its archive have.

    :raises ApiError: if the journal cannot be read.
    :raises OSError: if a file of its archive cannot be read.
    """
    newest: dict[str, float] = {}
    found: set[str] = set()
    for device, time, _ in journaled_readings(journal.accepted(BEFORE_ALL).new, schema):
        if time < newest.setdefault(device, time):
            found.add(device)
        newest[device] = max(time, newest[device])
    return frozenset(found)


def _returned(entries: Iterable[RawEntry], schema: TelemetrySchema, begin: float) -> pd.DataFrame:
    """Devices that came back.

    :param begin: from when on there are entries, epoch seconds.
    """
    silence = round(longest_reach(WindowDefinition.from_schema(schema)) * _MICRO)
    devices: dict[str, tuple[int, int]] = {}
    found: list[tuple[str, int, int]] = []
    for device, time, arrival in journaled_readings(entries, schema):
        newest, last = devices.get(device, (arrival, round(begin * _MICRO)))
        if arrival - last >= silence:
            found.append((device, newest, arrival))
        known = device in devices
        devices[device] = max(newest, event_micros(time)) if known else event_micros(time), max(last, arrival)
    frame = pd.DataFrame(found, columns=[DEVICE, schema.time, ARRIVED])
    return frame.assign(
        **{name: pd.to_datetime(frame[name], unit="us", utc=True) for name in (schema.time, ARRIVED)}
    )


def _labels(entries: Iterable[RawEntry], schema: TelemetrySchema) -> dict[tuple[str, int], frozenset[int]]:
    """Labels as they arrived; none where what is joined is made of several statements."""
    found: dict[tuple[str, int], frozenset[int]] = {}
    if schema.horizon_seconds or schema.labels.is_derived:
        return found
    for entry in entries:
        if entry.kind == Kind.LABELS and entry.label in ("", schema.target):
            for event in entry.decoded(()).labels:
                if isinstance(event, LabelEvent) and event.label is not None:
                    key = event.device, event_micros(event.time)
                    found[key] = found.get(key, frozenset()) | {event.label}
    return found


def _found(
    pairs: pd.DataFrame, events: pd.DataFrame, schema: TelemetrySchema, *, later: bool, since: float
) -> _Rows:
    """Pairs whose features look back on an event of their device.

    :param events: device, time and arrival.
    :param later: whether the event must have come after the answer, or with it; else before it.
    :param since: least time from the event to the pair, microseconds.
    """
    definition = WindowDefinition.from_schema(schema)
    # Features of other devices are not looked at where there are late readings.
    relative = DerivedFeatures(schema).relative.names
    reach = math.inf if relative else definition.kept_buckets * definition.period_micros
    columns = (pairs[schema.time], pairs[PREDICTED_AT], events[schema.time], events[ARRIVED])
    times, answered, moments, arrived = map(column_micros, columns)
    rows_of, events_of = (frame.groupby(DEVICE, sort=False).indices for frame in (pairs, events))
    found = np.zeros(len(pairs), dtype=np.bool_)
    for device in rows_of.keys() & events_of.keys():
        rows, at = np.asarray(rows_of[device]), np.asarray(events_of[device])
        at = at[np.argsort(moments[at], kind="stable")]
        first = np.searchsorted(moments[at], times[rows] - reach, side="left")
        end = np.searchsorted(moments[at], times[rows] - since, side="right")
        if later:
            found[rows] = _largest(arrived[at], first, end) >= answered[rows]
        else:
            found[rows] = -_largest(-arrived[at], first, end) <= answered[rows]
        found[rows] &= end > first
    return found


def _largest(
    values: npt.NDArray[np.int64], first: npt.NDArray[np.int64], end: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The largest of the values between two places, for many pairs of places at once.

    Each range is covered by two of a power of two. Bender and Farach-Colton 2000, "The LCA problem
    revisited", LATIN. Where nothing is between, it is any value.
    """
    tables, width = [values], 1
    while 2 * width <= len(values):
        tables.append(np.maximum(tables[-1][:-width], tables[-1][width:]))
        width *= 2
    found = np.zeros(len(first), dtype=np.int64)
    count = end - first
    for power, table in enumerate(tables):
        of_it = (count >= 1 << power) & (count < 2 << power)
        found[of_it] = np.maximum(table[first[of_it]], table[end[of_it] - (1 << power)])
    return found
