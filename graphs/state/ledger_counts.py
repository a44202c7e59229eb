"""What every ledger counts, and what is a label from the future to it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from feature_sets.telemetry.cell_text import id_text

_STATES = ("waiting_for_label", "waiting_for_prediction", "joined")


MOST_CONFLICTS = 100
"""Labels that contradict an earlier one, of which a ledger tells; all of them are in the archive."""


MOST_DELAYS = 100
"""Labels after their deadline whose delay is remembered: the newest."""

MOST_FORGOTTEN = 1_000
"""Errors before all that a ledger remembers, which are remembered themselves: the newest."""

MOST_TOLD = 1_000
"""Errors that are counted, and incidents are not any more if they turn out to be none: the newest."""

NEWEST_TOLD_SECONDS, LEAST_NEWEST_TOLD = 14 * 86_400.0, 20
"""Of which event time, and at least how many, errors or labels tell if they come in time: the newest."""

_DAY, _MOST_DAYS = 86_400.0, 1_000


NEWEST_PAST = 10_000
"""So many of the newest predictions past the deadline tell whether labels still come, or twice as many."""


class Conflict(NamedTuple):
    """A label that contradicts an earlier one of the same device and time, which counts.

    :param device: device key.
    :param time: event time in epoch seconds.
    :param kept: the label that counts, None if it leaves the event out.
    :param other: what was told later.
    :param told_at: when that arrived, epoch seconds.
    """

    device: str
    time: float
    kept: int | None
    other: int | None
    told_at: float


class Missed(NamedTuple):
    """Labels of which nobody knows in time.

    :param lost: how many.
    :param told: how many labels there were, with these.
    :param late_by: how much older than the newest event most of them were at most, in seconds: 19 of 20
        labels, 4 of 5 errors. None without any.
    """

    lost: int
    told: int
    late_by: float | None


class Past(NamedTuple):
    """Predictions that no label can meet any more.

    :param joined: those that one has met.
    :param expired: the others.
    """

    joined: int
    expired: int


class Reached(NamedTuple):
    """What was counted when the events reached another day.

    :param at: when that day began, event time in Unix seconds; 0.0 before all of it.
    :param joined: predictions with a label by then.
    :param late: labels after their deadline by then.
    :param expired: predictions without one by then.
    """

    at: float = 0.0
    joined: int = 0
    late: int = 0
    expired: int = 0


class LedgerCounts:
    """Counts of a ledger: what it remembers by state, and what became of the rest.

    :param tolerance_seconds: how far ahead of the clock the time of a label may be.
    """

    def __init__(self, tolerance_seconds: float) -> None:
        self._tolerance = tolerance_seconds
        self._states: Counter[str] = Counter()
        self.joined = 0
        self.expired: Counter[str] = Counter()
        self.conflicting = 0
        self.conflicts: deque[Conflict] = deque(maxlen=MOST_CONFLICTS)
        """The newest of them."""
        self.conflicting_readings = 0
        """Events of a device and time that had a prediction, with other values than that."""
        self.contradicted = 0
        """Pairs whose label was told otherwise since; they stay, and the history has what was told."""
        self.late = 0
        """Labels that came after their deadline, and incidents that were over before it."""
        self._delays: deque[float] = deque(maxlen=MOST_DELAYS)
        self._past = self._past_before = Past(0, 0)
        self._days: deque[Reached] = deque([Reached()], maxlen=_MOST_DAYS)
        self._reached = 0.0

    @property
    def newest_past(self) -> Past:
        """The newest predictions past the deadline, since the start of the process."""
        return Past(*(sum(both) for both in zip(self._past_before, self._past, strict=True)))

    def note_past(self, joined: int, expired: int) -> None:
        """Count predictions whose deadline has passed."""
        self._past = Past(self._past.joined + joined, self._past.expired + expired)
        if sum(self._past) >= NEWEST_PAST:
            self._past_before, self._past = self._past, Past(0, 0)

    @property
    def states(self) -> dict[str, int]:
        """Records remembered by state."""
        return {name: self._states[name] for name in _STATES}

    @property
    def coverage(self) -> float | None:
        """Share of the predictions that were joined, of those of which it is known; None before the first."""
        known = self.joined + self.expired["waiting_for_label"]
        return self.joined / known if known else None

    @property
    def late_by(self) -> float | None:
        """How much older than the newest event 19 of 20 late labels are at most, in seconds."""
        return _most(self._delays)

    @property
    def missed(self) -> Missed:
        """Labels that came too late for their predictions, among the newest: one sent again is of none."""
        since = self._reached - NEWEST_TOLD_SECONDS
        for before in reversed(self._days):
            found = self._missed_after(before)
            if before.at <= since and found.told >= LEAST_NEWEST_TOLD:
                return found
        return self._missed_after(self._days[0])

    def _missed_after(self, before: Reached) -> Missed:
        late = self.late - before.late
        lost = min(late, self.expired["waiting_for_label"] - before.expired)
        late_by = _most(list(self._delays)[-late:]) if lost else None
        return Missed(lost, self.joined - before.joined + lost, late_by)

    def note_time(self, newest: float) -> None:
        """Take note of the newest event time, in Unix seconds: by day it is told how labels come of late."""
        self._reached = newest
        if newest // _DAY > self._days[-1].at // _DAY:
            expired = self.expired["waiting_for_label"]
            # The day and not the moment: a list is told at once, in columns, or event by event.
            self._days.append(Reached(newest // _DAY * _DAY, self.joined, self.late, expired))
            while self._days[1].at <= newest - NEWEST_TOLD_SECONDS and (
                self._missed_after(self._days[1]).told >= LEAST_NEWEST_TOLD
            ):
                self._days.popleft()

    def note_late(self, delay: float) -> None:
        """Count a label that came after its deadline, or an incident all of which is before it.

        :param delay: how much older than the newest event it is, an incident at its end, in seconds.
        """
        self.late += 1
        self._delays.append(delay)

    def note_conflict(self, conflict: Conflict) -> None:
        """Count a label that contradicts another one, and remember both."""
        self.conflicting += 1
        self.conflicts.append(conflict)

    def note_waiting(self, change: int) -> None:
        """Count labels that wait for an event by its name: so many more, or fewer."""
        self._states["waiting_for_prediction"] += change

    def note_expired_label(self) -> None:
        """Count a label that met no prediction."""
        self.expired["waiting_for_prediction"] += 1

    def from_future(self, time: float, labeled_at: float) -> bool:
        """Whether a label is about a time further ahead of the clock than the tolerance."""
        return time > labeled_at + self._tolerance

    def saved_counts(self) -> dict[str, Any]:
        """The counts in plain form; ``restore_counts`` reads them back."""
        return {
            "states": dict(self._states),
            "joined": self.joined,
            "expired": dict(self.expired),
            "conflicting": self.conflicting,
            "conflicts": [list(conflict) for conflict in self.conflicts],
            "contradicted": self.contradicted,
            "conflicting_readings": self.conflicting_readings,
            "late": self.late,
            "delays": list(self._delays),
            "days": [list(each) for each in self._days],
            "reached": self._reached,
        }

    def restore_counts(self, saved: Mapping[str, Any]) -> None:
        """Go on from saved counts."""
        self._states = Counter(saved["states"])
        self.joined = saved["joined"]
        self.expired = Counter(saved["expired"])
        self.conflicting = saved["conflicting"]
        self.conflicts.extend(Conflict(*row) for row in saved.get("conflicts", ()))
        self.contradicted = saved["contradicted"]
        self.conflicting_readings = saved.get("conflicting_readings", 0)
        self.late = saved.get("late", 0)
        self._delays.extend(saved.get("delays", ()))
        # What an earlier release has counted has no time, so newer labels displace it.
        self._days = deque((Reached(*row) for row in saved.get("days", ((),))), maxlen=_MOST_DAYS)
        self._reached = saved.get("reached", 0.0)


def _most(delays: Iterable[float], of_100: int = 95) -> float | None:
    """What so many per cent of the delays are at most; None without any."""
    ordered = sorted(delays)
    return ordered[-(-of_100 * len(ordered) // 100) - 1] if ordered else None


class ToldError(NamedTuple):
    """An error that was told.

    :param at: newest event time of the ledger then, in Unix seconds; 0.0 if an earlier release counted it.
    :param delay: how much older than that the error is at its beginning, in seconds; None if that is in time.
    :param incident: id of the incident that it is; empty for another error.
    """

    at: float
    delay: float | None
    incident: str


class ErrorTimes:
    """Of labels that say when there were errors, and of healthy readings nothing: which came in time.

    A prediction in an error that is told too late was taken as healthy before. The newest errors count: what
    was late once must not be warned of for a year, nor what was in time for a year hide what is late now.
    """

    def __init__(self) -> None:
        self._told: deque[ToldError] = deque(maxlen=MOST_TOLD)
        self._forgotten: deque[tuple[str, int]] = deque(maxlen=MOST_FORGOTTEN)

    def note(self, at: float, delay: float, healthy_after: float, incident: str = "") -> bool:
        """Count an error; whether it is told too late.

        :param at: newest event time, in Unix seconds.
        :param delay: how much older than the newest event it is, at its beginning, in seconds.
        :param healthy_after: how old a reading is that is taken as healthy, in seconds.
        :param incident: id of the incident that it is; empty for another error, which cannot be cancelled.
        """
        is_late = delay >= healthy_after
        self._told.append(ToldError(at, delay if is_late else None, incident))
        return is_late

    def cancel(self, incident: str) -> None:
        """No longer count an incident, as it was none; of one that is not counted nothing changes."""
        if any(each.incident == incident for each in self._told):
            kept = [each for each in self._told if each.incident != incident]
            self._told = deque(kept, maxlen=MOST_TOLD)

    def note_forgotten(self, device: str, micros: int, delay: float) -> None:
        """Count an error of which the ledger remembers nothing; one that is sent again soon is the same.

        :param micros: its event time in microseconds.
        :param delay: see ``note``.
        """
        if (device, micros) not in self._forgotten:
            self._forgotten.append((device, micros))
            self.note(micros / 1e6 + delay, delay, delay)

    @property
    def missed(self) -> Missed:
        """Errors that were told too late, among the newest."""
        since = self._told[-1].at - NEWEST_TOLD_SECONDS if self._told else 0.0
        least = len(self._told) - LEAST_NEWEST_TOLD
        newest = [each for place, each in enumerate(self._told) if place >= least or each.at >= since]
        delays = [each.delay for each in newest if each.delay is not None]
        # Errors are few: of five, one of last month must not be what is advised for all.
        return Missed(len(delays), len(newest), _most(delays, 80))

    def saved(self) -> dict[str, Any]:
        """The counts in plain form; ``restore`` reads them back."""
        forgotten = [list(each) for each in self._forgotten]
        return {"newest": [list(each) for each in self._told], "forgotten": forgotten}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from saved counts; errors of an earlier release have no time, so newer ones displace them."""
        told = saved["newest"] if "newest" in saved else _told_before(saved)
        self._told.extend(ToldError(at, delay, id_text(name)) for at, delay, name in told)
        self._forgotten.extend((device, micros) for device, micros in saved["forgotten"])


def _told_before(saved: Mapping[str, Any]) -> list[ToldError]:
    """Errors that an earlier release has counted: without their time, and in part without their incident."""
    of_incidents = [ToldError(0.0, delay, name) for name, delay in saved.get("told", {}).items()]
    delays = list(saved["delays"])
    for each in of_incidents:
        if each.delay in delays:
            delays.remove(each.delay)
    timely = saved["timely"] - sum(each.delay is None for each in of_incidents)
    others = [*[None] * min(timely, MOST_TOLD), *delays]
    return [*(ToldError(0.0, delay, "") for delay in others), *of_incidents]
