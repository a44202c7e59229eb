"""Sizes what is found on a stream of errors, raises an alert for drift, and tells when that is cleared."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from drift.alert import RECENT, USUAL, Alert, AlertWatch, Hysteresis, severity_with
from drift.calm import Calm, CalmHours
from drift.change_size import LONGEST_RECENT, MOST_REMEMBERED, NOTHING, Change, Counts, LabelMarks
from drift.detectors.dependence import LEAST_EPISODES
from drift.detectors.saved_form import saved_mapping
from drift.drift_event import DriftEvent
from drift.newest_devices import NewestDevices
from drift.newest_labels import LEAST_NEWEST, NewestLabels
from drift.wrong_devices import WrongDevices

_USUAL_EPISODES = 2
"""Episodes that are near each other by chance now and then, where the base has such. To wait for more of them
would find what becomes worse later, or not at all."""

_LONGEST_USUAL = 4 * MOST_REMEMBERED
"""Labels for which a rise of so few episodes may last and still be as usual."""

_LOOK_EVERY = 100
"""Labels after which an open alert is compared with the newest ones; a multiple of what is remembered."""


class Alerting:
    """The counts of one stream of errors, and its alerts; one thread at a time.

    :param hysteresis: when an alert is over; without batches there are no alerts.
    :param base: counts of the base.
    :param group: of the devices whose labels these are; empty for all.
    """

    def __init__(self, hysteresis: Hysteresis = USUAL, base: Counts = NOTHING, group: str = "") -> None:
        self._group = group
        self._marks = LabelMarks(base)
        self._alerts = AlertWatch(hysteresis)
        self._hours = CalmHours()
        self._newest = NewestDevices()

    @property
    def now(self) -> Counts:
        """Counts of the stream so far, without the base."""
        return self._marks.now

    @property
    def n_seen(self) -> int:
        """Labels so far, with those of the base, as a detector counts that was warmed up on it."""
        return self._marks.base.n + self.now.n

    @property
    def hysteresis(self) -> Hysteresis:
        """When an alert is over."""
        return self._alerts.hysteresis

    @property
    def open(self) -> Alert | None:
        """The alert that was told and is not cleared yet."""
        return self._alerts.open

    @property
    def last_cleared(self) -> Alert | None:
        """The newest alert that is over."""
        return self._alerts.last_cleared

    @property
    def newest(self) -> NewestLabels | None:
        """The newest labels, with an open alert those after it; None of fewer than ``LEAST_NEWEST``.

        An alert of the fleet is of no single device later on: by then others may have calmed down.
        """
        known = self.open
        after = 0 if known is None else known.raised_at
        counts, since = self._marks.recent_since(LONGEST_RECENT, after)
        if counts.n < LEAST_NEWEST:
            return None
        if known is None:
            return NewestLabels(counts.n, counts.errors, since, self._marks.base.rate)
        where = self._newest.newest(counts.n, known.rate_before, known.labels_before)
        if where is not None and known.devices is not None and not known.devices.of_one:
            where = replace(where, of_one=False)
        return NewestLabels(counts.n, counts.errors, since, known.rate_before, where)

    def add(self, error: int, time: str, device: str = "") -> list[DriftEvent]:
        """Take the next label; what is to be told of an alert that it clears, if it does.

        :param error: 1 if it was predicted wrong, else 0.
        :param time: its event time, ISO 8601 UTC.
        :param device: key of its device; empty of a stream that does not tell.
        """
        if self.open is not None:
            self._hours.add(time, self.now, self._alerts.labels_to_end)
        self._marks.add(error, time)
        self._newest.add(device, error)
        alert = self._alerts.add(time, self._calm)
        if alert is None:
            return []
        # Later changes are compared with what is calm again, not with the labels of the alert.
        calm = self._calm().counts
        self._marks.begin_at(self._hours.first)
        batches = f"the newest {self.hysteresis.batches} batches of {self.hysteresis.batch} labels, and a day"
        return [self._cleared(alert, calm, f"error stream: as before it in {batches} or more")]

    def _calm(self) -> Calm:
        """The newest labels since the last finding."""
        counts, seconds = self._hours.calm(self.now)
        most = min(self.hysteresis.labels, LONGEST_RECENT)
        return Calm(counts, seconds, self._marks.recent(most, self.now.n - counts.n))

    def close(self, time: str, why: str) -> list[DriftEvent]:
        """End the alert that is open; what is to be told of that, if there is one.

        :param time: event time, ISO 8601 UTC.
        :param why: in words.
        """
        alert = self._alerts.close(time)
        return [] if alert is None else [self._cleared(alert, NOTHING, why)]

    def tell(self, event: DriftEvent, length: int | None, inflation: float) -> list[DriftEvent]:
        """The event with the size of the change; none if it is of the alert that was told already.

        :param event: of the newest label. A drift is the verdict.
        :param length: newest labels that the change covers; None if that is not known.
        :param inflation: see ``Change``.
        """
        onset = self._marks.onset(length)
        change = self._marks.change(onset, inflation)
        event = replace(event, group=self._group, **change.fields())
        if event.level != "drift":
            return [event]
        began = _not_after(onset.time, event.event_time)
        event = replace(event, onset=began, since_onset=change.sample.n)
        self._hours.begin()
        known = self._alerts.open
        # An alert that gets worse is told beside what was before it, not before the finding.
        before = (
            (known.rate_before, known.labels_before) if known else (change.reference.rate, change.reference.n)
        )
        if not self.hysteresis.batches:
            return [self._with_devices(event, change, before)]
        name = f"{event.source}-{self.now.n}" + (f"-{self._group}" if self._group else "")
        if self._alerts.found(name, event, self.now.n, began, change) is None:
            return []
        self._marks.begin_at(onset.counts)
        event = self._with_devices(event, change, before)
        self._alerts.tell_where(event.devices, known)
        alert = self._alerts.open
        if alert is None or known is None:
            return [replace(event, alert=alert.id if alert else "")]
        return [_worse(event, alert)]

    def _with_devices(
        self, event: DriftEvent, change: Change, before: tuple[float | None, int]
    ) -> DriftEvent:
        """The event with the devices of the newest labels, as sure as their episodes are."""
        where = self._newest.newest(change.sample.n, *before)
        severity = event.severity and severity_with(where, event.severity)
        confidence = _of_episodes(change, where).confidence
        return replace(event, devices=where, severity=severity, confidence=confidence)

    def is_usual(self, length: int | None, inflation: float) -> bool:
        """Whether a rise is one or two episodes such as the base holds: their errors are worth too few.

        A detector does not know of devices, and may take one long episode of one of them for a steady rise.
        An episode that goes on and on is not usual.

        :param length: newest labels that the rise covers; None if that is not known.
        :param inflation: see ``Change``, at least.
        """
        if length is None or length > _LONGEST_USUAL:
            return False
        sample = self._marks.change(self._marks.onset(length), inflation).sample
        if sample.errors >= LEAST_EPISODES * sample.inflation(inflation):
            return False
        episodes = self._newest.episodes(sample.n)
        return episodes is not None and episodes <= _USUAL_EPISODES

    @property
    def is_due(self) -> bool:
        """Whether the open alert is to be compared with the newest labels, see ``worse``."""
        return self.open is not None and self.now.n % _LOOK_EVERY == 1

    def worse(self, time: str, inflation: float) -> list[DriftEvent]:
        """What is to be told if the error rate of now makes the open alert worse.

        A detector begins anew with the first finding, and learns the higher rate as the usual one. So what
        goes on to rise is not found by it, or as a small change from there.

        :param time: event time of the newest label, ISO 8601 UTC.
        :param inflation: see ``Change``, at least.
        """
        self._alerts.note_calm(self.now.n, self._calm().counts)
        known = self.open
        if known is None:
            return []
        for length in RECENT:
            recent = self._marks.recent(length, known.told_at)
            value, limit = recent.rate, known.worse_limit
            detail = "error stream: rate of the newest labels"
            others = self._spread(known, recent, inflation)
            if others is not None:
                value, limit = others.rate, known.spread_limit
                detail = "error stream: rate of the other devices, no longer of one device"
            elif self._alerts.is_worse(self.now.n, recent, inflation):
                # Of a higher severity it is worse with less than half as many again.
                limit = limit if (value or 0.0) >= limit else known.rate
            else:
                recent, limit = self._marks.recent(length, known.calm_at), known.again_limit
                if not self._alerts.has_risen_again(self.now.n, recent, inflation):
                    continue
                value = recent.rate
                detail = f"{detail}, risen again after labels as before the alert"
            onset = self._marks.onset(None)
            self._marks.begin_at(onset.counts)
            self._hours.begin()
            where = self._newest.newest(recent.n, known.rate_before, known.labels_before)
            if where is not None and others is not None:
                where = replace(where, of_one=False)
            self._alerts.tell_where(where, known)
            event = DriftEvent(
                source=known.source,
                level="drift",
                event_time=time,
                value=value,
                limit=limit,
                n_seen=self.n_seen,
                detail=detail,
                onset=_not_after(onset.time, time),
                since_onset=self.now.n - onset.counts.n,
                confidence=_of_episodes(Change(recent, known.before, inflation), where).confidence,
                sample_labels=recent.n,
                sample_rate=recent.rate,
                group=self._group,
                devices=where,
            )
            return [_worse(event, self._alerts.open or known)]
        return []

    def _spread(self, known: Alert, recent: Counts, inflation: float) -> Counts | None:
        """Counts of the others if the open alert was of one device, and is of them as well; or None."""
        if known.devices is None or not known.devices.of_one:
            return None
        others = self._newest.others(known.devices.named[0].device, recent.n)
        return others.counts if self._alerts.has_spread(self.now.n, recent, others, inflation) else None

    def _cleared(self, alert: Alert, calm: Counts, detail: str) -> DriftEvent:
        return DriftEvent(
            source=alert.source,
            level="cleared",
            event_time=alert.cleared or alert.raised,
            value=calm.rate,
            limit=alert.end_limit,
            n_seen=self.n_seen,
            detail=detail,
            onset=alert.onset,
            severity=alert.severity,
            sample_labels=calm.n,
            sample_rate=calm.rate,
            reference_rate=alert.rate_before,
            group=self._group,
            alert=alert.id,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` continues exactly from here."""
        return {
            "marks": self._marks.to_dict(),
            "alerts": self._alerts.to_dict(),
            "calm_hours": self._hours.to_dict(),
            "newest": self._newest.to_dict(),
        }

    @classmethod
    def from_dict(cls, owner: str, saved: Any, n_seen: int, errors: int, group: str) -> Alerting:
        """Inverse of ``to_dict``.

        :param n_seen: labels so far.
        :param errors: how many of them were predicted wrong.
        :raises InputError: naming the field, the rule and what was given.
        """
        if isinstance(saved, dict):  # Of before a day was judged as a whole, and before devices were named.
            saved = {"calm_hours": CalmHours().to_dict(), "newest": NewestDevices().to_dict(), **saved}
            saved.pop("calm_from", None)
        names = ("marks", "alerts", "calm_hours", "newest")
        saved = saved_mapping(owner, "alerting", saved, names)
        alerting = cls(group=group)
        alerting._marks = LabelMarks.from_dict(owner, saved["marks"], n_seen, errors)
        alerting._alerts = AlertWatch.from_dict(owner, saved["alerts"])
        alerting._hours = CalmHours.from_dict(owner, saved["calm_hours"], alerting.now)
        alerting._newest = NewestDevices.from_dict(owner, saved["newest"])
        return alerting


def _not_after(onset: str, found: str) -> str:
    """When a change began: labels come out of order, and none is found before it begins."""
    return min(onset, found, key=datetime.fromisoformat)


def _of_episodes(change: Change, where: WrongDevices | None) -> Change:
    """The change as sure as its episodes are, where they are few: one power failure is no hundred errors."""
    if where is None or not where.episodes or not where.is_few:
        return change
    return replace(change, inflation=max(change.inflation, where.wrong / where.episodes))


def _worse(event: DriftEvent, alert: Alert) -> DriftEvent:
    """An event of an alert that was told already, beside what was before that, and not before the event."""
    return replace(
        event,
        severity=alert.severity,
        reference_labels=alert.labels_before,
        reference_rate=alert.rate_before,
        alert=alert.id,
        detail="; ".join(filter(None, (event.detail, f"worse than at {alert.raised[:19]}"))),
    )
