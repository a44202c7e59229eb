"""What was said in a maintenance: no label joins it, but who sends the event again gets the same answer."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import NamedTuple

from feature_sets.rows.event_micros import event_micros
from graphs.protocol.records import Position, Prediction
from graphs.state.ledger import PredictionLedger
from graphs.state.snapshots.saved_state import SavedState

_NOWHERE = Position(0, 0, 0)
_PART = 8
"""If there are too many, one of so many is forgotten."""


class Silenced(NamedTuple):
    """A prediction that raised no alarm.

    :param made: the prediction.
    :param maintenance: name of the entry of the calendar that the event was in when it came.
    """

    made: Prediction
    maintenance: str


class SilencedPredictions:
    """Predictions that were made in a maintenance, for as long as the ledger has others of their time.

    No label waits for them, so nothing is refused for their sake: if there are too many, those of the
    earliest events are forgotten.

    :param deadline_seconds: how much older than the newest event of any device a prediction may become.
    :param most: so many are remembered at most.
    """

    def __init__(self, deadline_seconds: float, most: int) -> None:
        self.ledger = PredictionLedger(deadline_seconds, 0.0)
        """Has them by device and time, and nobody gives it a label."""
        self._deadline, self._most = deadline_seconds, most
        self.newest = -math.inf
        """Event time of the newest one, epoch seconds."""
        self._names: dict[tuple[str, int], str] = {}
        self._by_time: list[tuple[int, str]] = []

    def of(self, device: str, time: float) -> Silenced | None:
        """What was said of an event first; None if it was in no maintenance then, or is forgotten.

        :param time: event time in epoch seconds.
        """
        if not self._names:  # As nearly always.
            return None
        name = self._names.get((device, event_micros(time)))
        made = None if name is None else self.ledger.prediction(device, time)
        return None if name is None or made is None else Silenced(made, name)

    def put(self, device: str, time: float, said: Silenced, predicted_at: float) -> None:
        """Remember what is said of an event, unless it is older than is remembered.

        :param time: event time in epoch seconds.
        :param predicted_at: when the event arrived, epoch seconds.
        """
        self.ledger.add_prediction(device, time, said.made, predicted_at, _NOWHERE)
        self.newest = max(self.newest, time)
        key = device, event_micros(time)
        if key not in self._names:
            heapq.heappush(self._by_time, (key[1], device))
        self._names[key] = said.maintenance
        self._forget()
        while len(self.ledger) > self._most:
            # Some at once: to look for the earliest costs more than to forget them.
            last, _ = heapq.nsmallest(len(self._by_time) // _PART + 1, self._by_time)[-1]
            self.forget_before((last + 1) / 1_000_000 + self._deadline)

    def forget_before(self, newest: float | None) -> None:
        """Forget what is more than the deadline behind the newest prediction of the other ledger."""
        self.ledger.advance(-math.inf if newest is None else newest)
        self._forget()

    def saved(self, inputs: Sequence[str]) -> SavedState:
        """Everything that is remembered; ``restore`` goes on from it exactly.

        :param inputs: names of the features of a prediction.
        """
        found = SavedState.of_parts({"ledger": self.ledger.saved(inputs)})
        found.plain["newest"] = self.newest
        found.plain["names"] = [[device, micros, name] for (device, micros), name in self._names.items()]
        return found

    def restore(self, state: SavedState, inputs: Sequence[str]) -> None:
        """Remember what was saved; nothing of an earlier version, which did not keep it."""
        if state.plain:
            self.ledger.restore(state.part("ledger"), inputs)
            self.newest = state.plain.get("newest", -math.inf)  # Earlier snapshots do not tell.
            self._names = {(device, micros): name for device, micros, name in state.plain["names"]}
            self._by_time = [(micros, device) for device, micros in self._names]
            heapq.heapify(self._by_time)

    def _forget(self) -> None:
        newest = self.ledger.newest
        oldest = -math.inf if newest is None else 1_000_000 * (newest - self._deadline)
        while self._by_time and self._by_time[0][0] < oldest:
            micros, device = heapq.heappop(self._by_time)
            self._names.pop((device, micros), None)
