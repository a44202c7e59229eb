"""What the loop has written to wait for, after the clock of the machine was set back far.

A machine that came up in another year writes holds of that year. No wait is longer than the policy has it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from feature_sets.durations import in_words
from project.retraining import state as words
from project.retraining.by_person import ROLLBACK_HOLD
from project.retraining.decisions import of_case, text_of
from project.retraining.newer_drift import time_of
from project.retraining.policy import LONGEST_CHANGE
from project.retraining.state import LoopState
from project.retraining_policy import RetrainingPolicy

_TOLERANCE = timedelta(minutes=5)
"""A clock that is set by less makes a wait longer by less, and is nothing to tell."""


def within_policy(state: LoopState, now: datetime, policy: RetrainingPolicy) -> LoopState:
    """The state with waits that end, seen from now, as late as the policy has them at most.

    So it is, too, where the policy was given shorter ones since. What is changed is a decision of its own.

    :param now: wall clock, with a zone.
    """
    hold = policy.rollback_hold if state.hold_reason == ROLLBACK_HOLD else policy.cool_down
    until = _capped(state.hold_until, hold, now)
    if until:
        state = _told(state, state.hold_reason, hold, state.hold_until, until, now)
        state = replace(state, hold_until=until)
    if state.case is not None:
        pause = policy.pause * 2 ** max(state.failures - 1, 0)
        until = _capped(state.case.not_before, pause, now)
        if until:
            state = _told(state, "pause after a failed run", pause, state.case.not_before, until, now)
            state = replace(state, case=state.case and replace(state.case, not_before=until))
    if state.trial is not None:
        shadow = state.trial.stage == words.SHADOW
        longest = policy.shadow if shadow else LONGEST_CHANGE.total_seconds()
        until = _capped(state.trial.until, longest, now)
        if until:
            state = _told(state, f"stage '{state.trial.stage}'", longest, state.trial.until, until, now)
            state = replace(
                state, trial=state.trial and replace(state.trial, begun=text_of(now), until=until)
            )
    return state


def _capped(until: str, longest: float, now: datetime) -> str:
    """When a wait ends that would last longer than ``longest`` seconds; empty if it does not."""
    latest = now + timedelta(seconds=longest)
    return text_of(latest) if until and time_of(until) > latest + _TOLERANCE else ""


def _told(state: LoopState, what: str, longest: float, before: str, until: str, now: datetime) -> LoopState:
    limit = in_words(round(longest))
    reason = f"{what} until {until[:19]} UTC, and not {before[:19]}: the policy has {limit} at most"
    return state.told(of_case(state, now, words.SHORTENED, reason))
