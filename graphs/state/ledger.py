"""The ledger: joins predictions with labels of the same device at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from graphs.protocol.label_status import LabelStatus
from graphs.protocol.made_predictions import MadePredictions
from graphs.protocol.records import LabeledPair, Position, Prediction
from graphs.state.ledger_chunk import NONE, Floats, LedgerChunk, MadeBlock
from graphs.state.ledger_counts import Conflict, LedgerCounts
from graphs.state.ledger_index import Bits
from graphs.state.ledger_records import Forgotten, LedgerRecords, Place
from graphs.state.settled import OnSettled, Settled
from graphs.state.snapshots.ledger_content import put_records, saved_records
from graphs.state.snapshots.saved_state import SavedState

_STATES = ("", "waiting_for_label", "waiting_for_prediction", "joined")
"""By what a record has: 1 for a prediction, and 2 for a label."""


class LabelOf(NamedTuple):
    """A label and what it is of.

    :param time: of the event, epoch seconds.
    :param label: 0 or 1.
    """

    device: str
    time: float
    label: int


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
        self._records = LedgerRecords(deadline_seconds)
        self._newest = float("-inf")
        self.on_settled: OnSettled | None = None
        """Told of each record that is forgotten, in the order of event time."""
        self._unsettled: deque[Settled] = deque()

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
        return self._records.earliest

    def prediction(self, device: str, time: float) -> Prediction | None:
        """The prediction made for a device and time, if it is still remembered."""
        place = self._records.find(device, time)
        return None if place is None else place.chunk.prediction(place.row)

    def add_prediction(
        self, device: str, time: float, made: Prediction, predicted_at: float, position: Position
    ) -> LabeledPair | None:
        """Note a prediction; gives the pair if its label was waiting. A repeat changes nothing.

        :param time: event time in epoch seconds.
        :param predicted_at: when the event arrived, epoch seconds.
        :param position: of the event.
        """
        self.advance(time)
        if time < self._newest - self._deadline:
            self.expired["waiting_for_label"] += 1
            return None
        place, is_new = self._records.put(device, time)
        chunk, row = place
        if not is_new and chunk.made[row] != NONE:
            return None
        chunk.note_one(row, made)
        chunk.predicted_at[row] = predicted_at
        if is_new:  # As nearly always.
            self._states["waiting_for_label"] += 1
            return None
        try:
            pair = self._pair(
                device, time, place, int(chunk.label[row]), float(chunk.labeled_at[row]), position
            )
        except BaseException:  # Else who tries again finds it as a repeat, and the pair is nowhere.
            chunk.made[row] = NONE
            raise
        self._states["waiting_for_prediction"] -= 1
        self._states["joined"] += 1
        self.joined += 1
        return pair

    def forgets_some(self, times: Floats) -> bool:
        """Whether some of these events are forgotten by others of them: that depends on their order.

        :param times: event times, epoch seconds.
        """
        return bool(len(times)) and times.min() < max(self._newest, float(times.max())) - self._deadline

    def note_predictions(
        self,
        devices: Sequence[str],
        times: Floats,
        made: MadePredictions,
        predicted_at: float,
        repeated: list[int],
    ) -> list[tuple[int, Place]]:
        """Note the predictions of several events that arrived together, see ``add_prediction``.

        :param devices: of every event of the list.
        :param times: event times of all of them, epoch seconds; none that is forgotten, see ``forgets_some``.
        :param made: what was predicted of some of them.
        :param repeated: is given the places of the events that had a prediction before.
        :returns: place of each event whose label was waiting, and its record, for ``pairs_of``.
        """
        own = made.events
        times = times[own]
        if not len(own):
            return []
        self.advance(float(times.max()))
        block = MadeBlock(made.model, made.version, made.inputs, made.features, len(own))
        joined: list[tuple[int, Place]] = []
        names = list(map(devices.__getitem__, own.tolist())) if len(own) < len(devices) else devices
        for chunk, at, rows, before in self._records.put_all(names, times):
            is_open = chunk.made[rows] == NONE
            # A reading that is there twice is predicted once, as the windows have it; the first counts here.
            taken = np.flatnonzero(is_open)
            if len(taken) < len(rows):
                repeated += own[at[~is_open]].tolist()
            if len(taken) > 1 and (np.diff(rows[taken]) != 1).any():
                taken = taken[np.sort(np.unique(rows[taken], return_index=True)[1])]
            rows, at = rows[taken], at[taken]
            waited = np.flatnonzero(rows < before)  # Their labels came first.
            joined += [(int(own[at[each]]), Place(chunk, int(rows[each]))) for each in waited.tolist()]
            if len(waited):
                self._states["waiting_for_prediction"] -= len(waited)
                self._states["joined"] += len(waited)
                self.joined += len(waited)
            if len(waited) < len(rows):
                self._states["waiting_for_label"] += len(rows) - len(waited)
            chunk.made[rows], chunk.probability[rows] = made.decided[at], made.probability[at]
            chunk.missing[rows], chunk.predicted_at[rows] = made.missing[at], predicted_at
            chunk.note_made(rows, block, at)
        return sorted(joined, key=lambda each: each[0])

    def pairs_of(
        self, devices: Sequence[str], times: Floats, joined: Sequence[tuple[int, Place]], first: Position
    ) -> list[LabeledPair]:
        """Pairs of what ``note_predictions`` has joined, in the order of the events; it changes nothing.

        :param devices: of every event of the list.
        :param times: event times of all of them, epoch seconds.
        :param first: position of the first event.
        """
        return [
            self._pair(
                devices[at],
                float(times[at]),
                place,
                int(place.chunk.label[place.row]),
                float(place.chunk.labeled_at[place.row]),
                first._replace(place=first.place + at),
            )
            for at, place in joined
        ]

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
            self.note_late(self._newest - time)
            return LabelStatus.EXPIRED, None
        place, is_new = self._records.put(device, time)
        return self._labeled(LabelOf(device, time, label), place, is_new, labeled_at, position)

    def add_labels(
        self, labels: Sequence[LabelOf], labeled_at: float, first: Position
    ) -> tuple[list[LabelStatus], list[LabeledPair]]:
        """The same of several that arrived together; gives what became of each, and the pairs in their order.

        What comes of it is what ``add_label`` gives for one after the other.

        :param first: position of the first label.
        """
        statuses = [LabelStatus.QUARANTINED] * len(labels)
        oldest, own = self._newest - self._deadline, []
        for at, told in enumerate(labels):
            if self.from_future(told.time, labeled_at):
                continue
            if told.time < oldest:
                self.note_late(self._newest - told.time)
                statuses[at] = LabelStatus.EXPIRED
            else:
                own.append(at)
        found: list[LabeledPair | None] = [None] * len(labels)
        if own:
            devices = [labels[at].device for at in own]
            parts = list(self._records.put_all(devices, np.array([labels[at].time for at in own])))
            if all((part[0].label[part[2]] == NONE).all() and _each_once(part[2]) for part in parts):
                # What can fail comes first: who tries again must not find labels as repeats.
                made = [chunk.predictions(rows) for chunk, _, rows, _ in parts]
                for part, ones in zip(parts, made, strict=True):
                    self._label_rows(part, ones, own, labels, labeled_at, first, statuses, found)
            else:
                # What a label says of one before it, or told before, depends on their order.
                rows = {
                    place: (chunk, row, row >= before)
                    for chunk, at, numbers, before in parts
                    for place, row in zip(at.tolist(), numbers.tolist(), strict=True)
                }
                for place, at in enumerate(own):
                    chunk, row, is_new = rows[place]
                    position = first._replace(place=first.place + at)
                    statuses[at], found[at] = self._labeled(
                        labels[at], Place(chunk, row), is_new, labeled_at, position
                    )
        return statuses, [pair for pair in found if pair is not None]

    def _label_rows(
        self,
        part: tuple[LedgerChunk, Bits, Bits, int],
        predictions: Sequence[Prediction | None],
        own: Sequence[int],
        labels: Sequence[LabelOf],
        labeled_at: float,
        first: Position,
        statuses: list[LabelStatus],
        found: list[LabeledPair | None],
    ) -> None:
        """Note labels of different rows that have none.

        :param part: see ``LedgerRecords.put_all``.
        :param predictions: of its rows.
        :param own: places in the list of those that were put.
        :param statuses: out, by their place in the list; and so are the pairs.
        """
        chunk, at, rows, _ = part
        places = [own[each] for each in at.tolist()]
        chunk.label[rows], chunk.labeled_at[rows] = [labels[each].label for each in places], labeled_at
        joined = 0
        predicted_at = chunk.predicted_at[rows].tolist()
        for each, made, when in zip(places, predictions, predicted_at, strict=True):
            if made is None:
                statuses[each] = LabelStatus.WAITING
                continue
            joined += 1
            statuses[each] = LabelStatus.JOINED
            device, time, label = labels[each]
            position = first._replace(place=first.place + each)
            found[each] = LabeledPair(device, time, made, when, label, labeled_at, position)
        if joined:
            self._states["waiting_for_label"] -= joined
            self._states["joined"] += joined
            self.joined += joined
        if joined < len(places):
            self._states["waiting_for_prediction"] += len(places) - joined

    def _labeled(
        self, told: LabelOf, place: Place, is_new: bool, labeled_at: float, position: Position
    ) -> tuple[LabelStatus, LabeledPair | None]:
        """Note the label of a record."""
        (device, time, label), (chunk, row) = told, place
        known = int(chunk.label[row])
        if known == label:
            return LabelStatus.DUPLICATE, None
        if known != NONE:
            self.note_conflict(Conflict(device, time, known, label, labeled_at))
            return LabelStatus.CONFLICTING, None
        if is_new or chunk.made[row] == NONE:
            chunk.label[row], chunk.labeled_at[row] = label, labeled_at
            self._states["waiting_for_prediction"] += 1
            return LabelStatus.WAITING, None
        # First the pair: if that fails, who tries again must not find the label as a repeat.
        pair = self._pair(device, time, place, label, labeled_at, position)
        chunk.label[row], chunk.labeled_at[row] = label, labeled_at
        self._states["waiting_for_label"] -= 1
        self._states["joined"] += 1
        self.joined += 1
        return LabelStatus.JOINED, pair

    def advance(self, newest: float) -> None:
        """Forget what is older than the deadline, if this is the newest event time so far, epoch seconds."""
        self.settle()
        if newest > self._newest:
            self._newest = newest
            self._forget_old()
            self.note_time(newest)  # What is forgotten by then is the same of a list and of its events.
            self.settle()

    def settle(self) -> None:
        """Tell of each record that is forgotten, once; what follows one that failed waits for it."""
        while self._unsettled and self.on_settled is not None:
            self.on_settled(self._unsettled[0])
            self._unsettled.popleft()

    @staticmethod
    def _pair(
        device: str, time: float, place: Place, label: int, labeled_at: float, position: Position
    ) -> LabeledPair:
        """The pair of a record that is complete, or is about to be."""
        chunk, row = place
        made = chunk.prediction(row)
        if made is None:
            raise ValueError(f"a pair must have its prediction, got none of {device} at {time}")
        return LabeledPair(device, time, made, float(chunk.predicted_at[row]), label, labeled_at, position)

    def _forget_old(self) -> None:
        for chunk, rows in self._records.forget(self._newest - self._deadline):
            kinds = (chunk.made[rows] != NONE) + 2 * (chunk.label[rows] != NONE)
            counts = np.bincount(kinds, minlength=len(_STATES)).tolist()
            for state, count in zip(_STATES, counts, strict=True):
                if count:
                    self._states[state] -= count
                    if state != "joined":
                        self.expired[state] += count
            self.note_past(joined=counts[3], expired=counts[1])
            if self.on_settled is not None:
                self._unsettled += self._settled(Forgotten(chunk, rows))

    def _settled(self, forgotten: Forgotten) -> list[Settled]:
        """What there was of records, in the order of time and device."""
        chunk, rows = forgotten
        found = []
        for row, device in zip(rows.tolist(), self._records.names_of(chunk, rows), strict=True):
            label, made = int(chunk.label[row]), chunk.prediction(row)
            ahead = made.ahead if made is not None else ()
            time, predicted_at = float(chunk.times[row]), float(chunk.predicted_at[row])
            found.append(Settled(device, time, None if label == NONE else label, False, ahead, predicted_at))
        return sorted(found, key=lambda each: (each.time, each.device))

    def saved(self, inputs: Sequence[str]) -> SavedState:
        """Everything that is remembered; ``restore`` goes on from it exactly.

        :param inputs: names of the features of a prediction.
        """
        found = saved_records(self._records, inputs)
        found.plain.update(counts=self.saved_counts(), newest=self._newest)
        return found

    def restore(self, state: SavedState, inputs: Sequence[str]) -> None:
        """Remember what was saved.

        :param inputs: names of the features of the model that is served now.
        """
        self._records = LedgerRecords(self._deadline)
        put_records(self._records, state, inputs)
        self._newest = state.plain["newest"]
        self._records.forget(self._newest - self._deadline)
        self.restore_counts(state.plain["counts"])


def _each_once(rows: Bits) -> bool:
    return bool((np.diff(rows) == 1).all()) or len(np.unique(rows)) == len(rows)
