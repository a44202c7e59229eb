"""Whether a drift is a change of its own, or that of the case found again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from project.retraining.state import Case


def time_of(text: str) -> datetime:
    """A time that was written, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def of_group(event: Mapping[str, Any]) -> str:
    """Of which devices a drift is, to be put behind it; empty of all."""
    return f" of group {event['group']}" if event.get("group") else ""


def onset_of(event: Mapping[str, Any]) -> str:
    """When the change of a drift began, as far as is known: event time, ISO 8601 UTC."""
    return str(event.get("onset") or event["event_time"])


def is_end_of(cleared: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether it is the alert of this drift that was cleared."""
    if cleared.get("alert") and event.get("alert"):
        return bool(cleared["alert"] == event["alert"])
    return bool(cleared.get("group", "") == event.get("group", ""))


def is_newer(event: Mapping[str, Any], case: Case) -> bool:
    """Whether a drift is a change of its own, after that of the case, and not the same one found again."""
    onset = time_of(onset_of(event))
    if onset <= time_of(case.onset):
        return False
    if case.cleared:
        return True
    if not event.get("onset") and event.get("alert") and event["alert"] == case.event.get("alert"):
        return False  # The same alert is told as worse, and nobody says since when.
    return onset > time_of(case.event["event_time"])
