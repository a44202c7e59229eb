"""Whether a drift is a change of its own, or that of the case found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from drift.drift_event import tells_both_rates
from drift.missed_alert import SOURCE as MISSED
from project.retraining.state import Case


def time_of(text: str) -> datetime:
    """A time that was written, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def onset_of(event: Mapping[str, Any]) -> str:
    """When the change of a drift began, as far as is known: event time, ISO 8601 UTC."""
    return str(event.get("onset") or event["event_time"])


def is_end_of(cleared: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether it is the alert of this drift that was cleared."""
    if cleared.get("alert") and event.get("alert"):
        return bool(cleared["alert"] == event["alert"])
    return bool(cleared.get("group", "") == event.get("group", ""))


def is_told_again(event: Mapping[str, Any], case: Case) -> bool:
    """Whether an open alert of the case is told again, as one that got worse is."""
    alert = event.get("alert")
    return bool(alert) and (alert in case.alerts or (alert == case.event.get("alert") and not case.cleared))


def is_newer(event: Mapping[str, Any], case: Case) -> bool:
    """Whether a drift is a change of its own, after that of the case, and not the same one found again.

    An alert that gets worse begins anew each time. If each began a case, no count of rows would be enough; so
    it is a newer one only once two runs were rejected on what was labeled since the onset, see ``Case``.
    """
    onset = time_of(onset_of(event))
    # New detectors cannot know of a change from before they were attached.
    if case.reopened or onset <= time_of(case.onset):
        return False
    if is_told_again(event, case):
        return case.onset_rejected and bool(event.get("onset"))
    if case.weak:  # Nothing had changed before.
        return True
    if case.cleared:
        return True
    # An incident that a bad model caught by luck moves the onset of those that it missed behind it.
    return event["source"] != MISSED and onset > time_of(case.event["event_time"])


def is_worse_later(case: Case) -> bool:
    """Whether an alert of the case got worse, by an onset after the one that rows count from."""
    return bool(case.worse_since) and not case.weak and time_of(case.worse_since) > time_of(case.onset)


def since_worse(case: Case) -> Case:
    """The case with rows that count since its alert was worse; what was tried before does not count."""
    moved = replace(case, onset=case.worse_since, worse_since="", rows_tried=0, episodes_tried=0)
    return replace(moved, onset_rejected=False, onset_rejections=0)


def can_be_asked(case: Case) -> bool:
    """Whether the alert that got worse tells error rates of all devices, which others can be held against."""
    worse = case.worse
    if not worse or worse["source"] == MISSED or worse.get("group"):
        return False
    return tells_both_rates(worse)


def goes_on_after(case: Case, champion: str) -> Case | None:
    """What is left of a case once another model is in production; None if it is over.

    That model learned rows of before the alert got worse, too: whether it copes is looked at, see ``coping``.
    """
    is_over = champion == case.version or (case.cleared and not case.alerts)
    if is_over or not is_worse_later(case):
        return None
    # The alerts ended with the watch of the model before.
    before = case.version if can_be_asked(case) else ""
    left = replace(case, version=champion, before=before, finish="", finish_outdated=False)
    return replace(left, alerts=(), interruptions=0)


def with_alert(known: tuple[str, ...], event: Mapping[str, Any]) -> tuple[str, ...]:
    """The open alerts of a case with that of a drift."""
    alert = event.get("alert")
    return (*known, alert) if alert and alert not in known else known


def with_merged(case: Case, event: Mapping[str, Any]) -> Case:
    """The case after the same change was found again, or an alert of it got worse."""
    worse_since = case.worse_since
    if is_told_again(event, case) and event.get("onset"):
        since = max(worse_since or case.onset, onset_of(event), key=time_of)
        case = replace(case, worse=case.worse if since == worse_since else event)
        worse_since = since
    if case.reopened:  # Found again by its new detectors, and goes by their alert from now on.
        case = replace(case, event=event, reopened=False)
    # What is found of the promoted model tells whether it copes.
    alerts = with_alert(case.alerts, event)
    return replace(case, alerts=alerts, worse_since=worse_since, before="")
