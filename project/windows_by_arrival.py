"""What the windows of an endpoint held, made anew from its journal in the order in which readings came."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.derived_features import DerivedFeatures
from feature_sets.model_package.columns import PREDICTED_AT
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows import event_status
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from graphs.protocol.routes import Kind
from graphs.state.longest_reach import longest_reach
from graphs.state.read_anew import ReadAnew
from graphs.state.reading_history import ReadingHistory, Readings
from project.journaled_device import JournaledDevice
from project.live_history import LiveJournal

_MICRO = 1_000_000
_ARRIVAL = "(arrival)"
_ROWS = 200_000
"""Readings that are given to windows at once, about."""

ROWS_A_READING, ROWS_MORE = 50, 1_000_000
"""The most that is computed in search of the courses of a device: this many rows for each of its readings in
the journal, and so many more."""

Floats = npt.NDArray[np.float64]


class Past(NamedTuple):
    """A course of events by which the windows of a device may have come to what they held.

    :param start: the reading, by its place, with which they began.
    :param ingested: how many of the readings before were in the history by then; None where all before is out
        of reach of ``first``, so that nothing has to be known of it.
    :param first: the first reading that it may explain.
    :param end: behind the last one.
    :param filled: a later one before which they were filled from the history again, as after a restart or an
        ingestion; None for none.
    :param files: whether rows of files, which did not come live, were in the history when they began.
    """

    start: int
    ingested: int | None
    first: int
    end: int
    filled: int | None = None
    files: bool = True


class _Open:
    """Pairs of a device that no course explains yet."""

    def __init__(self, wanted: Iterable[tuple[int, int]]) -> None:
        self.rows: dict[int, list[int]] = {}
        for row, place in wanted:
            self.rows.setdefault(place, []).append(row)
        self._sorted = sorted(self.rows)

    def between(self, first: int, end: int) -> list[int]:
        """Places of those from one place up to another."""
        at = slice(bisect.bisect_left(self._sorted, first), bisect.bisect_left(self._sorted, end))
        return [place for place in self._sorted[at] if place in self.rows]


class LiveOrder:
    """Windows of what an endpoint accepted, reading by reading, as its own were.

    The history has the same readings in another order, or from the beginning of a device. An endpoint takes
    them as they come, and begins a device that was silent for long anew, with what is ingested by then.
    Nobody has written down when it forgot a device, nor what was ingested by then, so courses that are
    possible are tried, likely ones first: what was served must be that of one of them, to the last bit. A
    course is tried on the readings that it can tell from others alone, and no more is computed than
    ``ROWS_A_READING`` and ``ROWS_MORE`` say.

    :param journal: of the endpoint.
    :param schema: of its readings.
    :param history: of what was ingested.
    :param tell: is given what is done, for people.
    """

    def __init__(
        self,
        journal: LiveJournal,
        schema: TelemetrySchema,
        history: ReadingHistory,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._journal, self._schema, self._history, self._tell = journal, schema, history, tell
        self._definition = WindowDefinition.from_schema(schema)
        period = self._definition.period_micros
        self._reach = self._definition.kept_buckets * period
        # A reading may be as late as that, and its bucket begins before it.
        self._span = self._reach + (self._definition.lateness_buckets + 1) * period
        self.idle = round(longest_reach(self._definition) * _MICRO)
        """How long a device is silent before it may be forgotten, microseconds."""
        self._derived = DerivedFeatures(schema)
        self.names = (*self._definition.computed_names, *self._derived.names)
        """Features that are made here."""
        self.relative = frozenset(self._derived.relative.names)
        """Features that depend on all that a device ever sent: see ``LiveLevelOrder``."""
        self._wholes: Sequence[str] = schema.whole_columns
        self._gauges = [name for name in schema.reading_columns if name not in self._wholes]
        self._fitting: dict[str, dict[int, Counter[Past]]] = {}

    def journaled(self, pairs: pd.DataFrame) -> dict[str, JournaledDevice]:
        """What the journal has of the devices of pairs that a window of then can hold.

        What was from the future is not of it.

        :param pairs: device and time.
        :raises ApiError: if the journal cannot be read.
        :raises OSError: if a file of the archive cannot be read.
        """
        tolerance, devices = self._definition.tolerance_micros, set(map(str, pairs[DEVICE].unique()))
        times = column_micros(pairs[self._schema.time])
        anew = ReadAnew(self._schema)
        found: dict[str, JournaledDevice] = {}
        for entry in self._journal.arrived_since((times.min() - self._reach - tolerance) / _MICRO).new:
            if entry.kind != Kind.TELEMETRY or not anew.reads(entry):
                continue
            arrival = event_micros(entry.arrival)
            for event in anew.entry(entry).events:
                if event.device in devices and event_micros(event.time) <= arrival + tolerance:
                    found.setdefault(event.device, JournaledDevice()).add(event, arrival)
        self._fitting = {}
        # A reading of which it is asked may be of any time, but nearly all are of these.
        self._history.hold((times.min() - self._reach) / _MICRO, times.max() / _MICRO)
        return found

    def closest(
        self, pairs: pd.DataFrame, names: Sequence[str], journaled: Mapping[str, JournaledDevice]
    ) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
        """The features that the endpoint must have had, by the course that comes closest to what was served.

        :param pairs: device, time, ``PREDICTED_AT``, and the features as they were served.
        :param names: of these features, among those of ``names`` of this class.
        :param journaled: see there.
        :returns: the features, a row for each pair, and of which pairs the journal has the reading.
        :raises ApiError: if the history cannot be read.
        """
        found = np.full((len(pairs), len(names)), np.nan)
        known = np.zeros(len(pairs), dtype=np.bool_)
        said = pairs[list(names)].to_numpy(dtype=np.float64)
        of_device = self.places(pairs, journaled)
        for number, (device, wanted) in enumerate(of_device.items()):
            self._tell(f"windows of {device}, {number + 1:,} of {len(of_device):,} devices with a silence")
            known[[row for row, _ in wanted]] = True
            self._search(device, journaled[device], wanted, said, found, names)
        return pd.DataFrame(found, columns=list(names), index=pairs.index), known

    def beside_files(
        self, pairs: pd.DataFrame, journaled: Mapping[str, JournaledDevice]
    ) -> npt.NDArray[np.bool_]:
        """Pairs in whose windows the history has readings that came by file, later than a live one.

        The file may have come after the answer.

        :raises ApiError: if the history cannot be read.
        """
        found = np.zeros(len(pairs), dtype=np.bool_)
        for device, wanted in self.places(pairs, journaled).items():
            sent = journaled[device]
            for row, place in wanted:
                moment, arrived = (int(each[place]) / _MICRO for each in (sent.micros, sent.arrivals))
                before = self._history.before(device, moment, arrived).micros
                found[row] = any(at > sent.micros[0] and at not in sent.places for at in before.tolist())
        return found

    def places(
        self, pairs: pd.DataFrame, journaled: Mapping[str, JournaledDevice]
    ) -> dict[str, list[tuple[int, int]]]:
        """Device -> row and place of each pair whose reading the journal has."""
        times, answered = column_micros(pairs[self._schema.time]), column_micros(pairs[PREDICTED_AT])
        found: dict[str, list[tuple[int, int]]] = {}
        for device, which in pairs.groupby(DEVICE, sort=False).indices.items():
            sent = journaled.get(str(device), JournaledDevice())
            places = (
                (row, sent.place(int(times[row]), int(answered[row]))) for row in np.asarray(which).tolist()
            )
            wanted = [(row, place) for row, place in places if place is not None]
            if wanted:
                found[str(device)] = wanted
        return found

    def served_by(
        self, device: str, sent: JournaledDevice, names: Sequence[str]
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Features of all readings of a device, as an endpoint had them that forgot it in each silence.

        After a silence they are those of the course that explained most of the pairs that were searched.

        :returns: shape (readings, names), and which readings counted.
        """
        starts = sent.starts(self.idle)
        ends = [*starts[1:], len(sent)]
        readings, pasts = sent.readings(self._gauges, self._wholes), []
        for start, end in zip(starts, ends, strict=True):
            fitting = self._fitting.get(device, {}).get(start)
            best = fitting.most_common(1)[0][0] if fitting else Past(start, start, start, end)
            ingested = start if best.ingested is None else best.ingested
            pasts.append(Past(start, ingested, start, end, files=best.files))
        found = [self._made(device, sent, readings, part, names) for part in _portions(pasts)]
        features, counted = zip(*(pair for part in found for pair in part), strict=True)
        return np.concatenate(features), np.concatenate(counted)

    def _search(
        self,
        device: str,
        sent: JournaledDevice,
        wanted: Sequence[tuple[int, int]],
        said: Floats,
        found: Floats,
        names: Sequence[str],
    ) -> None:
        """Put the closest features of some pairs of a device into ``found``."""
        waiting, readings = _Open(wanted), sent.readings(self._gauges, self._wholes)
        fewest = {row: len(names) + 1 for row, _ in wanted}
        fitting = self._fitting.setdefault(device, {})
        left = ROWS_A_READING * len(sent) + ROWS_MORE
        for pasts in _portions(self._pasts(device, sent, readings, waiting)):
            pasts = [past for past in pasts if waiting.between(past.first, past.end)]
            left -= sum(past.end - past.start for past in pasts)
            if left < 0:
                return
            made_of = self._made(device, sent, readings, pasts, names) if pasts else []
            for past, (features, _) in zip(pasts, made_of, strict=True):
                for place in waiting.between(past.first, past.end):
                    made = features[place - past.start]
                    for row in list(waiting.rows[place]):
                        differing = np.count_nonzero(
                            ~((made == said[row]) | (np.isnan(made) & np.isnan(said[row])))
                        )
                        if differing < fewest[row]:
                            fewest[row], found[row] = int(differing), made
                        if not differing:
                            fitting.setdefault(past.start, Counter())[past] += 1
                            waiting.rows[place].remove(row)
                    if not waiting.rows[place]:
                        del waiting.rows[place]
            if not waiting.rows:
                return

    def _pasts(
        self, device: str, sent: JournaledDevice, readings: Readings, waiting: _Open
    ) -> Iterator[Past | None]:
        """Courses that are possible, likely ones first; None where those before are to be tried first.

        What was before the reach of a reading makes no difference to it, so each course is tried where it
        does.
        """
        starts, reach = sent.starts(self.idle), sent.in_reach(self._span)
        # Where all that was before the next start is out of reach; and where all before this one is.
        ends = [*np.searchsorted(reach, starts[1:], side="left").tolist(), len(sent)]
        passed = np.searchsorted(reach, starts, side="left").tolist()
        each = list(reversed(list(zip(starts, ends, passed, strict=True))))
        for start, end, _ in each:
            if places := waiting.between(start, end):
                begin = int(reach[places[0]])
                is_out = begin > start
                yield Past(begin if is_out else start, None if is_out else start, places[0], places[-1] + 1)
        yield None
        for start, _, behind in each:
            if start and behind > start:
                yield Past(start, 0, start, behind)
        yield None
        for start, _, _ in each:  # A file of before may have come when the live readings went on already.
            if start:
                yield Past(start, start, start, int(np.searchsorted(reach, start, side="right")), files=False)
        for start, end, behind in each:
            yield None
            if behind > start:
                for place in range(int(reach[start]), start):
                    if sent.micros[start] - self._reach < sent.micros[place] < sent.micros[start]:
                        yield Past(start, place + 1, start, behind)
            for filled in range(start + 1, end):
                behind_it = int(np.searchsorted(reach, filled, side="left"))
                places = waiting.between(filled, min(end, behind_it))
                if not places:
                    continue
                begin = max(start, int(reach[filled]))
                given = self._filling(device, sent, readings, filled, filled).micros.tolist()
                # What the windows have already does no harm.
                if all(any(begin <= at < filled for at in sent.places.get(one, ())) for one in given):
                    continue
                yield Past(begin, 0 if begin == start else None, filled, places[-1] + 1, filled)

    def _made(
        self,
        device: str,
        sent: JournaledDevice,
        readings: Readings,
        pasts: Sequence[Past],
        names: Sequence[str],
    ) -> list[tuple[Floats, npt.NDArray[np.bool_]]]:
        """Features of the readings of each course, shape (readings, names), and which of them counted."""
        parts: list[tuple[int, Readings, npt.NDArray[np.int64], bool]] = []
        for number, past in enumerate(pasts):
            for first, behind, ingested, files in (
                (past.start, past.end if past.filled is None else past.filled, past.ingested, past.files),
                (past.filled, past.end, past.filled, True),
            ):
                if first is None:
                    continue
                if ingested is not None:
                    filling = self._filling(device, sent, readings, first, ingested, files)
                    arrived = np.full(len(filling.micros), sent.arrivals[first])
                    parts.append((number, filling, arrived, False))
                rows = np.arange(first, behind)
                parts.append((number, readings.take(rows), sent.arrivals[rows], True))
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
        counted = found.loc[live, event_status.COLUMN].isin(event_status.COUNTED).to_numpy()
        cuts = np.cumsum([past.end - past.start for past in pasts])[:-1]
        return list(zip(np.split(features, cuts), np.split(counted, cuts), strict=True))

    def _filling(
        self,
        device: str,
        sent: JournaledDevice,
        readings: Readings,
        first: int,
        ingested: int,
        files: bool = True,
    ) -> Readings:
        """What the endpoint found in the history before a reading, with so many of the journal.

        :param files: whether with those that are not in the journal.
        """
        before = self._history.before(
            device, int(sent.micros[first]) / _MICRO, int(sent.arrivals[first]) / _MICRO
        )
        kept = np.ones(len(before.micros), dtype=np.bool_)
        for row, micros in enumerate(before.micros.tolist()):
            places = sent.places.get(micros)
            if places and places[0] >= ingested:
                # A file may have another reading of that time; then it is that of the history.
                kept[row] = files and not _is_same(before, row, readings, places[0])
            elif not places:
                kept[row] = files
        return before.take(kept)

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


def _portions(pasts: Iterable[Past | None]) -> Iterator[list[Past]]:
    """Courses that are computed at once."""
    portion: list[Past] = []
    rows = 0
    for past in pasts:
        if past is not None:
            portion.append(past)
            rows += past.end - past.start
        if portion and (past is None or rows >= _ROWS):
            yield portion
            portion, rows = [], 0
    if portion:
        yield portion


def _is_same(left: Readings, row: int, right: Readings, place: int) -> bool:
    """Whether two readings have the same values."""
    return (
        np.array_equal(left.values[row], right.values[place], equal_nan=True)
        and np.array_equal(left.told[row], right.told[place])
        and np.array_equal(left.wholes[row] * left.told[row], right.wholes[place] * right.told[place])
    )
