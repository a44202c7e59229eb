"""What followed the predictions of further horizons: rows that are looked through from the beginning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from tests.simulation.ledgers import Known
from tests.simulation.models import HORIZONS

STEP = 60.0
"""Seconds of event time between two looks at what has followed."""


class AheadPair(NamedTuple):
    """A prediction of a further horizon, and what followed."""

    device: str
    time: float
    said: tuple[str, int, float]
    predicted_at: float
    label: int
    labeled_at: float


class _Row(NamedTuple):
    device: str
    time: float
    label: int | None
    excluded: bool
    known: Known | None


class AheadOracle:
    """Rows that nothing changes any more, and what they say of predictions ahead.

    :param is_working: whether a device is in maintenance at a time, as far as it is known now.
    """

    def __init__(self, is_working: Callable[[str, float], bool]) -> None:
        self._is_working = is_working
        self._rows: list[_Row] = []
        self._told: set[tuple[str, float]] = set()
        self._done = dict.fromkeys(HORIZONS, float("-inf"))
        self._new: list[Known] = []
        self._begun: list[tuple[str, float]] = []
        self.counts: dict[str, Counter[str]] = {horizon: Counter() for horizon in HORIZONS}
        self.pairs: dict[str, list[AheadPair]] = {horizon: [] for horizon in HORIZONS}

    def exclude(self, device: str, time: float, settled_until: float | None) -> None:
        """A row does not count: its device was in maintenance."""
        if settled_until is None or time >= settled_until:
            self._told.add((device, time))

    def advance(
        self,
        settled: list[Known],
        begun: list[tuple[str, float]],
        settled_until: float,
        arrival: float,
    ) -> dict[str, list[AheadPair]]:
        """Join what is known by now; gives the new pairs by horizon.

        :param settled: rows that were settled since the last time.
        :param begun: device and start of incidents that were.
        """
        self._new += settled
        self._begun += begun
        due = {}
        for horizon, seconds in HORIZONS.items():
            until = (settled_until - 2 * seconds) // STEP * STEP
            if until > self._done[horizon]:
                due[horizon] = until
        if due:
            self._take(settled_until)
        made = {}
        for horizon, until in due.items():
            begin, self._done[horizon] = self._done[horizon], until
            inside = [row for row in self._rows if begin <= row.time < until]
            rows = sorted(inside, key=lambda one: (one.time, one.device))
            found = [self._joined(horizon, row, arrival) for row in rows]
            made[horizon] = [pair for pair in found if pair is not None]
            self.pairs[horizon] += made[horizon]
        return made

    def summary(self) -> dict[str, dict[str, int]]:
        """What ``GET /labeled`` tells of each horizon."""
        return {
            horizon: {
                **{name: counted[name] for name in ("joined", "right", "unknown")},
                "waiting": self._waiting(horizon),
            }
            for horizon, counted in self.counts.items()
        }

    def _waiting(self, horizon: str) -> int:
        known = [row.known for row in self._rows if row.known is not None] + self._new
        return sum(one.time >= self._done[horizon] and _said(one, horizon) is not None for one in known)

    def _take(self, settled_until: float) -> None:
        told = {one for one in self._told if one[1] < settled_until}
        self._told -= told
        for one in self._new:
            excluded = (one.device, one.time) in told or self._is_working(one.device, one.time)
            self._rows.append(_Row(one.device, one.time, one.label, excluded, one))
        met = {(one.device, one.time) for one in self._new}
        for device, start in sorted(set(self._begun)):
            times = [one.time for one in self._rows if one.device == device]
            times += [one.time for one in self._new if one.device == device]
            if start not in times and any(start - max(HORIZONS.values()) <= at < start for at in times):
                excluded = (device, start) in told or self._is_working(device, start)
                self._rows.append(_Row(device, start, 1, excluded, None))
                met.add((device, start))
        self._begun = []
        self._rows += [_Row(device, time, None, True, None) for device, time in told - met]
        self._new = []

    def _joined(self, horizon: str, row: _Row, arrival: float) -> AheadPair | None:
        said = None if row.known is None else _said(row.known, horizon)
        if said is None or row.known is None:
            return None
        label = self._label(row, HORIZONS[horizon])
        if label is None:
            self.counts[horizon]["unknown"] += 1
            return None
        self.counts[horizon]["joined"] += 1
        self.counts[horizon]["right"] += said[1] == label
        return AheadPair(row.device, row.time, said, row.known.predicted_at, label, arrival)

    def _label(self, row: _Row, seconds: float) -> int | None:
        """Whether an error starts within so many seconds; see ``feature_sets.labels.horizon.with_target``."""
        if row.excluded or row.label != 0:
            return None
        last = row.time
        of_device = [one for one in self._rows if one.device == row.device and one.time > row.time]
        through = None
        for one in sorted(of_device, key=lambda one: one.time):
            is_soon = one.time <= row.time + seconds
            if one.excluded:
                if is_soon:
                    return None
                continue
            if one.label is None:
                continue
            if is_soon and one.label == 1:
                return 1
            if through is None and one.time - last > seconds:
                through = False
            last = one.time
            if through is None and one.time >= row.time + seconds:
                through = True
        return 0 if through else None


def _said(known: Known, horizon: str) -> tuple[str, int, float] | None:
    return None if known.said is None else dict(known.said.ahead).get(horizon)
