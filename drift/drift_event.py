"""What we say when drift is found: which detector or distance, when, how serious, how much."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Level = Literal["warning", "drift"]

LEVELS: tuple[Level, ...] = ("warning", "drift")


def utc_time(text: object, name: str = "event_time") -> str:
    """Normalise a time to ISO 8601 in UTC, such as ``2024-05-01T12:00:00+00:00``.

    :param text: ISO 8601 with an offset or ``Z``.
    :param name: field named in the error.
    :raises ValueError: if it is no time or has no zone.
    """
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise ValueError(f"{name} must be ISO 8601 text with a time zone, got {text!r}")
    return time.astimezone(UTC).isoformat()


@dataclass(frozen=True)
class DriftEvent:
    """One finding of drift.

    :param source: name of the detector or distance, such as ``ddm`` or ``total_variation``.
    :param level: ``warning`` or ``drift``.
    :param event_time: event time of the value that tipped it, ISO 8601 UTC.
    :param value: what was measured, in the source's own scale; None where it gave no number.
    :param limit: the limit it crossed, in the same scale.
    :param n_seen: how many values the source had seen.
    :param detail: what it was about, for people; may be empty.
    """

    source: str
    level: Level
    event_time: str
    value: float | None
    limit: float | None
    n_seen: int
    detail: str = ""

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"drift event: level must be among {', '.join(LEVELS)}, got {self.level!r}")
        object.__setattr__(self, "event_time", utc_time(self.event_time, "drift event: event_time"))

    def to_dict(self) -> dict[str, Any]:
        """Give the event as plain JSON values."""
        return dataclasses.asdict(self)
