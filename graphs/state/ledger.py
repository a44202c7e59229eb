"""The ledger: joins predictions with labels of the same device at the same time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphs.protocol.label_status import LabelStatus
from graphs.protocol.records import LabeledPair, Position, Prediction
from graphs.state.ledger_counts import Conflict, LedgerCounts
from graphs.state.settled import OnSettled, Settled
from graphs.state.snapshots.predictions import restored_predictions, saved_predictions
from graphs.state.snapshots.saved_state import SavedState, named, numbered


@dataclass(slots=True)
class _Record:
    """What is known of one device and time."""

    made: Prediction | None = None
    predicted_at: float = 0.0
    label: int | None = None
    labeled_at: float = 0.0

    @property
    def state(self) -> str:
        """``joined``, ``waiting_for_label`` or ``waiting_for_prediction``; empty for a new record."""
        if self.made is None:
            return "" if self.label is None else "waiting_for_prediction"
        return "waiting_for_label" if self.label is None else "joined"


class PredictionLedger(LedgerCounts):
    """Predictions waiting for their label and labels waiting for their prediction.

    Time is event time: a record is forgotten when the newest prediction is more than the deadline ahead of
    it, and at no other time. A record that is forgotten unjoined counts as expired.
    Joined records stay until then, so that repeats are answered and conflicting labels are noticed.

    :param deadline_seconds: how much later than its event, in event time, a label may come; above 0.
    :param tolerance_seconds: how far ahead of the clock the time of a label may be.
    """

    def __init__(self, deadline_seconds: float, tolerance_seconds: float) -> None:
        super().__init__(tolerance_seconds)
        self._deadline = deadline_seconds
        self._records: dict[tuple[str, float], _Record] = {}
        self._by_time: list[tuple[float, str]] = []
        self._newest = float("-inf")
        self.on_settled: OnSettled | None = None
        """Told of each record that is forgotten, in the order of event time."""

    def __len__(self) -> int:
        """Records remembered."""
        return len(self._records)

    @property
    def newest(self) -> float | None:
        """Event time of the newest prediction, epoch seconds; None before the first."""
        return self._newest if self._newest > float("-inf") else None

    @property
    def earliest(self) -> float | None:
        """Event time of the oldest record, epoch seconds; None without one."""
        return self._by_time[0][0] if self._by_time else None

    def prediction(self, device: str, time: float) -> Prediction | None:
        """The prediction made for a device and time, if it is still remembered."""
        record = self._records.get((device, time))
        return record.made if record else None

    def add_prediction(
        self, device: str, time: float, made: Prediction, predicted_at: float, position: Position
    ) -> LabeledPair | None:
        """Note a prediction; gives the pair if its label was waiting. A repeat changes nothing.

        :param time: event time in epoch seconds.
        :param predicted_at: when the event arrived, epoch seconds.
        :param position: of the event.
        """
        if time > self._newest:
            self._newest = time
            self._forget_old()
        if time < self._newest - self._deadline:
            self.expired["waiting_for_label"] += 1
            return None
        key = (device, time)
        record = self._records.get(key)
        if record is None:  # As nearly always.
            self._records[key] = _Record(made, predicted_at)
            heapq.heappush(self._by_time, (time, device))
            self._states["waiting_for_label"] += 1
            return None
        if record.made is not None:
            return None
        before = record.state
        record.made, record.predicted_at = made, predicted_at
        return self._changed(device, time, record, before, position)

    def add_label(
        self, device: str, time: float, label: int, labeled_at: float, position: Position
    ) -> tuple[LabelStatus, LabeledPair | None]:
        """Note a label; gives what became of it, and the pair if its prediction was waiting.

        :param time: event time that the label is about, epoch seconds.
        :param label: 0 or 1.
        :param labeled_at: when the label arrived, epoch seconds.
        :param position: of the label.
        """
        if self.from_future(time, labeled_at):
            return LabelStatus.QUARANTINED, None
        if time < self._newest - self._deadline:
            return LabelStatus.EXPIRED, None
        record = self._record(device, time)
        if record.label is not None:
            if record.label == label:
                return LabelStatus.DUPLICATE, None
            self.note_conflict(Conflict(device, time, record.label, label, labeled_at))
            return LabelStatus.CONFLICTING, None
        before = record.state
        record.label, record.labeled_at = label, labeled_at
        pair = self._changed(device, time, record, before, position)
        return (LabelStatus.JOINED if pair else LabelStatus.WAITING), pair

    def _record(self, device: str, time: float) -> _Record:
        key = (device, time)
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = _Record()
            heapq.heappush(self._by_time, (time, device))
        return record

    def _changed(
        self, device: str, time: float, record: _Record, before: str, position: Position
    ) -> LabeledPair | None:
        """Count the record's new state; the pair if it is complete."""
        if before:
            self._states[before] -= 1
        self._states[record.state] += 1
        if record.made is None or record.label is None:
            return None
        self.joined += 1
        return LabeledPair(
            device, time, record.made, record.predicted_at, record.label, record.labeled_at, position
        )

    def _forget_old(self) -> None:
        oldest = self._newest - self._deadline
        while self._by_time and self._by_time[0][0] < oldest:
            self._forget(heapq.heappop(self._by_time))

    def _forget(self, entry: tuple[float, str]) -> None:
        time, device = entry
        record = self._records.pop((device, time))
        state = record.state
        if self.on_settled is not None:
            ahead = record.made.ahead if record.made is not None else ()
            self.on_settled(Settled(device, time, record.label, False, ahead, record.predicted_at))
        self._states[state] -= 1
        if state != "joined":
            self.expired[state] += 1

    def saved(self, inputs: Sequence[str]) -> SavedState:
        """Everything that is remembered; ``restore`` goes on from it exactly.

        :param inputs: names of the features of a prediction.
        """
        records = list(self._records.values())
        devices, codes = numbered([device for device, _ in self._records])
        made = [record.made for record in records if record.made is not None]
        found = SavedState.of_parts({"made": saved_predictions(made, inputs)})
        found.plain.update(counts=self.saved_counts(), newest=self._newest, devices=devices)
        found.arrays.update(
            device=codes,
            times=np.array(
                [
                    (time, record.predicted_at, record.labeled_at)
                    for (_, time), record in self._records.items()
                ]
            ).reshape(-1, 3),
            is_made=np.array([record.made is not None for record in records], dtype=np.bool_),
            label=np.array(
                [-1 if record.label is None else record.label for record in records], dtype=np.int64
            ),
        )
        return found

    def restore(self, state: SavedState, inputs: Sequence[str]) -> None:
        """Remember what was saved.

        :param inputs: names of the features of the model that is served now.
        """
        arrays = state.arrays
        devices = named(state.plain["devices"], arrays["device"])
        times, predicted_at, labeled_at = arrays["times"].T.tolist()
        made: list[Prediction | None] = list(restored_predictions(state.part("made"), inputs))
        if len(made) < len(devices):
            given = iter(made)
            made = [next(given) if is_made else None for is_made in arrays["is_made"].tolist()]
        label = [None if value < 0 else value for value in arrays["label"].tolist()]
        self._records = dict(
            zip(
                zip(devices, times, strict=True),
                map(_Record, made, predicted_at, label, labeled_at),
                strict=True,
            )
        )
        self._by_time = list(zip(times, devices, strict=True))
        heapq.heapify(self._by_time)
        self._newest = state.plain["newest"]
        self.restore_counts(state.plain["counts"])
