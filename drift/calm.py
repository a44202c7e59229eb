"""How long a stream of errors has been calm, and how many errors there were meanwhile."""

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


class Calm(NamedTuple):
    """Labels of which each batch was calm.

    :param counts: of the newest of them: those of a day, or more.
    :param seconds: from the first of them all to the newest, in event time; exact up to a day.
    """

    counts: Counts = NOTHING
    seconds: float = 0.0


class _Hour(NamedTuple):
    time: str
    before: Counts


class CalmHours:
    """What was counted at hours of event time, of the newest day of calm labels; one thread at a time.

    Time does not go back: a label that comes late is of the newest event time before it.
    """

    def __init__(self) -> None:
        self._newest = ""
        self._hours: list[_Hour] = []

    def begin(self) -> None:
        """The next label is the first calm one at the earliest."""
        self._hours = []

    def add(self, time: str, before: Counts) -> None:
        """Take the next label.

        :param time: its event time, ISO 8601 UTC.
        :param before: counts of the stream up to the label before it.
        """
        if not self._newest or _seconds(self._newest, time) > 0:
            self._newest = time
        if not self._hours or _seconds(self._hours[-1].time, self._newest) >= _EVERY:
            self._hours.append(_Hour(self._newest, before))
            # The first one stays the newest that is a day ago, or more.
            while len(self._hours) > 1 and _seconds(self._hours[1].time, self._newest) >= DAY:
                self._hours.pop(0)

    def calm(self, now: Counts, recent: Counts) -> Calm:
        """What is calm by now.

        :param now: counts of the stream.
        :param recent: of the newest calm labels; they count where there are more than of a day.
        """
        if not self._hours:
            return Calm()
        of_day = now.since(self._hours[0].before)
        return Calm(max(of_day, recent), _seconds(self._hours[0].time, self._newest))

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
