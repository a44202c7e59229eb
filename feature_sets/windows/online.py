"""The engine of the rolling windows: events in, the current features of their devices out."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.rows.entity_keys import checked_key
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.windows import event_status, kernel
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.plan import Plan
from feature_sets.windows.readings import is_missing, reading, readings_of_column, readings_of_list
from feature_sets.windows.sharded_state import ShardedState
from feature_sets.windows.snapshot import pack, snapshot_field, unpack
from feature_sets.windows.whole_readings import whole_reading, wholes_of_column, wholes_of_list
from feature_sets.windows.window_state import Events

Clock = Callable[[], float | datetime]
Floats = npt.NDArray[np.float64]

_STATUS_NAMES = np.array(event_status.OF_WINDOWS, dtype=object)
_MOST_THREADS = 8
_FEW = 8
"""Up to so many events cost less one by one than the columns of a list."""


class OnlineWindows:
    """Rolling windows of many devices, kept up to date event by event, in order of arrival.

    The meaning of every output is that of ``feature_sets.windows.reference``, and it does not depend on how
    the events are cut into updates. Not for use by several threads.

    :param definition: which windows.
    :param clock: epoch seconds (or a datetime) now; asked once an update.
    :param arrival: field of an event, or column, with the time at which it arrived; where it is missing,
        None or NaN the clock counts.
    :param threads: over which the devices of a long update are spread; None for the cores at hand. The result
        does not depend on it.
    """

    def __init__(
        self,
        definition: WindowDefinition,
        clock: Clock,
        arrival: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.definition = definition
        self.counts: dict[str, int] = dict.fromkeys(event_status.OF_WINDOWS, 0)
        self._clock = clock
        self._arrival = arrival
        self._names = definition.computed_names
        self._metrics = [
            (place, metric)
            for place, metric in enumerate(definition.metrics)
            if metric not in definition.rate_names
        ]
        self._rates = [definition.metrics.index(metric) for metric in definition.rate_names]
        largest = definition.counters.largest if definition.counters else ()
        self._whole = list(zip(definition.whole_columns, largest, strict=True))
        self._tolerance = definition.tolerance_micros
        self._plan = Plan.of(definition)
        self._shards = threads or min(_MOST_THREADS, len(os.sched_getaffinity(0)))
        self._state = ShardedState(self._plan, self._shards)
        # Of one event, made once: making arrays costs more than the windows themselves.
        self._one = Events(1, self._plan)
        self._nothing = [math.nan] * len(self._names)

    @property
    def devices(self) -> tuple[str | int, ...]:
        """Keys of the devices that have a state."""
        return self._state.keys

    @property
    def newest(self) -> dict[str | int, int]:
        """Newest event time of each device, microseconds since the epoch."""
        return self._state.newest()

    @property
    def memory_bytes(self) -> int:
        """Bytes that the state takes: arrays, with what is spare in them, and keys."""
        return self._state.memory_bytes

    @overload
    def update(self, events: Mapping[str, Any]) -> dict[str, Any]: ...
    @overload
    def update(self, events: pd.DataFrame | KeyedRows) -> pd.DataFrame: ...
    @overload
    def update(self, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]: ...
    def update(
        self, events: Mapping[str, Any] | Sequence[Mapping[str, Any]] | pd.DataFrame | KeyedRows
    ) -> dict[str, Any] | list[dict[str, Any]] | pd.DataFrame:
        """Take in one event, or several in order of arrival, and give the features of each as of then.

        :param events: one event, a list of them, or a frame with one a row, also with its keys numbered. Each
            has the key (text or a whole
            number, see ``entity_keys.checked_key``), the event time (epoch seconds or a datetime; UTC if it
            has no zone) and every input of the definition; None, NaN and infinity are no reading. Counters
            are whole numbers. Other readings may be of any size,
            but sums of squares beyond a float, from 1.8e308 on, make ``sqr`` (readings of about 1e154)
            infinite, and ``stddev`` and ``stdvar`` (differences of about 1e154); where the differences from
            the lowest reading of a window add up to as much, ``avg`` and ``sum`` are infinite or NaN.
        :returns: of the same kind: the features by name, the rates of counters by metric, and
            ``event_status``; a frame has the given index, and float64 columns. All features and rates of an
            event that was not counted are NaN.
        :raises KeyError: naming a field that an event lacks.
        :raises InputError: naming a field that is no time, no number or no key. No event was taken in then.
        """
        if type(events) is dict:  # As of every lone event.
            return self._update_one(events)
        if isinstance(events, pd.DataFrame):
            events = KeyedRows.of(events, self.definition.entity, self.definition.timestamp)
        if isinstance(events, KeyedRows):
            return self._update_rows(events)
        if isinstance(events, Mapping):
            return self._update_one(events)
        return self._update_list(events)

    def _update_one(self, event: Mapping[str, Any]) -> dict[str, Any]:
        definition, one = self.definition, self._one
        for place, metric in self._metrics:
            one.values[place, 0] = reading(metric, event[metric])
        for place, (column, largest) in enumerate(self._whole):
            whole = whole_reading(column, event[column], largest)
            one.told[place, 0], one.wholes[place, 0] = whole is not None, whole or 0
        arrived = event.get(self._arrival) if self._arrival is not None else None
        now = event_micros(self._clock() if is_missing(arrived) else arrived)
        time = event_micros(event[definition.timestamp])
        features, name = self._take_one(checked_key(event[definition.entity]), time, now)
        answer: dict[str, Any] = dict(zip(self._names, features, strict=True))
        answer[event_status.COLUMN] = name
        return answer

    def _take_one(self, key: str | int, time: int, now: int) -> tuple[list[float], str]:
        """Take in the event whose readings are in ``_one``; gives its features and its status."""
        one = self._one
        if time > now + self._tolerance:
            status, features = kernel.QUARANTINED, self._nothing
        else:
            one.times[0], one.arrivals[0], one.statuses[0] = time, now, kernel.ACCEPTED
            self._state.take_one(key, one)
            status, features = int(one.statuses[0]), one.features[0].tolist()
            features += one.values[self._rates, 0].tolist() if self._rates else []
        name = event_status.OF_WINDOWS[status]
        self.counts[name] += 1
        return features, name

    def _update_list(self, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        if not events:
            return []
        definition = self.definition
        inputs = [name for _, name in self._metrics] + [name for name, _ in self._whole]
        given = {name: [event[name] for event in events] for name in inputs}
        arrived = None if self._arrival is None else [event.get(self._arrival) for event in events]
        keys = [checked_key(event[definition.entity]) for event in events]
        times = [event_micros(event[definition.timestamp]) for event in events]
        columns = self._taken(keys, np.array(times, dtype=np.int64), arrived, given)
        names = (*self._names, event_status.COLUMN)
        statuses = _STATUS_NAMES[columns.statuses].tolist()
        rows = columns.features.tolist()
        rates = columns.values[self._rates].T.tolist()
        for row, more, status in zip(rows, rates, statuses, strict=True):
            row += [*more, status]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def update_columns(
        self,
        keys: Sequence[str],
        times: Sequence[float] | Floats,
        arrivals: Sequence[float],
        inputs: Mapping[str, Sequence[Any] | Floats],
    ) -> tuple[Floats, list[str]]:
        """Take in several events in order of arrival, given as columns.

        :param keys: texts that are keys.
        :param times: event times, epoch seconds.
        :param arrivals: when each arrived, epoch seconds, or one for all.
        :param inputs: each input of the definition by name, see ``update``; an array has NaN for no reading.
        :returns: features and rates, shape (n, len(computed_names)), as ``update`` gives them, and the status
            of each event.
        """
        if len(keys) <= _FEW and not self._whole:
            return self._update_few(keys, times, arrivals, inputs)
        micros = np.round(np.array(times) * 1_000_000.0).astype(np.int64)
        columns = self._taken(keys, micros, list(arrivals), inputs)
        rates = columns.values[self._rates].T
        found = np.concatenate([columns.features, rates], axis=1) if self._rates else columns.features
        return found, _STATUS_NAMES[columns.statuses].tolist()

    def _update_few(
        self,
        keys: Sequence[str],
        times: Sequence[float] | Floats,
        arrivals: Sequence[float],
        inputs: Mapping[str, Sequence[Any] | Floats],
    ) -> tuple[Floats, list[str]]:
        """``update_columns`` of a few events; all readings are checked before any is taken in."""
        given = [(metric, _listed(inputs[metric])) for _, metric in self._metrics]
        rows = list(zip(*([reading(metric, one) for one in each] for metric, each in given), strict=True))
        micros = [round(time * 1_000_000) for time in _listed(times)]
        arrived = [self._clock() if is_missing(at) else at for at in arrivals]
        moments = [event_micros(at) for at in (arrived if len(arrived) > 1 else arrived * len(keys))]
        features = np.empty((len(keys), len(self._names)))
        statuses: list[str] = []
        places = [place for place, _ in self._metrics]
        for at, (key, row, time, now) in enumerate(zip(keys, rows, micros, moments, strict=True)):
            self._one.values[places, 0] = row
            features[at], status = self._take_one(key, time, now)
            statuses.append(status)
        return features, statuses

    def _taken(
        self,
        keys: Sequence[str | int],
        times: npt.NDArray[np.int64],
        arrived: list[Any] | None,
        given: Mapping[str, Sequence[Any] | Floats],
    ) -> Events:
        """Events that were taken in."""
        columns = Events(len(keys), self._plan)
        for m, metric in self._metrics:
            readings = given[metric]
            columns.values[m] = (
                readings if isinstance(readings, np.ndarray) else readings_of_list(metric, list(readings))
            )
        for c, (name, largest) in enumerate(self._whole):
            columns.wholes[c], columns.told[c] = wholes_of_list(name, list(given[name]), largest)
        columns.times[:] = times
        now = event_micros(self._clock())
        if arrived is None:
            columns.arrivals[:] = now
        elif len(alike := dict.fromkeys(arrived)) == 1:
            at = next(iter(alike))
            columns.arrivals[:] = now if is_missing(at) else event_micros(at)
        else:
            columns.arrivals[:] = [now if is_missing(at) else event_micros(at) for at in arrived]
        each = list(dict.fromkeys(keys))
        if len(each) == len(keys):
            columns.codes[:] = np.arange(len(keys))
        else:
            numbers = {key: number for number, key in enumerate(each)}
            columns.codes[:] = list(map(numbers.__getitem__, keys))
        self._take(columns, each)
        return columns

    def _update_rows(self, events: KeyedRows) -> pd.DataFrame:
        definition, frame = self.definition, events.frame
        wanted = (definition.entity, definition.timestamp)
        if (events.entity, events.time) != wanted:
            raise InputError("rows", f"must be keyed by {wanted}", (events.entity, events.time))
        columns = Events(len(events), self._plan)
        for m, metric in self._metrics:
            columns.values[m] = readings_of_column(frame[metric])
        for c, (name, largest) in enumerate(self._whole):
            columns.wholes[c], columns.told[c] = wholes_of_column(frame[name], largest)
        columns.times, columns.codes = events.micros, events.codes
        columns.arrivals[:] = event_micros(self._clock())
        if self._arrival == events.time:
            columns.arrivals = events.micros
        elif self._arrival is not None and self._arrival in frame:
            arrived = frame[self._arrival]
            told = arrived.notna().to_numpy()
            columns.arrivals[told] = column_micros(arrived if told.all() else arrived[told])
        self._take(columns, events.keys)
        rows = pd.DataFrame(
            columns.features, index=frame.index, columns=list(definition.feature_names), copy=False
        )
        if self._rates:
            rates = pd.DataFrame(
                columns.values[self._rates].T, index=frame.index, columns=list(definition.rate_names)
            )
            # The features are many, so they are not copied; the stubs of pandas do not know that it can.
            rows = pd.concat([rows, rates], axis=1, copy=False)  # type: ignore[call-overload]
        rows[event_status.COLUMN] = _STATUS_NAMES[columns.statuses]
        return rows

    def _take(self, events: Events, keys: Sequence[str | int]) -> None:
        """Take in events of devices with these keys, each of which occurs."""
        quarantined = events.times > events.arrivals + self._tolerance
        events.statuses[quarantined] = kernel.QUARANTINED
        events.features[quarantined] = np.nan
        self._state.take(events, keys, quarantined)
        counts = np.bincount(events.statuses, minlength=len(event_status.OF_WINDOWS)).tolist()
        for name, count in zip(event_status.OF_WINDOWS, counts, strict=True):
            self.counts[name] += count

    def evict(self, idle_seconds: float) -> list[str | int]:
        """Forget devices that sent nothing for a while, by the clock; gives their keys.

        A device that comes back starts anew, so the time must be at least the longest window and, with
        counters, the longest gap of a rate besides. Add the allowed lateness and the tolerance where events
        come late or early: then no window misses a reading.

        :raises InputError: if it is shorter.
        """
        shortest = self.definition.kept_buckets * self.definition.period_micros / 1_000_000
        if not idle_seconds >= shortest:
            what = "the longest window" if self.definition.counters is None else "what rates reach back"
            raise InputError("idle_seconds", f"must be at least {what}, {shortest:g} s", idle_seconds)
        return self._state.forget_idle(event_micros(self._clock()) - round(idle_seconds * 1_000_000))

    def snapshot(self) -> bytes:
        """The whole state, see ``feature_sets.windows.snapshot``; ``restore`` continues from it exactly."""
        keys, arrays = self._state.content()
        return pack(
            {"definition": _described(self.definition), "counts": self.counts, "devices": keys}, arrays
        )

    def restore(self, snapshot: bytes) -> None:
        """Replace the state by that of a snapshot.

        :raises InputError: if it is damaged, has another version or was taken with another definition; the
            state is then as it was.
        """
        header, arrays = unpack(snapshot)
        ours, theirs = _described(self.definition), header["definition"]
        for field in dict.fromkeys([*ours, *theirs]):
            if theirs.get(field) != ours.get(field):
                raise InputError(
                    snapshot_field(f"definition.{field}"), f"must be {ours.get(field)!r}", theirs.get(field)
                )
        state = ShardedState(self._plan, self._shards)
        state.put(header["devices"], arrays)
        self._state = state
        self.counts = {status: int(header["counts"][status]) for status in event_status.OF_WINDOWS}


@lru_cache(maxsize=4)
def _described(definition: WindowDefinition) -> dict[str, Any]:
    """A definition in plain form, which is not changed; it is asked for with each snapshot."""
    return definition.to_dict()


def _listed(values: Sequence[Any] | Floats) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)
