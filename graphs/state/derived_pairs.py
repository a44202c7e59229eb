"""What becomes of remembered predictions: the label that each gets, by rows and by incidents.

The rules are those of ``feature_sets.labels.derived_labels``, as far as they can be followed while a
prediction is remembered. What was joined is not taken back. Times are event times in whole microseconds, as
in the history.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.label_form import ROWS, LabelForm
from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.label_status import LabelStatus
from graphs.protocol.records import LabeledPair, Position
from graphs.state.incident_book import IncidentBook
from graphs.state.ledger_counts import Conflict, ErrorTimes
from graphs.state.remembered import Made, RememberedDevice
from graphs.state.remembered_ledger import RememberedLedger
from graphs.state.settled import Near, OnSettled, Settled

_EXCLUDED = 2


class DerivedPairs(RememberedLedger):
    """Predictions meet labels; the pairs that they make carry no position yet.

    A label is settled when its device has a prediction at its time or after it: then it is known which one
    is the latest at or before it. A prediction outside of all incidents is healthy when the newest one is
    far enough ahead of it.

    Each step takes what it is about as a whole, or leaves it: who repeats one that failed loses no pair and
    makes none twice.

    :param form: of the labels.
    :param book: of incidents.
    :param deadline_seconds: how much later than its event, in event time, a label may come.
    :param tolerance_seconds: how far ahead of the clock the time of a label may be.
    :param horizon_seconds: of what is predicted. With one, a prediction is labeled when it is known what
        incidents followed, see ``feature_sets.labels.horizon``; positives label none then.
    """

    def __init__(
        self,
        form: LabelForm,
        book: IncidentBook,
        deadline_seconds: float,
        tolerance_seconds: float,
        horizon_seconds: int = 0,
    ) -> None:
        super().__init__(deadline_seconds, tolerance_seconds)
        self._book = book
        self._horizon = horizon_seconds * 1_000_000
        self._joins = not horizon_seconds
        self.on_settled: OnSettled | None = None
        self.near: Near | None = None
        """Tells devices of which the start of an incident is settled as well; beside ``on_settled``."""
        self._begun_until: int | None = None
        """Start before which incidents are settled; None before the first prediction since the start."""
        self._pairs: list[LabeledPair] = []
        self._mature: list[LabeledPair] = []
        self._is_behind = False
        """Whether the newest prediction has not decided everything: something failed."""
        # What follows a prediction is known when rows up to twice the horizon after it are.
        healthy = form.healthy_seconds * 1_000_000
        self._healthy_after = healthy + 2 * self._horizon if healthy else self._deadline + 1
        self._errors = ErrorTimes()
        self._beside = form.tolerance_seconds * 1_000_000
        self._watches = form.has_incidents or (self._joins and form.form != ROWS)
        self._from = 0 if form.watched_from is None else round(form.watched_from * 1_000_000)
        self._to = None if form.watched_to is None else round(form.watched_to * 1_000_000)

    @property
    def healthy_after(self) -> int:
        """How old a reading is that is taken as healthy, in whole seconds."""
        return self._healthy_after // 1_000_000

    def saved_counts(self) -> dict[str, Any]:
        """The counts in plain form, with those of errors."""
        return {**super().saved_counts(), "errors": self._errors.saved()}

    def restore_counts(self, saved: Mapping[str, Any]) -> None:
        """Go on from saved counts; those of before had none of errors."""
        super().restore_counts(saved)
        if "errors" in saved:
            self._errors.restore(saved["errors"])

    def take_mature(self) -> list[LabeledPair]:
        """Pairs that have become mature since the last call, each once: what waits for nothing, at once.

        Errors are told soon, and healthy is what nothing was told of for long. So an error matures when a
        healthy reading of its time would; by the order of labels the newest pairs would all be errors. It
        matures with the label that is known by then: an incident is open until somebody closes it, and what
        is between its end and that was no error.
        """
        mature, self._mature = self._mature, []
        return mature

    def _take_pairs(self) -> list[LabeledPair]:
        """Pairs that were made since the last call, each once."""
        pairs, self._pairs = self._pairs, []
        return pairs

    def _contradicted(self, device: str, known: RememberedDevice, times: Iterable[int]) -> int:
        """How many of these predictions were joined with another label than their reading has by now."""
        found = 0
        for at in times:
            label = known.made[at].label
            if label is not None:
                found += self._known_by_now(device, known, at) not in (label, None)
        return found

    def _known_by_now(self, device: str, known: RememberedDevice, micros: int) -> int | None:
        """The label that the history has of a prediction, 0 or 1; None if it has none by now."""
        row = known.row_of(micros, self._beside)
        said = self._label_at(device, micros) if row is None else row.label
        return said if said in (0, 1) else None

    def _looked_at(self, device: str, known: RememberedDevice, times: list[int], now: float) -> None:
        """Label these predictions by the incidents, or as healthy if they are old enough."""
        bound = self._bound
        for at in times:
            record = known.made[at]
            if record.label is not None or record.left_out or not self._joins:
                continue
            record.excluded = self._is_excluded(device, at)
            if record.excluded:
                continue
            if next(self._book.covering(device, at), None) is not None:
                if known.pending(at, self._beside) is None:  # A label that came before the incident counts.
                    self._joined(device, record, 1, now)
            elif at <= bound and self._is_watched(at):  # It may have been passed over before.
                heapq.heappush(self._unlabeled, (at, device))
        self._healthy(now)

    def _is_excluded(self, device: str, micros: int) -> bool:
        return self._book.excludes and any(
            self._book.is_excluded(one) for one in self._book.covering(device, micros)
        )

    @property
    def _bound(self) -> int:
        """Time of the newest prediction that is old enough to count as healthy."""
        return (self._newest or 0) - self._healthy_after

    def _is_watched(self, micros: int) -> bool:
        return self._watches and micros >= self._from and (self._to is None or micros < self._to)

    def _healthy(self, now: float) -> None:
        """Predictions that are old enough to count as healthy; errors of their time mature."""
        while self._unlabeled and self._unlabeled[0][0] <= self._bound:
            first = micros, device = self._unlabeled[0]
            self._decided(device, micros, now)
            while self._unlabeled and self._unlabeled[0] == first:  # Twice if something has failed.
                heapq.heappop(self._unlabeled)

    def _decided(self, device: str, micros: int, now: float) -> None:
        """Decide about a prediction that is old enough."""
        known = self._devices.get(device)
        record = known.made.get(micros) if known else None
        if known is None or record is None:
            return
        if not record.is_open:
            if record.label is not None:
                by_now = self._known_by_now(device, known, micros) if self._joins else record.label
                if by_now is not None:
                    self._mature.append(_pair(device, record, by_now, now))
            return
        told = known.pending(micros, self._beside)
        if told is not None:
            self._met(device, known, micros, told)
            return
        label = self._ahead(device, known, micros) if self._horizon else 0
        if label is not None:
            self._joined(device, record, label, now)

    def _ahead(self, device: str, known: RememberedDevice, micros: int) -> int | None:
        """What a prediction ahead turned out to be, None if that is not known.

        It is the rule of ``with_target``, for one row.
        """
        horizon = self._horizon
        if known.has_observed(micros, micros + 2 * horizon) or self._label_at(device, micros) != 0:
            return None
        last = micros
        rows: Iterable[int] = known.times[bisect_right(known.times, micros) :]
        starts = self._book.starts(device, micros + 1, micros + 2 * horizon + 1)
        if starts:  # An error that its device was silent for.
            begun = [at for at in starts if at not in known.made and self._label_at(device, at)]
            rows = heapq.merge(rows, begun)
        for at in rows:
            label = self._label_at(device, at)
            if at <= micros + horizon and label == 1:
                return 1
            if label == _EXCLUDED:
                if at <= micros + horizon:
                    return None
                continue
            if label is not None:
                if at - last > horizon:
                    return None
                last = at
                if at >= micros + horizon:
                    return 0
        return None

    def _label_at(self, device: str, micros: int) -> int | None:
        """Whether a device is in error at a time, as incidents say by now; None if nobody knows."""
        book, is_covered = self._book, False
        for one in book.covering(device, micros):
            if not book.excludes:
                return 1
            if book.is_excluded(one):
                return _EXCLUDED
            is_covered = True
        if is_covered:
            return 1
        return 0 if self._is_watched(micros) else None

    def _settled(self, device: str, known: RememberedDevice) -> None:
        """Labels of a device of which it is known now to which prediction they belong."""
        if not known.times:
            return
        newest = known.times[-1]
        for told in [at for at in known.waiting if at <= newest]:
            place = bisect_right(known.times, told) - 1
            if place >= 0 and told - known.times[place] <= self._beside:
                self._met(device, known, known.times[place], told)

    def _met(self, device: str, known: RememberedDevice, micros: int, told: int) -> None:
        """Have a prediction and a label meet; the first label of a prediction stays."""
        record, label, before = known.made[micros], known.told[told], None
        if label.label is None or record.excluded or record.left_out:
            used = LabelStatus.KEPT
        elif record.label is None:
            self._joined(device, record, label.label, label.labeled_at)
            used = LabelStatus.JOINED
        else:
            before = self._contradicted(device, known, [micros])
            used = LabelStatus.DUPLICATE
            if record.label != label.label:
                used = LabelStatus.CONFLICTING
                found = Conflict(device, record.time, record.label, label.label, label.labeled_at)
                self.note_conflict(found)
        if label.label is None:
            record.left_out = record.label is None
        known.waiting.remove(told)
        self._states["waiting_for_prediction"] -= 1
        label.used = used
        if before is not None:
            self.contradicted += self._contradicted(device, known, [micros]) - before

    def _joined(self, device: str, record: Made, label: int, labeled_at: float) -> None:
        at, pair = event_micros(record.time), _pair(device, record, label, labeled_at)
        record.label = label
        self._states["waiting_for_label"] -= 1
        self._states["joined"] += 1
        self.joined += 1
        self._pairs.append(pair)
        if at <= self._bound or not self._is_watched(at):
            self._mature.append(pair)

    def _remember(self, micros: int, device: str, is_made: bool, state: str) -> None:
        self._size += 1
        self._states[state] += 1
        heapq.heappush(self._by_time, (micros, device, is_made))

    def _is_old(self, micros: int) -> bool:
        return self._newest is not None and micros < self._newest - self._deadline

    def _advanced(self, micros: int, now: float) -> None:
        """What the newest prediction decides: who is healthy, and what is forgotten.

        :param micros: time of a prediction, which may be the newest.
        """
        if self._newest is None or micros > self._newest:
            if self._begun_until is None and self._newest is not None:  # Restored.
                self._begun_until = self._newest - self._deadline
            self._newest, self._is_behind = micros, True
        if not self._is_behind:
            return
        self._healthy(now)
        oldest = (self._newest or 0) - self._deadline
        while self._by_time and self._by_time[0][0] < oldest:
            self._forgotten(*self._by_time[0])
            heapq.heappop(self._by_time)
        self._settle_begun(oldest)
        self._book.forget(oldest / 1_000_000)
        self._is_behind = False

    def _settle_begun(self, until: int) -> None:
        """Tell of incidents that began before a time at which their devices were silent."""
        first, self._begun_until = self._begun_until, until
        if first is None or self.on_settled is None or self.near is None:
            return
        near: dict[int, set[str]] = {}
        for start, incident in self._book.begun(first, until):
            if start not in near:
                near[start] = set(self.near(start))
            one = incident.names.get(DEVICE)
            for device in [one] if one in near[start] else sorted(near[start]):
                said = self._label_at(device, start) if self._book.names(incident, device, start) else 0
                if said:
                    label, excluded = (None, True) if said == _EXCLUDED else (1, False)
                    self.on_settled(Settled(device, start / 1_000_000, label, excluded))
                    near[start].discard(device)

    def _forgotten(self, micros: int, device: str, is_made: bool) -> None:
        known = self._devices[device]
        if is_made:
            record = known.made[micros]
            told = known.pending(micros, self._beside) if record.is_open else None
            if told is not None:
                self._met(device, known, micros, told)
            if self.on_settled is not None:
                is_excluded = record.excluded or record.left_out
                row = Settled(device, record.time, record.label, is_excluded, record.made.ahead)
                self.on_settled(row._replace(predicted_at=record.predicted_at))
            del known.made[micros], known.times[bisect_left(known.times, micros)]
            state = "joined" if record.label is not None else "waiting_for_label"
            self._states[state] -= 1
        else:
            label = known.told.pop(micros)
            state = "used" if label.used is not None else "waiting_for_prediction"
            is_alone = label.used is None and label.label == 1
            if is_alone and self.on_settled and self.near and device in self.near(micros):
                self.on_settled(Settled(device, micros / 1_000_000, 1))
            if label.used is None:
                known.waiting.remove(micros)
                self._states[state] -= 1
        self._size -= 1
        if state in ("waiting_for_label", "waiting_for_prediction"):
            self.expired[state] += 1
        if not known.made and not known.told:
            del self._devices[device]


def _pair(device: str, record: Made, label: int, labeled_at: float) -> LabeledPair:
    made, nowhere = record.made, Position(0, 0, 0)
    return LabeledPair(device, record.time, made, record.predicted_at, label, labeled_at, nowhere)
