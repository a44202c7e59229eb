"""What the parts of the policy share: a decision as it is told, and times as they are written; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from drift.drift_event import utc_time
from project.retraining.newer_drift import time_of
from project.retraining.state import Decision, LoopState


def case_id(state: LoopState) -> str:
    """Id of the case; empty without one."""
    return state.case.id if state.case else ""


def of_case(state: LoopState, now: datetime, outcome: str, reason: str, **about: Any) -> Decision:
    """A decision about the case."""
    cause = state.case.event if state.case else {}
    before = about.pop("before", state.case.version if state.case else "")
    return decided(now, outcome, reason, case=case_id(state), cause=cause, before=before, **about)


def decided(now: datetime, outcome: str, reason: str, **about: Any) -> Decision:
    """A decision of now."""
    return Decision(text_of(now), outcome, reason, **about)


def begun_today(state: LoopState, now: datetime) -> list[str]:
    """When the runs of the last 24 hours began, the oldest first.

    One that began a day or more after now did so before the clock was set back, and counts no more.
    """
    return [each for each in state.begun if abs(now - time_of(each)) < timedelta(days=1)]


def text_of(moment: datetime) -> str:
    """A time as it is written to the state."""
    return utc_time(moment.isoformat())


def is_before(now: datetime, text: str) -> bool:
    """Whether a time that was written is still to come; an empty one is not."""
    return bool(text) and now < time_of(text)
