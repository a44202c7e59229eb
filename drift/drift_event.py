"""What we say when drift is found: which detector or distance, when, how serious, how much."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from feature_sets.checks import InputError, check_choice

Level = Literal["warning", "drift", "improvement"]
"""An improvement is a change to the better: told, but nothing has to be done about it."""

LEVELS: tuple[Level, ...] = ("warning", "drift", "improvement")


def utc_time(text: object, name: str = "event_time") -> str:
    """Raise InputError unless a text is a time with a zone; gives it in UTC.

    >>> utc_time("2024-05-01T14:00:00+02:00")
    '2024-05-01T12:00:00+00:00'

    :param text: ISO 8601 with an offset or ``Z``.
    :param name: field named in the error.
    """
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InputError(name, "must be ISO 8601 text with a time zone", text)
    return time.astimezone(UTC).isoformat()


@dataclass(frozen=True)
class DriftEvent:
    """One finding of drift.

    :param source: name of the detector or distance, such as ``ddm`` or ``total_variation``; ``all`` for drift
        that all detectors found together.
    :param level: ``warning``, ``drift`` or ``improvement``.
    :param event_time: event time of the value that tipped it, ISO 8601 UTC.
    :param value: what was measured, in the source's own scale; None where it gave no number.
    :param limit: the limit it crossed, in the same scale.
    :param n_seen: how many values the source had seen.
    :param detail: what it was about, for people; may be empty.
    :param onset: event time at which the change began, as far as is known, ISO 8601 UTC; else None.
    :param since_onset: how many values have come since then.
    """

    source: str
    level: Level
    event_time: str
    value: float | None
    limit: float | None
    n_seen: int
    detail: str = ""
    onset: str | None = None
    since_onset: int | None = None

    def __post_init__(self) -> None:
        check_choice("drift event: level", self.level, LEVELS)
        object.__setattr__(self, "event_time", utc_time(self.event_time, "drift event: event_time"))
        if self.onset is not None:
            object.__setattr__(self, "onset", utc_time(self.onset, "drift event: onset"))

    def to_dict(self) -> dict[str, Any]:
        """Give the event as plain JSON values."""
        return dataclasses.asdict(self)
