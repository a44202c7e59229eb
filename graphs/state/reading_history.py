"""Readings that were ingested before the live stream: they fill a device's windows when it first shows up.

Without them the first live features of a device would be those of a device with a short past, which is not
what the model was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.whole_readings import wholes_of_column
from graphs.state.stored_rows import StoredRows

_SECOND = 1_000_000
"""In microseconds."""

ReadRange = Callable[[pd.Timestamp, pd.Timestamp], pd.DataFrame]


class Readings(NamedTuple):
    """Readings in an order.

    :param micros: event times in microseconds since the epoch, shape (n,).
    :param arrivals: when each arrived, the same; None where that is not known.
    :param values: of the gauges in the order of the schema, shape (n, gauges); NaN is no reading.
    :param wholes: of counters and the uptime, see ``whole_columns`` of the schema, shape (n, columns).
    :param told: whether there is a reading of each.
    """

    micros: npt.NDArray[np.int64]
    arrivals: npt.NDArray[np.int64] | None
    values: npt.NDArray[np.float64]
    wholes: npt.NDArray[np.uint64]
    told: npt.NDArray[np.bool_]

    def take(self, which: npt.NDArray[Any] | slice) -> Readings:
        """Those at some positions, or where a mask says so."""
        arrivals = None if self.arrivals is None else self.arrivals[which]
        return Readings(
            self.micros[which], arrivals, self.values[which], self.wholes[which], self.told[which]
        )


class ReadingHistory:
    """Ingested readings by device, read a stretch of time at a go.

    All devices of a network send at about the same time, so the stretch read for the first of them serves
    the others too.

    Live readings are ingested, too. A replay of the journal tells which readings it is about to give itself,
    see ``leave_out``: they are not part of what was before.

    :param read: (start, end] -> device, time (UTC), readings of every ingested row in that stretch, and when
        it arrived (UTC) where the schema names a column with that.
    :param schema: names the columns and gives the longest window.
    :param find: looks again where the rows are.
    """

    def __init__(
        self, read: ReadRange, schema: TelemetrySchema, find: Callable[[], None] = lambda: None
    ) -> None:
        self._read = read
        self._find = find
        self._time = schema.time
        self._arrival = schema.arrival
        self._wholes: Sequence[str] = schema.whole_columns
        self._gauges = [name for name in schema.reading_columns if name not in self._wholes]
        self.left_out: frozenset[tuple[str, int]] = frozenset()
        """Device and time in microseconds of readings that are not given, see ``leave_out``."""
        definition = WindowDefinition.from_schema(schema)
        self._longest = definition.kept_buckets * definition.period_micros
        # A reading that is later than others by more is taken for one in order.
        self._ahead = max(86_400 * _SECOND, 2 * self._longest) if self._arrival else 0
        self._start = self._end = 0
        self._rows: dict[str, Readings] = {}
        self._reached: dict[str, npt.NDArray[np.int64]] = {}
        """Newest time of a row and those before it."""
        wholes = np.empty((0, len(self._wholes)), np.uint64)
        gauges = np.empty((0, len(self._gauges)))
        self._none = Readings(np.empty(0, np.int64), None, gauges, wholes, wholes > 0)

    def refresh(self) -> None:
        """Take over what was ingested since."""
        self._find()
        self._rows, self._start, self._end = {}, 0, 0

    def leave_out(self, readings: Iterable[tuple[str, float]]) -> None:
        """Readings, by device and time in epoch seconds, that are not given from now on.

        Where it is known when each arrived, that says which came before, and these are not looked at.
        """
        self.left_out = frozenset((device, event_micros(time)) for device, time in readings)

    def before(self, device: str, time: float, arrived: float) -> Readings:
        """Readings of a device that its windows at ``time`` cover, without one at ``time`` itself.

        With arrivals also that one, if it had arrived before: the live one repeats it.

        With counters also those before them from which the rates in these windows are made.

        Where it is known when each arrived, those that had arrived before, even if they are of a later time:
        the device is further then.

        :param time: event time of the first live reading, epoch seconds.
        :param arrived: when that arrived, epoch seconds; what arrived at the same time is not given.
        :returns: in the order of arrival where it is known, else of time.
        """
        moment, now = event_micros(time), event_micros(arrived)
        earliest = moment - self._longest
        latest = min(moment + self._ahead, max(moment, now + self._longest))
        if not (self._start <= earliest and latest <= self._end):
            self._load(earliest, latest + self._longest)
        rows = self._rows.get(device)
        if rows is None:
            return self._none
        # A device may have many rows in the stretch: none are looked at but those of then.
        first = int(np.searchsorted(self._reached[device], earliest, side="right"))
        order, until = (rows.micros, moment) if rows.arrivals is None else (rows.arrivals, now)
        near = rows.take(slice(first, max(first, int(np.searchsorted(order, until, side="left")))))
        if rows.arrivals is not None:
            return near.take(near.micros > earliest)
        if not self.left_out:
            return near
        # Where arrivals are known, a reading that is sent again is known to have been there before.
        return near.take(
            np.array([(device, at) not in self.left_out for at in near.micros.tolist()], dtype=np.bool_)
        )

    def hold(self, start: float, end: float) -> None:
        """Read what ``before`` needs for all readings of a stretch of time at once.

        :param start: event time of the first reading, epoch seconds.
        :param end: of the last one.
        :raises ApiError: 503 if it cannot be read.
        """
        self._load(event_micros(start) - self._longest, event_micros(end) + self._ahead + self._longest)

    def _load(self, start: int, end: int) -> None:
        frame = self._read(_timestamp(start), _timestamp(end))
        order = [self._time] if self._arrival is None else [self._arrival, self._time]
        frame = frame.sort_values(order, kind="stable")
        rows = Readings(
            column_micros(frame[self._time]),
            None if self._arrival is None else column_micros(frame[self._arrival]),
            frame[self._gauges].to_numpy("float64"),
            *self._whole_readings(frame),
        )
        places = frame.groupby(DEVICE, sort=False).indices
        self._rows = {str(device): rows.take(np.asarray(at)) for device, at in places.items()}
        self._reached = {device: np.maximum.accumulate(one.micros) for device, one in self._rows.items()}
        self._start, self._end = start, end

    def _whole_readings(self, frame: pd.DataFrame) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
        """The counters, and whether there is a reading of each."""
        found = [wholes_of_column(frame[name], 2**64 - 1) for name in self._wholes]
        wholes = np.empty((len(frame), len(found)), dtype=np.uint64)
        told = np.empty(wholes.shape, dtype=np.bool_)
        for place, (numbers, given) in enumerate(found):
            wholes[:, place], told[:, place] = numbers, given
        return wholes, told


def _timestamp(micros: int) -> pd.Timestamp:
    return pd.Timestamp(micros, unit="us", tz="UTC")


def stored_readings(uri: str, schema: TelemetrySchema) -> ReadingHistory:
    """History in the offline target of the feature set of the metrics.

    :param uri: ``store://feature-sets/...``.
    :raises InputError: see ``StoredRows``.
    """
    stored = StoredRows(uri, schema, schema.reading_columns)
    return ReadingHistory(stored.between, schema, stored.refresh)
