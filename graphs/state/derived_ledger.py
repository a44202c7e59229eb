"""The ledger of labels that need not be at the times of predictions: beside them, positives, incidents.

A prediction gets the label that its reading has in the history, see ``DerivedPairs``. What is said of
predictions, labels and incidents is taken here, each once.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.early_incidents import take
from feature_sets.telemetry.incident_events import Incident, IncidentEvent, IncidentStatus
from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.label_status import LabelStatus
from graphs.protocol.records import LabeledPair, Prediction
from graphs.state.derived_pairs import DerivedPairs
from graphs.state.incident_change import Changed
from graphs.state.ledger_counts import Conflict, Missed
from graphs.state.remembered import Made, RememberedDevice, Told

_SPARE = 1000

_Named = tuple[str, RememberedDevice, list[int]]


@dataclass(slots=True)
class _Begun:
    """An incident that is known, and of which not all that follows may have been taken.

    :param event: that said so.
    :param named: devices that it names or named, with the predictions that this may change.
    :param contradicted: how many of these were before it; None when that is counted.
    :param is_late: see ``Changed``.
    """

    event: IncidentEvent
    status: IncidentStatus
    incident: Incident
    named: list[_Named]
    contradicted: int | None
    is_late: bool = False


class DerivedLedger(DerivedPairs):
    """Predictions, labels and incidents; the pairs that they make carry no position yet.

    Who repeats an addition that failed has it go on where it failed: it is no duplicate then. Parameters are
    those of ``DerivedPairs``.
    """

    _begun: _Begun | tuple[str, int, bool] | None = None
    """What was added last, if something failed behind it: an incident, or a prediction or label by device and
    time and whether it is a prediction."""

    @property
    def missed(self) -> Missed:
        """Errors that were told too late, of those that were told."""
        return self._errors.missed

    def oldest_of(self, newest: int | None) -> int:
        """The same in microseconds; before a prediction, as if there had been one at a time."""
        return (self._newest if self._newest is not None else newest or 0) - self._deadline

    def _has_made(self, device: str, micros: int) -> bool:
        return device in self._devices and micros in self._devices[device].made

    def unfollowed(self, until: int) -> list[tuple[str, int]]:
        """Predictions ahead without a label, of which no other says what followed: their device fell silent.

        Its readings may have gone on in a file, so that the history knows. Those with a known incident within
        the horizon are left out: the history may not have it yet.

        :param until: newest time of a reading that the history has, microseconds.
        :returns: device and time in microseconds, by device.
        """
        found: list[tuple[str, int]] = []
        if self._joins:
            return found
        for device, known in self._devices.items():
            times = np.array(known.times, dtype=np.int64)
            if not len(times):
                continue
            gaps = np.diff(times, append=max(until, known.times[-1]))
            (last,) = np.nonzero(gaps > self._horizon)
            if not len(last):
                continue
            before = np.searchsorted(times[last], times)  # The silence that comes after each.
            ends = np.append(times[last], np.iinfo(np.int64).max)[before]
            near = times[times > ends - self._horizon].tolist()
            near = [at for at in near if known.made[at].is_open]
            if near and self._has_incidents(device, near[0], near[-1] + self._horizon):
                near = [at for at in near if not self._has_incidents(device, at, at + self._horizon)]
            found += [(device, at) for at in near]
        return found

    def _has_incidents(self, device: str, first: int, last: int) -> bool:
        """Whether a device has a known incident in a stretch of time, or is not watched at its beginning."""
        return self._label_at(device, first) != 0 or bool(self._book.starts(device, first, last + 1))

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
        self._advanced(micros, predicted_at)
        if self._is_old(micros):
            self.expired["waiting_for_label"] += 1
            return self._take_pairs()
        if self._begun != (device, micros, True):
            if self._has_made(device, micros):
                return self._take_pairs()
            self._note_made(device, micros, Made(time, made, predicted_at))
        known = self._devices[device]
        self._settled(device, known)
        place = bisect_left(known.times, micros)
        around = known.times[max(0, place - 1) : place + 1]  # No label waits for the one before now.
        self._looked_at(device, known, around, predicted_at)
        self._begun = None
        return self._take_pairs()

    def _note_made(self, device: str, micros: int, record: Made) -> None:
        record.excluded = self._joins and self._is_excluded(device, micros)
        known = self._devices.setdefault(device, RememberedDevice())
        known.made[micros] = record
        insort(known.times, micros)
        self._remember(micros, device, True, "waiting_for_label")
        if self._is_watched(micros) and (micros > self._bound or not self._joins):
            heapq.heappush(self._unlabeled, (micros, device))
            if len(self._unlabeled) > 2 * self._size + _SPARE:  # Most are of predictions that are forgotten.
                self._unlabeled = [(at, of) for at, of in self._unlabeled if self._has_made(of, at)]
                heapq.heapify(self._unlabeled)
        self._begun = (device, micros, True)

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
            delay = (self._newest - micros) / 1e6
            self.note_late(delay)
            if label and self._watches:
                self._errors.note_forgotten(device, micros, delay)
            return LabelStatus.EXPIRED, []
        begun = (device, micros, False)
        if self._begun != begun:
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
            self._begun = begun
            if label:
                self._note_error(micros)
        known = self._devices[device]
        self._settled(device, known)
        self._begun = None
        status = known.told[micros].used or (LabelStatus.KEPT if label is None else LabelStatus.WAITING)
        return status, self._take_pairs()

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
        begun = self._begun
        if not isinstance(begun, _Begun) or begun.event != event:
            before = self._book.get(event.id)
            status, incident = take(before, self._book.early, event, arrived + self._tolerance)
            if isinstance(incident, IncidentEvent):
                self._book.early.put(incident)
            if incident is not None and not self._is_error(incident):
                self._errors.cancel(event.id)
            if not isinstance(incident, Incident):
                if before is not None and not event.source and status is IncidentStatus.DUPLICATE:
                    self._book.early.opened(before)
                return Changed(status, 0, 0, [])
            incident = incident.but(changed=0.0 if event.source else arrived)
            named = list(self._named(incident, before)) if self._joins else []
            begun = _Begun(event, status, incident, named, sum(self._contradicted(*one) for one in named))
            counts = self._is_error(incident) and (before is None or not self._is_error(before))
            start, end = self._book.stretch(incident)
            if event.source and self._is_over(end):  # It was known before, and is asked for again.
                counts = False
            self._book.put(incident)
            self._begun = begun
            if counts:  # Last: nothing fails here, so it is once.
                begun.is_late = self._note_incident(event.id, start, end if before is None else None)
        incident, named = begun.incident, begun.named
        if begun.contradicted is not None:
            self.contradicted += sum(self._contradicted(*one) for one in named) - begun.contradicted
            begun.contradicted = None
        too_late = 0
        for device, known, times in named:
            inside = [] if incident.cancelled else self._inside(incident, times)
            if not self._book.is_excluded(incident):
                too_late += sum(known.was_healthy(at, self._beside) for at in inside)
            self._looked_at(device, known, times, arrived)
        self._begun = None
        pairs = self._take_pairs()
        return Changed(begun.status, sum(pair.label for pair in pairs), too_late, pairs, begun.is_late)

    def _is_error(self, told: Incident | IncidentEvent) -> bool:
        """Whether predictions in an incident are errors: it was one, and the schema leaves it in."""
        return not told.cancelled and not (isinstance(told, Incident) and self._book.is_excluded(told))

    def take_left(self) -> list[LabeledPair]:
        """Pairs of an addition that failed, which nobody repeats any more."""
        self._begun = None
        return self._take_pairs()

    def _note_incident(self, name: str, start: int, end: int | None) -> bool:
        """Count an incident; whether it began before what is taken as healthy by now.

        One that was over when all predictions in it were forgotten is a late label.

        :param start: in microseconds, as its end.
        :param end: None of one that was told before, and cancelled.
        """
        if self._newest is not None and end is not None and self._is_over(end):
            self.note_late((self._newest - end) / 1e6)
        return self._note_error(start, name)

    def _is_over(self, end: int | None) -> bool:
        """Whether an incident of this end was over when all predictions in it were forgotten."""
        return self._newest is not None and end is not None and end <= self._newest - self._deadline

    def _note_error(self, micros: int, incident: str = "") -> bool:
        """Count an error that was told; whether it began before what is taken as healthy by now.

        It is one rule for incidents and positives, sent live or told by files. Before the first prediction
        nothing is taken as healthy, so what the history says until then is not counted.

        :param incident: its id, if it is one.
        """
        if self._newest is None or not self._watches:
            return False
        delay = (self._newest - micros) / 1e6
        return self._errors.note(self._newest / 1e6, delay, self.healthy_after, incident)

    def _named(self, incident: Incident, before: Incident | None) -> Iterable[_Named]:
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
