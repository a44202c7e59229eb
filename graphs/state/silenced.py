"""What was said in a maintenance: no label joins it, but who sends the event again gets the same answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from feature_sets.rows.event_micros import event_micros
from graphs.protocol.records import Position, Prediction
from graphs.state.ledger import PredictionLedger
from graphs.state.settled import Settled
from graphs.state.snapshots.saved_state import SavedState

_NOWHERE = Position(0, 0, 0)


class Silenced(NamedTuple):
    """A prediction that raised no alarm.

    :param made: the prediction.
    :param maintenance: name of the entry of the calendar that the event was in when it came.
    """

    made: Prediction
    maintenance: str


class SilencedPredictions:
    """Predictions that were made in a maintenance, for as long as the ledger has others of their time.

    :param deadline_seconds: how much older than the newest event of any device a prediction may become.
    """

    def __init__(self, deadline_seconds: float) -> None:
        self.ledger = PredictionLedger(deadline_seconds, 0.0)
        """Has them by device and time, and nobody gives it a label."""
        self.ledger.on_settled = self._forget
        self._names: dict[tuple[str, int], str] = {}

    def of(self, device: str, time: float) -> Silenced | None:
        """What was said of an event first; None if it was in no maintenance then, or is forgotten.

        :param time: event time in epoch seconds.
        """
        name = self._names.get((device, event_micros(time)))
        made = None if name is None else self.ledger.prediction(device, time)
        return None if name is None or made is None else Silenced(made, name)

    def put(self, device: str, time: float, said: Silenced, predicted_at: float) -> None:
        """Remember what is said of an event, unless it is older than is remembered.

        :param time: event time in epoch seconds.
        :param predicted_at: when the event arrived, epoch seconds.
        """
        self.ledger.add_prediction(device, time, said.made, predicted_at, _NOWHERE)
        if self.ledger.prediction(device, time) is not None:
            self._names[device, event_micros(time)] = said.maintenance

    def forget_before(self, newest: float | None) -> None:
        """Forget what is more than the deadline behind the newest prediction of the other ledger."""
        self.ledger.advance(-math.inf if newest is None else newest)

    def saved(self, inputs: Sequence[str]) -> SavedState:
        """Everything that is remembered; ``restore`` goes on from it exactly.

        :param inputs: names of the features of a prediction.
        """
        found = SavedState.of_parts({"ledger": self.ledger.saved(inputs)})
        found.plain["names"] = [[device, micros, name] for (device, micros), name in self._names.items()]
        return found

    def restore(self, state: SavedState, inputs: Sequence[str]) -> None:
        """Remember what was saved; nothing of an earlier version, which did not keep it."""
        if state.plain:
            self.ledger.restore(state.part("ledger"), inputs)
            self._names = {(device, micros): name for device, micros, name in state.plain["names"]}

    def _forget(self, settled: Settled) -> None:
        self._names.pop((settled.device, event_micros(settled.time)), None)
