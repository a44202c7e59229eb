"""What the windows of an endpoint held, made anew from its journal in the order in which readings came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.derived_features import DerivedFeatures
from feature_sets.model_package.columns import PREDICTED_AT
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry.events import TelemetryEvent
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.whole_readings import wholes_of_list
from graphs.protocol.routes import Kind
from graphs.state.longest_reach import longest_reach
from graphs.state.read_anew import ReadAnew
from graphs.state.reading_history import ReadingHistory, Readings
from project.live_history import LiveJournal

_MICRO = 1_000_000
_ARRIVAL = "(arrival)"
_ROWS = 200_000
"""Readings that are given to windows at once, about."""


class Past(NamedTuple):
    """A course of events by which the windows of a device may have come to what they held.

    :param start: the reading, by its place, with which they began.
    :param ingested: how many of the readings before were in the history by then.
    :param filled: a later one before which they were filled from the history again, as after a restart or an
        ingestion; None for none.
    """

    start: int
    ingested: int
    filled: int | None = None


@dataclass
class _Sent:
    """What the journal has of a device, in order of arrival."""

    micros: list[int] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    events: list[TelemetryEvent] = field(default_factory=list)
    before: dict[int, Readings] = field(default_factory=dict)
    """What the history has before a reading, by its place: each course asks anew, and files are slow."""

    def place(self, time: int, answered: int) -> int | None:
        """Which reading a prediction is of; None if the journal has none."""
        places = [at for at, micros in enumerate(self.micros) if micros == time]
        then = [at for at in places if self.arrivals[at] == answered]
        return min(then or places, default=None)

    def starts(self, idle: int) -> list[int]:
        """Readings before which the device may have been forgotten; the first, and each after a silence."""
        last, found = -idle, []
        for place, arrival in enumerate(self.arrivals):
            if not place or arrival - last >= idle:
                found.append(place)
            last = max(last, arrival)
        return found


class LiveOrder:
    """Windows of what an endpoint accepted, reading by reading, as its own were.

    The history has the same readings in another order, or from the beginning of a device. An endpoint takes
    them as they come, and begins a device that was silent for long anew, with what is ingested by then.
    Nobody has written down when it forgot a device, nor what was ingested by then, so each course that is
    possible is tried: what was served must be that of one of them, to the last bit.

    :param journal: of the endpoint.
    :param schema: of its readings.
    :param history: of what was ingested.
    """

    def __init__(self, journal: LiveJournal, schema: TelemetrySchema, history: ReadingHistory) -> None:
        self._journal, self._schema, self._history = journal, schema, history
        self._definition = WindowDefinition.from_schema(schema)
        self._reach = self._definition.kept_buckets * self._definition.period_micros
        self._derived = DerivedFeatures(schema)
        self.names = (*self._definition.computed_names, *self._derived.names)
        """Features that are made here."""
        self.relative = frozenset(self._derived.relative.names)
        """Features that cannot be made: they depend on all that a device ever sent, in its order."""
        self._wholes: Sequence[str] = schema.whole_columns
        self._gauges = [name for name in schema.reading_columns if name not in self._wholes]

    def closest(
        self, pairs: pd.DataFrame, names: Sequence[str]
    ) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
        """The features that the endpoint must have had, by the course that comes closest to what was served.

        :param pairs: device, time, ``PREDICTED_AT``, and the features as they were served.
        :param names: of these features, among those of ``names`` of this class.
        :returns: the features, a row for each pair, and of which pairs the journal has the reading.
        :raises ApiError: if the journal or the history cannot be read.
        :raises OSError: if a file of the archive cannot be read.
        """
        found = np.full((len(pairs), len(names)), np.nan)
        known = np.zeros(len(pairs), dtype=np.bool_)
        times, answered = column_micros(pairs[self._schema.time]), column_micros(pairs[PREDICTED_AT])
        said = pairs[list(names)].to_numpy(dtype=np.float64)
        of_device = pairs.groupby(DEVICE, sort=False).indices
        sent = self._sent(set(map(str, of_device)), int(times.min()))
        for device, which in of_device.items():
            rows = np.asarray(which).tolist()
            readings = sent.get(str(device), _Sent())
            places = [readings.place(int(times[row]), int(answered[row])) for row in rows]
            wanted = [(row, place) for row, place in zip(rows, places, strict=True) if place is not None]
            known[[row for row, _ in wanted]] = True
            self._search(str(device), readings, wanted, said, found, names)
        return pd.DataFrame(found, columns=list(names), index=pairs.index), known

    def _sent(self, devices: set[str], earliest: int) -> dict[str, _Sent]:
        """What the journal has of devices that a window of then can hold; not what was from the future."""
        tolerance = self._definition.tolerance_micros
        anew = ReadAnew(self._schema)
        found: dict[str, _Sent] = {}
        for entry in self._journal.arrived_since((earliest - self._reach - tolerance) / _MICRO).new:
            if entry.kind != Kind.TELEMETRY or not anew.reads(entry):
                continue
            arrival = event_micros(entry.arrival)
            for event in anew.entry(entry).events:
                if event.device in devices and event_micros(event.time) <= arrival + tolerance:
                    of_device = found.setdefault(event.device, _Sent())
                    of_device.micros.append(event_micros(event.time))
                    of_device.arrivals.append(arrival)
                    of_device.events.append(event)
        return found

    def _search(
        self,
        device: str,
        sent: _Sent,
        wanted: Iterable[tuple[int, int]],
        said: npt.NDArray[np.float64],
        found: npt.NDArray[np.float64],
        names: Sequence[str],
    ) -> None:
        """Put the closest features of some pairs of a device into ``found``."""
        open_ones = dict(wanted)
        fewest = dict.fromkeys(open_ones, len(names) + 1)
        readings = self._readings(sent)
        for pasts in self._pasts(sent, lambda: set(open_ones.values())):
            if not open_ones:
                return
            end = max(open_ones.values()) + 1
            pasts = [past for past in pasts if max(past.start, past.filled or 0) < end]
            if not pasts:
                continue
            for past, features in zip(
                pasts, self._made(device, sent, readings, pasts, end, names), strict=True
            ):
                for row, place in list(open_ones.items()):
                    at = place - past.start
                    if place < max(past.start, past.filled or 0):
                        continue
                    made = features[at]
                    differing = np.count_nonzero(
                        ~((made == said[row]) | (np.isnan(made) & np.isnan(said[row])))
                    )
                    if differing < fewest[row]:
                        fewest[row], found[row] = int(differing), made
                    if not differing:
                        del open_ones[row]

    def _pasts(self, sent: _Sent, places: Any) -> Iterator[list[Past]]:
        """Courses that are possible, likely ones first, in portions that are tried at once.

        :param places: gives the readings that are still to be explained.
        """
        idle = round(longest_reach(self._definition) * _MICRO)
        starts = sent.starts(idle)
        yield [Past(start, start) for start in reversed(starts)]
        yield [Past(start, 0) for start in reversed(starts) if start]
        for start in reversed(starts):
            last = max((place for place in places() if place >= start), default=None)
            if last is None:
                continue
            reached = (
                place + 1
                for place in range(start)
                if sent.micros[start] - self._reach < sent.micros[place] < sent.micros[start]
            )
            tried = [Past(start, count) for count in reached if count < start]
            tried += [Past(start, 0, place) for place in range(start + 1, last + 1)]
            size = max(1, _ROWS // (2 * len(sent.micros)))
            yield from (tried[at : at + size] for at in range(0, len(tried), size))

    def _made(
        self,
        device: str,
        sent: _Sent,
        readings: Readings,
        pasts: Sequence[Past],
        end: int,
        names: Sequence[str],
    ) -> list[npt.NDArray[np.float64]]:
        """Features of the readings from the start of each course up to an end, shape (readings, names)."""
        parts: list[tuple[int, Readings, npt.NDArray[np.int64], bool]] = []
        arrivals = np.array(sent.arrivals, dtype=np.int64)
        for number, past in enumerate(pasts):
            for first, behind, ingested in (
                (past.start, end if past.filled is None else past.filled, past.ingested),
                (past.filled, end, past.filled),
            ):
                if first is None or ingested is None:
                    continue
                filling = self._filling(device, sent, readings, first, ingested)
                parts.append((number, filling, np.full(len(filling.micros), arrivals[first]), False))
                rows = np.arange(first, behind)
                parts.append((number, readings.take(rows), arrivals[rows], True))
        keys = np.repeat([str(part[0]) for part in parts], [len(part[1].micros) for part in parts])
        live = np.repeat([part[3] for part in parts], [len(part[1].micros) for part in parts])
        given = self._frame(keys, [part[1] for part in parts], np.concatenate([part[2] for part in parts]))
        found = OnlineWindows(self._definition, lambda: 0.0, _ARRIVAL).update(given)
        if self._derived.names:
            made = self._derived.of(found[list(self._derived.inputs)].to_numpy(dtype=np.float64))
            found = pd.concat(
                [found, pd.DataFrame(made, found.index, columns=list(self._derived.names))], axis=1
            )
        features = found.loc[live, list(names)].to_numpy(dtype=np.float64)
        sizes = [end - past.start for past in pasts]
        return np.split(features, np.cumsum(sizes)[:-1])

    def _filling(self, device: str, sent: _Sent, readings: Readings, first: int, ingested: int) -> Readings:
        """What the endpoint found in the history before a reading, with so many of the journal."""
        before = sent.before.get(first)
        if before is None:
            before = self._history.before(device, sent.micros[first] / _MICRO, sent.arrivals[first] / _MICRO)
            sent.before[first] = before
        early = set(sent.micros[:ingested])
        later = {
            micros: place
            for place, micros in reversed(list(enumerate(sent.micros)))
            if place >= ingested and micros not in early
        }
        # A file may have another reading of that time; then it is that of the history.
        kept = [
            micros not in later or not _is_same(before, row, readings, later[micros])
            for row, micros in enumerate(before.micros.tolist())
        ]
        return before.take(np.array(kept, dtype=np.bool_))

    def _readings(self, sent: _Sent) -> Readings:
        """The same as columns."""
        metrics = [event.metrics for event in sent.events]
        shape = (len(metrics), len(self._wholes))
        wholes, told = np.empty(shape, np.uint64), np.empty(shape, np.bool_)
        for place, name in enumerate(self._wholes):
            numbers, given = wholes_of_list(name, [each[name] for each in metrics], 2**64 - 1)
            wholes[:, place], told[:, place] = numbers, given
        values = np.array([[each[name] for name in self._gauges] for each in metrics], dtype=np.float64)
        return Readings(
            np.array(sent.micros, dtype=np.int64),
            None,
            values.reshape(len(metrics), len(self._gauges)),
            wholes,
            told,
        )

    def _frame(
        self, keys: npt.NDArray[Any], parts: Sequence[Readings], arrivals: npt.NDArray[np.int64]
    ) -> pd.DataFrame:
        """Readings as windows take them."""
        values = np.concatenate([part.values for part in parts])
        wholes = np.concatenate([part.wholes for part in parts])
        told = np.concatenate([part.told for part in parts])
        columns = zip(self._wholes, wholes.T, told.T, strict=True)
        return pd.DataFrame(
            {
                DEVICE: keys.astype(object),
                self._schema.time: np.concatenate([part.micros for part in parts]).view("datetime64[us]"),
                _ARRIVAL: arrivals.view("datetime64[us]"),
                **dict(zip(self._gauges, values.T, strict=True)),
                **{name: whole_array(numbers, given) for name, numbers, given in columns},
            }
        )


def _is_same(left: Readings, row: int, right: Readings, place: int) -> bool:
    """Whether two readings have the same values."""
    return (
        np.array_equal(left.values[row], right.values[place], equal_nan=True)
        and np.array_equal(left.told[row], right.told[place])
        and np.array_equal(left.wholes[row] * left.told[row], right.wholes[place] * right.told[place])
    )
