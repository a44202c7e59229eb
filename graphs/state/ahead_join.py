"""Joins predictions of further horizons with what followed them, by the rule of the history."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.labels.horizon import starts_soon
from feature_sets.model_package.horizon_names import name_of_horizon
from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.each_horizon import further
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.records import LabeledPair, Position, Prediction
from graphs.state.maintenance_calendar import MaintenanceCalendar
from graphs.state.settled import Settled
from graphs.state.snapshots.predictions import restored_ahead, saved_ahead
from graphs.state.snapshots.saved_state import SavedState, named, numbered

Micros = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_LEAST_STEP = 60_000_000
"""Microseconds of event time between two looks at what has followed."""
_NOWHERE, _BEGINNING = Position(0, 0, 0), -(2**62)


class AheadJoin:
    """Rows that are settled, and the further horizons that wait for what follows them.

    A prediction with horizon H at t is joined when all rows up to t + 2 H are settled: a label may be the
    deadline late, so that is 2 H and the deadline after it, in event time. The labels are those of
    ``starts_soon`` over the settled rows.

    :param schema: of several horizons, the primary one of errors now.
    :param model: name of the primary model.
    :param calendar: of maintenance; None without one.
    """

    def __init__(
        self, schema: TelemetrySchema, model: str, calendar: MaintenanceCalendar | None = None
    ) -> None:
        self._model, self._calendar = model, calendar
        self._horizons = {horizon: one.horizon_seconds for horizon, one in further(schema).items()}
        self._rows: list[Settled] = []
        self._excluded: set[tuple[str, float]] = set()
        self._done: dict[str, int] = {}
        self.counts: dict[str, Counter[str]] = {horizon: Counter() for horizon in self._horizons}

    def __len__(self) -> int:
        """Rows remembered."""
        return len(self._rows)

    def settle(self, row: Settled) -> None:
        """Note a row that no label can change any more."""
        self._rows.append(row)

    def exclude(self, device: str, time: float) -> None:
        """Note that a label says that a row does not count, which may not be settled yet."""
        self._excluded.add((device, time))

    def joined(self, settled_until: float, now: float) -> dict[str, list[LabeledPair]]:
        """Pairs that are complete now, by horizon and without a position; of all horizons that are due.

        :param settled_until: event time before which all rows are settled, epoch seconds.
        :param now: when the event arrived that says so, epoch seconds.
        """
        bound = event_micros(settled_until)
        due = {}
        for horizon, seconds in self._horizons.items():
            until = bound - 2 * seconds * 1_000_000
            before = self._done.get(horizon, _BEGINNING)
            if until - before >= max(_LEAST_STEP, seconds * 250_000):
                due[horizon] = (before, until)
        if not due:
            return {}
        self._rows += [
            Settled(device, time, None, True)
            for device, time in sorted(self._excluded)
            if event_micros(time) < bound
        ]
        self._excluded = {one for one in self._excluded if event_micros(one[1]) >= bound}
        micros = np.array([event_micros(row.time) for row in self._rows], dtype=np.int64)
        excluded = self._excluded_rows()
        pairs = {horizon: self._pairs(horizon, micros, excluded, span, now) for horizon, span in due.items()}
        self._done |= {horizon: until for horizon, (_, until) in due.items()}
        oldest = min(self._done.values())
        self._rows = [row for row, at in zip(self._rows, micros.tolist(), strict=True) if at >= oldest]
        return pairs

    def _pairs(
        self, horizon: str, micros: Micros, excluded: Flags, span: tuple[int, int], now: float
    ) -> list[LabeledPair]:
        """Pairs of the predictions in a stretch of time, in the order of time and device."""
        rows = self._rows
        labels = np.array([math.nan if row.label is None else row.label for row in rows], dtype=np.float64)
        codes = pd.factorize(np.array([row.device for row in rows], dtype=object))[0]
        found = starts_soon(codes, micros.astype("datetime64[us]"), labels, excluded, self._horizons[horizon])
        looked_at = np.flatnonzero((micros >= span[0]) & (micros < span[1])).tolist()
        pairs = []
        for place in sorted(looked_at, key=lambda at: (micros[at], rows[at].device)):
            row, label = rows[place], found[place]
            for said in row.ahead:
                if said.horizon != horizon:
                    continue
                if math.isnan(label):
                    self.counts[horizon]["unknown"] += 1
                    continue
                self.counts[horizon]["joined"] += 1
                self.counts[horizon]["right"] += int(said.prediction == label)
                name = name_of_horizon(self._model, horizon)
                made = Prediction(name, said.version, np.empty(0), said.prediction, said.probability, 0)
                pair = LabeledPair(row.device, row.time, made, row.predicted_at, int(label), now, _NOWHERE)
                pairs.append(pair)
        return pairs

    def _excluded_rows(self) -> Flags:
        """Which rows do not count: a label says so, or their device is in maintenance."""
        told = {(row.device, row.time) for row in self._rows if row.excluded}
        calendar = self._calendar
        return np.array(
            [
                (row.device, row.time) in told
                or (calendar is not None and calendar.meets(row.device, row.time, 0))
                for row in self._rows
            ],
            dtype=np.bool_,
        )

    def waiting(self, horizon: str) -> int:
        """Settled predictions of a horizon that wait for what follows them."""
        done = self._done.get(horizon, _BEGINNING)
        return sum(
            said.horizon == horizon and event_micros(row.time) >= done
            for row in self._rows
            for said in row.ahead
        )

    def saved(self) -> SavedState:
        """Everything that is remembered; ``restore`` goes on from it exactly."""
        devices, codes = numbered([row.device for row in self._rows])
        found = saved_ahead([row.ahead for row in self._rows])
        found.plain.update(
            devices=devices,
            excluded=[list(one) for one in sorted(self._excluded)],
            done=dict(self._done),
            counts={horizon: dict(count) for horizon, count in self.counts.items()},
        )
        found.arrays.update(
            device=codes,
            times=np.array([(row.time, row.predicted_at) for row in self._rows]).reshape(-1, 2),
            label=np.array(
                [(-1 if row.label is None else row.label, row.excluded) for row in self._rows], dtype=np.int64
            ).reshape(-1, 2),
        )
        return found

    def restore(self, state: SavedState) -> None:
        """Remember what was saved; a snapshot of one horizon alone has nothing of it."""
        if not state.plain:
            return
        rows: Sequence[Any] = list(
            zip(
                named(state.plain["devices"], state.arrays["device"]),
                state.arrays["times"].tolist(),
                state.arrays["label"].tolist(),
                restored_ahead(state, len(state.arrays["device"])),
                strict=True,
            )
        )
        self._rows = [
            Settled(device, time, None if label < 0 else label, bool(excluded), ahead, at)
            for device, (time, at), (label, excluded), ahead in rows
        ]
        self._excluded = {(device, time) for device, time in state.plain["excluded"]}
        self._done = {name: value for name, value in state.plain["done"].items() if name in self._horizons}
        for horizon, count in state.plain["counts"].items():
            if horizon in self.counts:
                self.counts[horizon] = Counter(count)
