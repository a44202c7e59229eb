"""The ledger of labels that need not be at the times of predictions: beside them, positives, incidents.

A prediction gets the label that its reading has in the history, by the rules of
``feature_sets.labels.derived_labels``, as far as they can be followed while it is remembered. What was
joined is not taken back. Times are event times in whole microseconds, as in the history.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import replace

from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.incident_events import Incident, IncidentEvent, after
from feature_sets.telemetry.label_form import ROWS, LabelForm
from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.label_status import LabelStatus
from graphs.protocol.records import LabeledPair, Position, Prediction
from graphs.state.incident_book import IncidentBook
from graphs.state.incident_change import Changed
from graphs.state.ledger_counts import Conflict
from graphs.state.remembered import Made, RememberedDevice, Told
from graphs.state.remembered_ledger import RememberedLedger
from graphs.state.settled import OnSettled, Settled

_EXCLUDED = 2
_SPARE = 1000


class DerivedLedger(RememberedLedger):
    """Predictions, labels and incidents; the pairs that they make carry no position yet.

    A label is settled when its device has a prediction at its time or after it: then it is known which one
    is the latest at or before it. A prediction outside of all incidents is healthy when the newest one is
    far enough ahead of it.

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
        self._mature: list[LabeledPair] = []
        # What follows a prediction is known when rows up to twice the horizon after it are.
        healthy = form.healthy_seconds * 1_000_000
        self._healthy_after = healthy + 2 * self._horizon if healthy else self._deadline + 1
        self._beside = form.tolerance_seconds * 1_000_000
        self._watches = form.has_incidents or (self._joins and form.form != ROWS)
        self._from = 0 if form.watched_from is None else round(form.watched_from * 1_000_000)
        self._to = None if form.watched_to is None else round(form.watched_to * 1_000_000)

    def oldest_of(self, newest: int | None) -> int:
        """The same in microseconds; before a prediction, as if there had been one at a time."""
        return (self._newest if self._newest is not None else newest or 0) - self._deadline

    def _has_made(self, device: str, micros: int) -> bool:
        return device in self._devices and micros in self._devices[device].made

    def has_label(self, device: str, micros: int) -> bool:
        """Whether a label of a device and time, in microseconds, is remembered."""
        return device in self._devices and micros in self._devices[device].told

    def prediction(self, device: str, time: float) -> Prediction | None:
        """The prediction made for a device and time, if it is still remembered."""
        micros = event_micros(time)
        return self._devices[device].made[micros].made if self._has_made(device, micros) else None

    def add_prediction(
        self, device: str, time: float, made: Prediction, predicted_at: float
    ) -> list[LabeledPair]:
        """Note a prediction; gives the pairs that are complete now. A repeat changes nothing.

        :param time: event time in epoch seconds.
        :param predicted_at: when the event arrived, epoch seconds.
        """
        micros = event_micros(time)
        pairs: list[LabeledPair] = []
        if self._newest is None or micros > self._newest:
            self._newest = micros
            pairs += self._advanced(predicted_at)
        if self._is_old(micros):
            self.expired["waiting_for_label"] += 1
            return pairs
        if self._has_made(device, micros):
            return pairs
        known = self._devices.setdefault(device, RememberedDevice())
        known.made[micros] = Made(time, made, predicted_at)
        insort(known.times, micros)
        self._remember(micros, device, True, "waiting_for_label")
        known.made[micros].excluded = self._joins and self._is_excluded(device, micros)
        pairs += self._settled(device, known)
        if self._is_watched(micros) and (micros > self._bound or not self._joins):
            heapq.heappush(self._unlabeled, (micros, device))
            if len(self._unlabeled) > 2 * self._size + _SPARE:  # Most are of predictions that are forgotten.
                self._unlabeled = [(at, of) for at, of in self._unlabeled if self._has_made(of, at)]
                heapq.heapify(self._unlabeled)
        place = bisect_left(known.times, micros)
        around = known.times[max(0, place - 1) : place + 1]  # No label waits for the one before now.
        return pairs + self._looked_at(device, known, around, predicted_at)

    def add_label(
        self, device: str, time: float, label: int | None, labeled_at: float
    ) -> tuple[LabelStatus, list[LabeledPair]]:
        """Note a label; gives what became of it, and the pairs that are complete now.

        :param time: event time that the label is about, epoch seconds.
        :param label: 0, 1, or None if the schema excludes it: then no label joins the prediction.
        :param labeled_at: when the label arrived, epoch seconds.
        """
        if self.from_future(time, labeled_at):
            return LabelStatus.QUARANTINED, []
        micros = event_micros(time)
        if self._newest is not None and self._is_old(micros):
            self.note_late((self._newest - micros) / 1e6)
            return LabelStatus.EXPIRED, []
        before = self._devices.get(device)
        told = before.told.get(micros) if before else None
        if told is not None:
            if told.label == label:
                return LabelStatus.DUPLICATE, []
            self.note_conflict(Conflict(device, time, told.label, label, labeled_at))
            return LabelStatus.CONFLICTING, []
        known = self._devices.setdefault(device, RememberedDevice())
        known.told[micros] = Told(label, labeled_at)
        insort(known.waiting, micros)
        self._remember(micros, device, False, "waiting_for_prediction")
        pairs = self._settled(device, known)
        return known.told[micros].used or (LabelStatus.KEPT if label is None else LabelStatus.WAITING), pairs

    def add_observed(self, device: str, time: float, labeled_at: float) -> LabelStatus:
        """Note that a row says whether a device is in error: what it is part of is left to the history.

        :param time: event time that it is about, epoch seconds.
        """
        if self.from_future(time, labeled_at):
            return LabelStatus.QUARANTINED
        micros = event_micros(time)
        known = self._devices.get(device)
        if not self._is_old(micros) and (known is None or micros not in known.told):
            known = self._devices.setdefault(device, RememberedDevice())
            known.told[micros] = Told(None, labeled_at, LabelStatus.KEPT, observed=True)
            self._remember(micros, device, False, "used")
        return LabelStatus.KEPT

    def add_incident(self, event: IncidentEvent, arrived: float) -> Changed:
        """Note what is said of an incident, live or by the history; predictions in it are errors.

        :param arrived: epoch seconds.
        """
        before = self._book.get(event.id)
        status, incident = after(before, event, arrived + self._tolerance)
        if incident is None:
            return Changed(status, 0, 0, [])
        incident = replace(incident, changed=0.0 if event.source else arrived)
        if not self._joins:
            self._book.put(incident)
            return Changed(status, 0, 0, [])
        named = list(self._named(incident, before))
        self.contradicted -= sum(self._contradicted(*one) for one in named)
        self._book.put(incident)
        self.contradicted += sum(self._contradicted(*one) for one in named)
        pairs: list[LabeledPair] = []
        too_late = 0
        for device, known, times in named:
            inside = [] if incident.cancelled else self._inside(incident, times)
            if not self._book.is_excluded(incident):
                too_late += sum(known.was_healthy(at, self._beside) for at in inside)
            pairs += self._looked_at(device, known, times, arrived)
        return Changed(status, sum(pair.label for pair in pairs), too_late, pairs)

    def _named(
        self, incident: Incident, before: Incident | None
    ) -> Iterable[tuple[str, RememberedDevice, list[int]]]:
        """Devices that an incident names now or named before, with the predictions that this may change."""
        both = [one for one in (incident, before) if one is not None]
        whom = {one.names.get(DEVICE) for one in both}
        devices = list(self._devices) if None in whom else [name for name in whom if name in self._devices]
        for device in sorted(map(str, devices)):
            known, found = self._devices[device], set[int]()
            for one in both:
                found.update(at for at in self._inside(one, known.times) if self._book.names(one, device, at))
            if found:
                yield device, known, sorted(found)

    def _inside(self, incident: Incident, times: list[int]) -> list[int]:
        """Those of times, which ascend, that are in an incident."""
        start, end = self._book.stretch(incident)
        return times[bisect_left(times, start) : len(times) if end is None else bisect_left(times, end)]

    def _contradicted(self, device: str, known: RememberedDevice, times: Iterable[int]) -> int:
        """How many of these predictions were joined with another label than their reading has by now."""
        joined = (at for at in times if known.made[at].label is not None)
        return sum(self._known_by_now(device, known, at) not in (known.made[at].label, None) for at in joined)

    def _known_by_now(self, device: str, known: RememberedDevice, micros: int) -> int | None:
        """The label that the history has of a prediction, 0 or 1; None if it has none by now."""
        row = known.row_of(micros, self._beside)
        said = self._label_at(device, micros) if row is None else row.label
        return said if said in (0, 1) else None

    def _looked_at(
        self, device: str, known: RememberedDevice, times: list[int], now: float
    ) -> list[LabeledPair]:
        """Label these predictions by the incidents, or as healthy if they are old enough."""
        pairs = []
        bound = self._bound
        for at in times:
            record = known.made[at]
            if record.label is not None or record.left_out or not self._joins:
                continue
            record.excluded = self._is_excluded(device, at)
            if record.excluded:
                continue
            if any(True for _ in self._book.covering(device, at)):
                if known.pending(at, self._beside) is None:  # A label that came before the incident counts.
                    pairs.append(self._joined(device, record, 1, now))
            elif at <= bound and self._is_watched(at):  # It may have been passed over before.
                heapq.heappush(self._unlabeled, (at, device))
        return pairs + self._healthy(now)

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

    def _healthy(self, now: float) -> list[LabeledPair]:
        """Predictions that are old enough to count as healthy; errors of their time mature."""
        pairs: list[LabeledPair] = []
        while self._unlabeled and self._unlabeled[0][0] <= self._bound:
            micros, device = heapq.heappop(self._unlabeled)
            known = self._devices.get(device)
            record = known.made.get(micros) if known else None
            if known is None or record is None or not record.is_open:
                if known is not None and record is not None and record.label is not None:
                    label = self._known_by_now(device, known, micros) if self._joins else record.label
                    if label is not None:
                        self._mature.append(_pair(device, record, label, now))
                continue
            told = known.pending(micros, self._beside)
            if told is not None:
                pairs += self._met(device, known, micros, told)
                continue
            label = self._ahead(device, known, micros) if self._horizon else 0
            if label is not None:
                pairs.append(self._joined(device, record, label, now))
        return pairs

    def _ahead(self, device: str, known: RememberedDevice, micros: int) -> int | None:
        """What a prediction ahead turned out to be, None if that is not known.

        It is the rule of ``with_target``, for one row.
        """
        horizon = self._horizon
        if known.has_observed(micros, micros + 2 * horizon) or self._label_at(device, micros) != 0:
            return None
        last = micros
        for at in known.times[bisect_right(known.times, micros) :]:
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
        covering = list(self._book.covering(device, micros))
        if covering:
            return _EXCLUDED if any(self._book.is_excluded(one) for one in covering) else 1
        return 0 if self._is_watched(micros) else None

    def _settled(self, device: str, known: RememberedDevice) -> list[LabeledPair]:
        """Labels of a device of which it is known now to which prediction they belong."""
        pairs: list[LabeledPair] = []
        if not known.times:
            return pairs
        newest = known.times[-1]
        for told in [at for at in known.waiting if at <= newest]:
            place = bisect_right(known.times, told) - 1
            if place >= 0 and told - known.times[place] <= self._beside:
                pairs += self._met(device, known, known.times[place], told)
        return pairs

    def _met(self, device: str, known: RememberedDevice, micros: int, told: int) -> list[LabeledPair]:
        """Have a prediction and a label meet; the first label of a prediction stays."""
        record, label = known.made[micros], known.told[told]
        known.waiting.remove(told)
        self._states["waiting_for_prediction"] -= 1
        if label.label is None:
            record.left_out = record.label is None
        if label.label is None or record.excluded or record.left_out:
            label.used = LabelStatus.KEPT
        elif record.label is None:
            label.used = LabelStatus.JOINED
            return [self._joined(device, record, label.label, label.labeled_at)]
        else:
            before = self._contradicted(device, known, [micros])
            conflicts = record.label != label.label
            if conflicts:
                found = Conflict(device, record.time, record.label, label.label, label.labeled_at)
                self.note_conflict(found)
            label.used = LabelStatus.CONFLICTING if conflicts else LabelStatus.DUPLICATE
            self.contradicted += self._contradicted(device, known, [micros]) - before
        return []

    def _joined(self, device: str, record: Made, label: int, labeled_at: float) -> LabeledPair:
        record.label = label
        self._states["waiting_for_label"] -= 1
        self._states["joined"] += 1
        self.joined += 1
        pair = _pair(device, record, label, labeled_at)
        if (at := event_micros(record.time)) <= self._bound or not self._is_watched(at):
            self._mature.append(pair)
        return pair

    def take_mature(self) -> list[LabeledPair]:
        """Pairs that have become mature since the last call, each once: what waits for nothing, at once.

        Errors are told soon, and healthy is what nothing was told of for long. So an error matures when a
        healthy reading of its time would; by the order of labels the newest pairs would all be errors. It
        matures with the label that is known by then: an incident is open until somebody closes it, and what
        is between its end and that was no error.
        """
        mature, self._mature = self._mature, []
        return mature

    def _remember(self, micros: int, device: str, is_made: bool, state: str) -> None:
        self._size += 1
        self._states[state] += 1
        heapq.heappush(self._by_time, (micros, device, is_made))

    def _is_old(self, micros: int) -> bool:
        return self._newest is not None and micros < self._newest - self._deadline

    def _advanced(self, now: float) -> list[LabeledPair]:
        """What the newest prediction decides: who is healthy, and what is forgotten."""
        pairs = self._healthy(now)
        oldest = (self._newest or 0) - self._deadline
        while self._by_time and self._by_time[0][0] < oldest:
            pairs += self._forgotten(*heapq.heappop(self._by_time))
        self._book.forget(oldest / 1_000_000)
        return pairs

    def _forgotten(self, micros: int, device: str, is_made: bool) -> list[LabeledPair]:
        known = self._devices[device]
        pairs: list[LabeledPair] = []
        self._size -= 1
        if is_made:
            told = known.pending(micros, self._beside) if known.made[micros].is_open else None
            pairs += self._met(device, known, micros, told) if told is not None else []
            record = known.made.pop(micros)
            del known.times[bisect_left(known.times, micros)]
            if self.on_settled is not None:
                is_excluded = record.excluded or record.left_out
                row = Settled(device, record.time, record.label, is_excluded, record.made.ahead)
                self.on_settled(row._replace(predicted_at=record.predicted_at))
            state = "joined" if record.label is not None else "waiting_for_label"
            self._states[state] -= 1
        else:
            label = known.told.pop(micros)
            state = "used" if label.used is not None else "waiting_for_prediction"
            if label.used is None:
                known.waiting.remove(micros)
                self._states[state] -= 1
        if state in ("waiting_for_label", "waiting_for_prediction"):
            self.expired[state] += 1
        if not known.made and not known.told:
            del self._devices[device]
        return pairs


def _pair(device: str, record: Made, label: int, labeled_at: float) -> LabeledPair:
    made, nowhere = record.made, Position(0, 0, 0)
    return LabeledPair(device, record.time, made, record.predicted_at, label, labeled_at, nowhere)
