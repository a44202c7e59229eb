"""An alert: raised once when drift is found, told as cleared when the error rate has stayed low again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal

from drift.calm import DAY, Calm
from drift.change_size import CERTAIN, LONGEST_RECENT, Change, Counts, severity_of
from drift.detectors.dependence import LEAST_EPISODES
from drift.detectors.saved_form import saved_mapping
from drift.drift_event import SEVERITIES, DriftEvent, Severity, utc_time
from drift.newest_devices import Others
from drift.wrong_devices import WrongDevices
from feature_sets.checks import InputError, check_choice, check_integer, check_number

Raised = Literal["raised", "worse"]

_HALF_AS_MANY_AGAIN = 1.5
_LEAST_RISE = 0.001
"""So much more than before is no alert for ever. Where errors are rare, it is still many times as many."""
_LEAST_LABELS = 100
"""The error rate of fewer labels says too little to call an open alert worse."""

_OF_ONE_FAILURE: Severity = "moderate"
"""What an alert of a device that has failed is told as, at most."""

RECENT = (1_000, LONGEST_RECENT)
"""Newest labels whose error rate is compared with the one that was told."""


@dataclass(frozen=True)
class Hysteresis:
    """When an alert is over: the newest labels, taken together, are as before it, see ``Alert.end_limit``.

    These are the newest batches, and those of the newest day: a night says little of the hours of work. They
    are judged as a whole. Single batches of a busy day are above any limit now and then, by chance alone.
    They are more than a day where a day has few labels, see ``Alert.labels_to_end``.

    :param below: the error rate must fall below what it was before plus this share of its rise, 0 to 1.
    :param batches: in so many batches together; 0 raises no alerts: drift is told again after the cool-down.
    :param batch: labels of a batch.
    :raises InputError: naming the field that breaks its rule.
    """

    below: float = 0.3
    batches: int = 5
    batch: int = 500

    def __post_init__(self) -> None:
        check_number("hysteresis: below", self.below, at_least=0, at_most=1)
        check_integer("hysteresis: batches", self.batches, at_least=0)
        check_integer("hysteresis: batch", self.batch, at_least=1)

    @property
    def labels(self) -> int:
        """Labels in all of its batches."""
        return self.batch * self.batches

    def limit(self, before: float, rate: float) -> float:
        """Error rate above which an alert goes on.

        :param before: error rate of before the change.
        :param rate: since then.
        """
        return before + self.below * max(0.0, rate - before)


USUAL = Hysteresis()


@dataclass(frozen=True)
class Alert:
    """One of them.

    :param id: names it, among the alerts of one model.
    :param source: detector, or several, whose drift raised it.
    :param raised: event time of the label that raised it, ISO 8601 UTC.
    :param raised_at: number of that label.
    :param onset: event time at which the change began.
    :param severity: the highest that was told.
    :param rate_before: share of errors before the change; None if that is not known.
    :param labels_before: labels that this rests on.
    :param rate: the highest share of errors that was told.
    :param told_at: number of the label at which it was told last.
    :param told_labels: labels that the rate which was told then rests on.
    :param lower_limit: share of errors above which it goes on, but see ``end_limit``.
    :param calm: batches that the newest labels are, if they are as before it; 0 if they are not.
    :param merged: further findings that were not told, as they are this alert.
    :param cleared: event time of the label that cleared it; None while it is open.
    :param inflation: by how much errors vary more than independent ones, as they were when it was told.
    :param devices: of which devices the wrong labels were when it was told; None where that is not known.
    :param calm_at: number of the newest label, since it was told, up to which labels were as before it; 0 if
        they never were.
    :param again: whether it was told that errors have risen again since then.
    """

    id: str
    source: str
    raised: str
    raised_at: int
    onset: str
    severity: Severity
    rate_before: float | None
    rate: float
    lower_limit: float
    labels_before: int = 0
    told_at: int = 0
    told_labels: int = 0
    calm: int = 0
    merged: int = 0
    cleared: str | None = None
    inflation: float = 1.0
    devices: WrongDevices | None = None
    calm_at: int = 0
    again: bool = False

    @property
    def worse_limit(self) -> float:
        """Share of errors from which on it is worse."""
        return min(1.0, _HALF_AS_MANY_AGAIN * self.rate)

    @property
    def spread_limit(self) -> float:
        """Share of errors of the other devices from which on an alert of one device is no longer of that."""
        return _well_above(self.rate_before or 0.0)

    @property
    def again_limit(self) -> float:
        """Share of errors from which on they have risen again, after labels as before it."""
        return max(self.end_limit, _well_above(self.rate_before or 0.0))

    @property
    def before(self) -> Counts:
        """Counts of before it, as far as it tells them."""
        rate, n = self.rate_before or 0.0, self.labels_before
        return Counts(n, round(rate * n), round(rate * rate * n))

    @cached_property
    def end_limit(self) -> float:
        """Share of errors up to which labels are as before it.

        After a burst its lower limit alone says little, so half as many errors again are too many. What was
        before may be known from few labels. It is taken as high as it certainly may have been, if that is
        not nearer to the alert: or the true rate of before could be above the limit for ever.
        """
        limit = min(self.lower_limit, _well_above(self.rate_before or 0.0))
        if self.rate_before is None or not self.labels_before:
            return max(self.lower_limit, _LEAST_RISE / 2)
        return max(limit, min(self.before.bounds(self.inflation)[1], self._halfway))

    @cached_property
    def labels_to_end(self) -> int:
        """Labels that tell its rate from ``end_limit``, at least.

        It takes as much to end an alert as to raise one: at the limit, errors worth ``LEAST_EPISODES``
        independent ones are to be expected. And labels of the rate that was told are below the limit with a
        chance of 0.6 %, as ``CERTAIN`` says, in runs as long as those were. To be as sure of half a rise as
        of the whole one takes four times the labels; more say nothing of a rise that was itself not sure.
        """
        limit, rate = self.end_limit, self._raised
        apart = rate - min(limit, self._halfway)
        of_runs = max(0.0, rate * (1 - rate)) * self.inflation * CERTAIN**2 / apart**2
        return math.ceil(max(LEAST_EPISODES * self.inflation / limit, min(of_runs, 4 * self.told_labels)))

    @property
    def _raised(self) -> float:
        """Its rate; nothing smaller than what is well above before is told from that."""
        return max(self.rate, _well_above(self.rate_before or 0.0))

    @property
    def _halfway(self) -> float:
        return ((self.rate_before or 0.0) + self._raised) / 2

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**found, "devices": self.devices and self.devices.to_dict()}


class AlertWatch:
    """The alerts of one stream of errors, at most one of them open; one thread at a time."""

    def __init__(self, hysteresis: Hysteresis = USUAL) -> None:
        self.hysteresis = hysteresis
        self.open: Alert | None = None
        self.last_cleared: Alert | None = None
        self._labels = 0

    def found(self, name: str, event: DriftEvent, n: int, onset: str, change: Change) -> Raised | None:
        """Take a drift that is the verdict.

        :param name: id of the alert, if it raises one.
        :param event: the drift.
        :param n: number of its label.
        :param onset: event time at which the change began.
        :returns: what is to be told; None if it is the alert that was told already. An open alert is worse if
            its severity is higher than was told, or its error rate by half. Severity is by the rate before
            the alert, not by that before the finding. What rests on few labels, or is compared with none, as
            a second finding of the same change is, makes it no worse.
        """
        self._labels = 0
        rate, now = change.sample.rate or 0.0, self.open
        if now is None:
            before, labels = change.reference.rate, change.reference.n
            limit = self.hysteresis.limit(before or 0.0, rate)
            self.open = Alert(
                name, event.source, event.event_time, n, onset, change.severity or SEVERITIES[0],
                before, rate, limit, labels, n, change.sample.n,
                inflation=change.sample.inflation(change.inflation),
            )  # fmt: skip
            return "raised"
        is_told_by_enough = change.reference.n > 0 and change.sample.n >= _LEAST_LABELS
        if is_told_by_enough and (_is_severer(rate, now) or (rate > now.rate and rate >= now.worse_limit)):
            self._make_worse(now, n, change.sample)
            return "worse"
        self.open = replace(now, merged=now.merged + 1, calm=0)
        return None

    def is_worse(self, n: int, recent: Counts, inflation: float) -> bool:
        """Take the newest labels; whether they make the open alert worse, which is then to be told.

        Their error rate must certainly be higher by half than was told, or of a higher severity, and they
        must all have come since then, as many as that was told of or more.

        :param n: number of the newest label.
        :param recent: one of the lengths in ``RECENT``, or all since the alert was told.
        :param inflation: see ``Change``, at least.
        """
        now = self.open
        least = 0 if now is None else max(_LEAST_LABELS, min(now.told_labels, LONGEST_RECENT))
        if now is None or recent.n < least or n - recent.n < now.told_at:
            return False
        lowest = recent.bounds(recent.inflation(inflation))[0]
        if lowest <= now.rate or not (lowest >= now.worse_limit or _is_severer(lowest, now)):
            return False
        self._make_worse(now, n, recent)
        self._labels = 0
        return True

    def has_spread(self, n: int, recent: Counts, others: Others, inflation: float) -> bool:
        """Whether the open alert, told as of one device, is now of others as well; it is then to be told.

        Their error rate must certainly be half as high again as before the alert, or more, also without the
        one of them that is most often wrong: two devices that fail are not the fleet. It must rest on errors
        worth ``LEAST_EPISODES`` independent ones, of several episodes or of half of the others at once. What
        is told from then on is the rate of all.

        :param n: number of the newest label.
        :param recent: the newest labels since the alert was told.
        :param others: those of them that are not of the device.
        :param inflation: see ``Change``, at least.
        """
        now = self.open
        if now is None or now.rate_before is None or not others.are_several:
            return False
        before = now.rate_before
        for counts in (others.counts, others.but_one):
            of_runs = counts.inflation(inflation)
            if counts.n < _LEAST_LABELS or counts.bounds(of_runs)[0] <= now.spread_limit:
                return False
        if others.counts.errors < LEAST_EPISODES * others.counts.inflation(inflation):
            return False
        self._make_worse(now, n, recent)
        limit = self.hysteresis.limit(before, recent.rate or 0.0)
        self.open = replace(self.open or now, lower_limit=limit)
        self._labels = 0
        return True

    def note_calm(self, n: int, newest: Counts) -> None:
        """Take the newest labels since the last finding, where the last look found them as before the alert.

        :param n: number of the newest label.
        """
        now = self.open
        if now is not None and now.calm and newest.n * now.end_limit >= LEAST_EPISODES * now.inflation:
            self.open = replace(now, calm_at=n)

    def has_risen_again(self, n: int, recent: Counts, inflation: float) -> bool:
        """Whether errors have risen again after labels as before the open alert; it is then to be told, once.

        An alert may be a burst of a few labels. As long as it is open, what comes after it would have to be
        worse than the burst was, or nobody would be told.

        :param n: number of the newest label.
        :param recent: the newest labels since the last that were as before.
        :param inflation: see ``Change``, at least.
        """
        now = self.open
        if now is None or now.again or now.calm_at <= now.told_at or recent.n < self.hysteresis.batch:
            return False
        inflation = recent.inflation(inflation)
        if recent.errors < LEAST_EPISODES * inflation or recent.bounds(inflation)[0] <= now.again_limit:
            return False
        self._make_worse(now, n, recent)
        self.open = replace(self.open or now, again=True)
        self._labels = 0
        return True

    def _make_worse(self, now: Alert, n: int, sample: Counts) -> None:
        rate = sample.rate or 0.0
        severity = max(severity_of(now.rate_before, rate), now.severity, key=SEVERITIES.index)
        self.open = replace(now, severity=severity, rate=rate, told_at=n, told_labels=sample.n, calm=0)

    def tell_where(self, devices: WrongDevices | None, known: Alert | None) -> None:
        """Have the open alert, which was just told, name its devices; see ``severity_with``.

        :param known: the alert as it was before; None if it is new.
        """
        if self.open is None:
            return
        severity = severity_with(devices, self.open.severity)
        if known is not None:
            severity = max(severity, known.severity, key=_rank)
        self.open = replace(self.open, devices=devices, severity=severity)

    @property
    def labels_to_end(self) -> int:
        """Labels that end the open alert, at least; 0 without one."""
        return max(self.hysteresis.labels, self.open.labels_to_end) if self.open else 0

    def add(self, time: str, calm: Callable[[], Calm]) -> Alert | None:
        """Take the next label.

        :param time: its event time, ISO 8601 UTC.
        :param calm: gives the newest labels since the last finding, with this one.
        :returns: the alert that it clears, if it does.
        """
        if self.open is None:
            return None
        self._labels += 1
        if self._labels < self.hysteresis.batch:
            return None
        self._labels = 0
        found, limit = calm(), self.open.end_limit
        is_calm = all((part.rate or 0.0) <= limit for part in (found.counts, found.newest))
        batches = found.counts.n // self.hysteresis.batch if is_calm else 0
        self.open = replace(self.open, calm=batches)
        if not is_calm or found.seconds < DAY or found.counts.n < self.labels_to_end:
            return None
        return self.close(time)

    def close(self, time: str) -> Alert | None:
        """End the alert that is open, for whatever reason; gives it."""
        if self.open is not None:
            self.last_cleared, self.open = replace(self.open, cleared=time), None
            return self.last_cleared
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` continues exactly from here."""
        return {
            "hysteresis": {**vars(self.hysteresis)},
            "open": self.open and self.open.to_dict(),
            "last_cleared": self.last_cleared and self.last_cleared.to_dict(),
            "batch_labels": self._labels,
        }

    @classmethod
    def from_dict(cls, owner: str, saved: Any) -> AlertWatch:
        """Inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        owner = f"{owner}: alerts"
        if isinstance(saved, Mapping):  # Of before batches were judged together, and not each by itself.
            saved = {name: value for name, value in saved.items() if name != "batch_errors"}
        names = ("hysteresis", "open", "last_cleared", "batch_labels")
        saved = saved_mapping(owner, "itself", saved, names)
        limits = saved_mapping(owner, "hysteresis", saved["hysteresis"], ("below", "batches", "batch"))
        watch = cls(Hysteresis(**limits))
        watch.open = _saved_alert(f"{owner}: open", saved["open"])
        watch.last_cleared = _saved_alert(f"{owner}: last_cleared", saved["last_cleared"])
        most = watch.hysteresis.batch - 1
        watch._labels = check_integer(
            f"{owner}: batch_labels", saved["batch_labels"], at_least=0, at_most=most
        )
        return watch


def _well_above(before: float) -> float:
    """The error rate above which there is half as much again as before, or more."""
    return max(_HALF_AS_MANY_AGAIN * before, before + _LEAST_RISE)


_rank = SEVERITIES.index


def severity_with(devices: WrongDevices | None, severity: Severity) -> Severity:
    """A severity with what is known of devices: one that has failed is no severe change of the model."""
    is_one = devices is not None and devices.is_one_failure
    return min(severity, _OF_ONE_FAILURE, key=_rank) if is_one else severity


def _is_severer(rate: float, alert: Alert) -> bool:
    """Whether a rate is of a higher severity than was told, and than the rate that was told is by itself."""
    told = max(alert.severity, severity_of(alert.rate_before, alert.rate), key=_rank)
    return rate > alert.rate and _rank(severity_of(alert.rate_before, rate)) > _rank(told)


def _saved_alert(owner: str, saved: Any) -> Alert | None:
    if saved is None:
        return None
    if isinstance(saved, Mapping) and "raised_at" in saved:
        # Of before an open alert was compared with the newest labels, had an inflation, and said where.
        since = {"labels_before": 0, "told_at": saved["raised_at"], "told_labels": 0, "inflation": 1.0}
        saved = {**since, "devices": None, "calm_at": 0, "again": False, **saved}
    known: Mapping[str, Any] = saved_mapping(owner, "itself", saved, tuple(f.name for f in fields(Alert)))
    values = dict(known)
    for name in ("raised", "onset"):
        values[name] = utc_time(values[name], f"{owner}: {name}")
    if values["cleared"] is not None:
        values["cleared"] = utc_time(values["cleared"], f"{owner}: cleared")
    check_choice(f"{owner}: severity", values["severity"], SEVERITIES)
    for name in ("raised_at", "labels_before", "told_at", "told_labels", "calm", "merged", "calm_at"):
        check_integer(f"{owner}: {name}", values[name], at_least=0)
    values["inflation"] = check_number(f"{owner}: inflation", values["inflation"], at_least=1)
    for name in ("rate", "lower_limit", "rate_before"):
        if name != "rate_before" or values[name] is not None:
            values[name] = check_number(f"{owner}: {name}", values[name], at_least=0, at_most=1)
    if not isinstance(values["again"], bool):
        raise InputError(f"{owner}: again", "must be true or false", values["again"])
    if values["devices"] is not None:
        values["devices"] = WrongDevices.from_dict(f"{owner}: devices", values["devices"])
    return Alert(**{**values, "id": str(values["id"]), "source": str(values["source"])})
