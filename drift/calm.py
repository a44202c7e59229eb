"""The newest labels of a stream with an open alert: those of a day, or more, and how many were errors."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from drift.change_size import NOTHING, Counts, saved_counts
from drift.drift_event import utc_time
from feature_sets.checks import InputError

DAY = 86_400
"""Seconds that calm has to last: networks, and with them the errors of a model, have quiet nights."""

_EVERY = 3_600
"""Seconds between two counts that are remembered."""

_PARTS = 40
"""Where a day is not enough labels, a count is remembered after every such part of those that are."""


class Calm(NamedTuple):
    """The newest labels since the last finding of an alert.

    :param counts: of a day, or of more where that is not enough.
    :param seconds: from the first of these to the newest, in event time; exact up to a day.
    :param newest: of the newest of these.
    """

    counts: Counts = NOTHING
    seconds: float = 0.0
    newest: Counts = NOTHING


class _Hour(NamedTuple):
    time: str
    before: Counts


class CalmHours:
    """What was counted at hours of event time, of the newest day or more; one thread at a time.

    Time does not go back: a label that comes late is of the newest event time before it.
    """

    def __init__(self) -> None:
        self._newest = ""
        self._hours: list[_Hour] = []

    def begin(self) -> None:
        """The next label is the first that counts."""
        self._hours = []

    def add(self, time: str, before: Counts, enough: int) -> None:
        """Take the next label.

        :param time: its event time, ISO 8601 UTC.
        :param before: counts of the stream up to the label before it.
        :param enough: labels that are remembered at least, however many days they take.
        """
        if not self._newest or _seconds(self._newest, time) > 0:
            self._newest = time
        last = self._hours[-1] if self._hours else None
        if last is None or (
            (before.n - last.before.n) * _PARTS >= enough and _seconds(last.time, self._newest) >= _EVERY
        ):
            self._hours.append(_Hour(self._newest, before))
            # The first one stays the newest that is a day ago, or more, and enough labels.
            while len(self._hours) > 1 and self._is_enough(self._hours[1], before, enough):
                self._hours.pop(0)

    def _is_enough(self, first: _Hour, now: Counts, enough: int) -> bool:
        return now.n - first.before.n >= enough and _seconds(first.time, self._newest) >= DAY

    @property
    def first(self) -> Counts:
        """Counts of the stream up to the label before the first of them."""
        return self._hours[0].before if self._hours else NOTHING

    def calm(self, now: Counts) -> tuple[Counts, float]:
        """The labels of the newest day, or more, and the seconds from the first to the newest.

        :param now: counts of the stream.
        """
        if not self._hours:
            return NOTHING, 0.0
        return now.since(self._hours[0].before), _seconds(self._hours[0].time, self._newest)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` continues exactly from here."""
        return {"newest": self._newest, "hours": [[hour.time, *hour.before] for hour in self._hours]}

    @classmethod
    def from_dict(cls, owner: str, saved: Any, now: Counts) -> CalmHours:
        """Inverse of ``to_dict``.

        :param now: counts of the stream.
        :raises InputError: naming the field, the rule and what was given.
        """
        where = f"{owner}: calm"
        hours = cls()
        listed = saved.get("hours") if isinstance(saved, dict) and set(saved) == {"newest", "hours"} else None
        if not isinstance(listed, list) or not all(
            isinstance(hour, list) and len(hour) == 4 for hour in listed
        ):
            raise InputError(where, "must have newest, and hours as lists of a time and three counts", saved)
        hours._newest = saved["newest"] and utc_time(saved["newest"], f"{where}: newest")
        hours._hours = [
            _Hour(utc_time(time, f"{where}: hours"), saved_counts(where, counts, now))
            for time, *counts in listed
        ]
        return hours


def _seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
