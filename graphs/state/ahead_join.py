"""Joins predictions of further horizons with what followed them, by the rule of the history."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feature_sets.labels.horizon import starts_soon
from feature_sets.model_package.horizon_names import name_of_horizon
from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.each_horizon import further, longest_horizon_seconds
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.records import LabeledPair, Position, Prediction
from graphs.state.maintenance_calendar import MaintenanceCalendar
from graphs.state.settled import Settled
from graphs.state.snapshots.predictions import restored_ahead, saved_ahead
from graphs.state.snapshots.saved_state import SavedState, named, numbered

_LEAST_STEP = 60_000_000
"""Microseconds of event time between two looks at what has followed."""
_PART = 8
"""If too many rows do not count, one of so many is forgotten."""
_NOWHERE, _BEGINNING = Position(0, 0, 0), -(2**62)
_NO_FEATURES = np.empty(0)


def followed_seconds(schema: TelemetrySchema) -> float:
    """How long after its deadline a prediction may wait for what follows it, to be looked at, at most."""
    return 60 + 2.25 * longest_horizon_seconds(schema) if schema.further_horizons else 0


class _Columns(NamedTuple):
    """What of rows the rule looks at, in the order of time."""

    micros: npt.NDArray[np.int64]
    codes: npt.NDArray[np.intp]
    labels: npt.NDArray[np.float64]
    excluded: npt.NDArray[np.bool_]


def _columns_of(rows: Sequence[Settled], numbers: dict[str, int]) -> _Columns:
    """Columns of rows.

    :param numbers: of devices; new ones get the next.
    """
    return _Columns(
        np.array([event_micros(row.time) for row in rows], dtype=np.int64),
        np.array([numbers.setdefault(row.device, len(numbers)) for row in rows], dtype=np.intp),
        np.array([math.nan if row.label is None else row.label for row in rows], dtype=np.float64),
        np.array([row.excluded for row in rows], dtype=np.bool_),
    )


def _micros_of(row: Settled) -> int:
    return event_micros(row.time)


def _is_bare(row: Settled) -> bool:
    """Whether a row does not count, and no prediction of it waits."""
    return row.excluded and not row.ahead


class AheadJoin:
    """Rows that are settled, and the further horizons that wait for what follows them.

    A prediction with horizon H at t is joined when all rows up to t + 2 H are settled: a label may be the
    deadline late, so that is 2 H and the deadline after it, in event time. The labels are those of
    ``starts_soon`` over the settled rows.

    Of rows that do not count, such as those of a maintenance, nothing waits for anything. So nothing is
    refused for their sake: if there are too many, the earliest are forgotten, and what follows predictions of
    up to then is not known.

    :param schema: of several horizons, the primary one of errors now.
    :param model: name of the primary model.
    :param calendar: of maintenance; None without one.
    :param most: so many rows that do not count are remembered at most.
    """

    def __init__(
        self,
        schema: TelemetrySchema,
        model: str,
        calendar: MaintenanceCalendar | None = None,
        most: float = math.inf,
    ) -> None:
        self._model, self._calendar, self._most = model, calendar, most
        self._horizons = {horizon: one.horizon_seconds for horizon, one in further(schema).items()}
        self._rows: list[Settled] = []
        self._columns = _columns_of([], {})
        self._numbers: dict[str, int] = {}
        self._new: list[Settled] = []
        self._told: set[tuple[str, float]] = set()
        self._bare = 0
        self._unknown_to = _BEGINNING
        self._done: dict[str, int] = {}
        self.counts: dict[str, Counter[str]] = {horizon: Counter() for horizon in self._horizons}

    def __len__(self) -> int:
        """Rows remembered."""
        return len(self._rows) + len(self._new)

    @property
    def held(self) -> int:
        """Rows that take room of the ledger: all but those that do not count."""
        return len(self) - self._bare

    def frees(self, settled_until: float, earliest: float | None) -> bool:
        """Whether rows would be forgotten if all were settled up to a time; times are epoch seconds.

        :param settled_until: event time.
        :param earliest: event time of the oldest row that is not settled yet; None without one.
        """
        bound = event_micros(settled_until)
        ends = [self._until(seconds, bound) for seconds in self._horizons.values()]
        oldest = next((row.time for row in self._rows if not _is_bare(row)), None)
        waiting = [row.time for row in self._new[:1]]
        waiting += [time for time in (oldest, earliest) if time is not None]
        first = min(map(event_micros, waiting), default=None)
        return first is not None and first < min(ends)

    @staticmethod
    def _until(seconds: int, bound: int) -> int:
        """Before which all predictions of a horizon are joined; whole steps.

        So a replay that begins elsewhere completes a pair at the same entry.
        """
        step = max(_LEAST_STEP, seconds * 62_500)
        return (bound - 2 * seconds * 1_000_000) // step * step

    def settle(self, row: Settled) -> None:
        """Note a row that no label can change any more."""
        self._new.append(row)

    def near(self, micros: int) -> frozenset[str]:
        """Devices with a row within the longest horizon before a time, and none at it.

        :param micros: microseconds; all rows before it are settled.
        """
        first = micros - max(self._horizons.values(), default=0) * 1_000_000
        begin, at, end = np.searchsorted(self._columns.micros, [first, micros, micros + 1]).tolist()
        devices = list(self._numbers)
        before, there = (
            {devices[code] for code in np.flatnonzero(np.bincount(self._columns.codes[rows])).tolist()}
            for rows in (slice(begin, at), slice(at, end))
        )
        for row in self._new[bisect_left(self._new, first, key=_micros_of) :]:
            of = event_micros(row.time)
            if of <= micros:
                (before if of < micros else there).add(row.device)
        return frozenset(before - there)

    def exclude(self, device: str, time: float) -> None:
        """Note that a label says that a row does not count, which is not settled yet."""
        self._told.add((device, time))
        if len(self._told) + self._bare > self._most:
            self._forget_bare()

    def _forget_bare(self) -> None:
        """Forget the earliest rows that do not count; some at once, as to look for them costs more."""
        times = sorted([time for _, time in self._told] + [row.time for row in self._rows if _is_bare(row)])
        last = times[len(times) // _PART]
        self._unknown_to = max(self._unknown_to, event_micros(last))
        self._told = {one for one in self._told if one[1] > last}
        kept = [row for row in self._rows if row.time > last or not _is_bare(row)]
        self._rows, self._columns, self._bare = [], _columns_of([], {}), 0
        self._add(kept)

    def joined(self, settled_until: float, now: float) -> dict[str, list[LabeledPair]]:
        """Pairs that are complete now, by horizon and without a position; of all horizons that are due.

        :param settled_until: event time before which all rows are settled, epoch seconds.
        :param now: when the event arrived that says so, epoch seconds.
        """
        bound = event_micros(settled_until)
        due = {}
        for horizon, seconds in self._horizons.items():
            until = self._until(seconds, bound)
            before = self._done.get(horizon, _BEGINNING)
            if until > before:
                due[horizon] = (before, until)
        if not due:
            return {}
        self._take_new(bound)
        pairs = {horizon: self._pairs(horizon, *span, now) for horizon, span in due.items()}
        self._done |= {horizon: until for horizon, (_, until) in due.items()}
        if len(self._done) == len(self._horizons):
            self._forget(min(self._done.values()))
        return pairs

    def _take_new(self, bound: int) -> None:
        """Have the new rows among the others, in the order of time; maintenance counts as it is known now."""
        late = {one for one in self._told if event_micros(one[1]) < bound}
        self._told -= late
        met = {(row.device, row.time) for row in self._new} if late else set()
        new = [row._replace(excluded=True) if self._is_excluded(row, late) else row for row in self._new]
        new += [Settled(device, time, None, True) for device, time in sorted(late - met)]
        # Rows settle in the order of time, but those that a label alone told of.
        new.sort(key=lambda row: row.time)
        self._new = []
        self._add(new)

    def _is_excluded(self, row: Settled, told: set[tuple[str, float]]) -> bool:
        if row.excluded or (row.device, row.time) in told:
            return True
        return self._calendar is not None and self._calendar.meets(row.device, row.time, 0)

    def _add(self, rows: list[Settled]) -> None:
        if not rows:
            return
        new, before = _columns_of(rows, self._numbers), self._columns
        self._columns = _Columns(
            np.concatenate([before.micros, new.micros]),
            np.concatenate([before.codes, new.codes]),
            np.concatenate([before.labels, new.labels]),
            np.concatenate([before.excluded, new.excluded]),
        )
        self._rows += rows
        self._bare += sum(map(_is_bare, rows))

    def _forget(self, oldest: int) -> None:
        """Rows before a time, of which all horizons are joined."""
        first = int(np.searchsorted(self._columns.micros, oldest))
        kept = self._columns
        self._columns = _Columns(
            kept.micros[first:], kept.codes[first:], kept.labels[first:], kept.excluded[first:]
        )
        self._bare -= sum(map(_is_bare, self._rows[:first]))
        self._rows = self._rows[first:]

    def _pairs(self, horizon: str, first: int, end: int, now: float) -> list[LabeledPair]:
        """Pairs of the predictions in a stretch of time, in the order of time and device."""
        begin, stop = np.searchsorted(self._columns.micros, [first, end]).tolist()
        if begin == stop:  # As mostly, where few events arrive.
            return []
        columns = self._columns
        found = starts_soon(
            columns.codes[begin:],
            columns.micros[begin:].astype("datetime64[us]"),
            columns.labels[begin:],
            columns.excluded[begin:],
            self._horizons[horizon],
        )[: stop - begin]
        counted, name = self.counts[horizon], name_of_horizon(self._model, horizon)
        both = zip(self._rows[begin:stop], found.tolist(), strict=True)
        rows = sorted(both, key=lambda one: (one[0].time, one[0].device))
        pairs = []
        for row, label in rows:
            for said in row.ahead:
                if said.horizon != horizon:
                    continue
                if math.isnan(label) or event_micros(row.time) <= self._unknown_to:
                    counted["unknown"] += 1
                    continue
                counted["joined"] += 1
                counted["right"] += int(said.prediction == label)
                made = Prediction(name, said.version, _NO_FEATURES, said.prediction, said.probability, 0)
                pair = LabeledPair(row.device, row.time, made, row.predicted_at, int(label), now, _NOWHERE)
                pairs.append(pair)
        return pairs

    def waiting(self, horizon: str) -> int:
        """Settled predictions of a horizon that wait for what follows them."""
        done = self._done.get(horizon, _BEGINNING)
        return sum(
            said.horizon == horizon and event_micros(row.time) >= done
            for row in (*self._rows, *self._new)
            for said in row.ahead
        )

    def saved(self) -> SavedState:
        """Everything that is remembered; ``restore`` goes on from it exactly."""
        rows = [*self._rows, *self._new]
        devices, codes = numbered([row.device for row in rows])
        found = saved_ahead([row.ahead for row in rows])
        found.plain.update(
            devices=devices,
            looked_at=len(self._rows),
            told=[list(one) for one in sorted(self._told)],
            unknown_to=self._unknown_to,
            done=dict(self._done),
            counts={horizon: dict(count) for horizon, count in self.counts.items()},
        )
        found.arrays.update(
            device=codes,
            times=np.array([(row.time, row.predicted_at) for row in rows]).reshape(-1, 2),
            label=np.array(
                [(-1 if row.label is None else row.label, row.excluded) for row in rows], dtype=np.int64
            ).reshape(-1, 2),
        )
        return found

    def restore(self, state: SavedState) -> None:
        """Remember what was saved; a snapshot of one horizon alone has nothing of it."""
        if not state.plain:
            return
        known = zip(
            named(state.plain["devices"], state.arrays["device"]),
            state.arrays["times"].tolist(),
            state.arrays["label"].tolist(),
            restored_ahead(state, len(state.arrays["device"])),
            strict=True,
        )
        rows = [
            Settled(device, time, None if label < 0 else label, bool(excluded), ahead, at)
            for device, (time, at), (label, excluded), ahead in known
        ]
        looked_at = state.plain["looked_at"]
        self._add(rows[:looked_at])
        self._new = rows[looked_at:]
        self._told = {(device, time) for device, time in state.plain["told"]}
        self._unknown_to = state.plain.get("unknown_to", _BEGINNING)  # Earlier snapshots do not tell.
        self._done = {name: value for name, value in state.plain["done"].items() if name in self._horizons}
        for horizon, count in state.plain["counts"].items():
            if horizon in self.counts:
                self.counts[horizon] = Counter(count)
