"""What becomes of the state when a person decides: resumes the loop, or says which model is the champion.

Pure, as ``policy``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from project.retraining import kept_drift
from project.retraining import state as words
from project.retraining.decisions import case_id, of_case, text_of
from project.retraining.policy import answered, verdict
from project.retraining.state import Decision, LoopState
from project.retraining.told_drift import found_by
from project.retraining_policy import RetrainingPolicy

ROLLBACK_HOLD = "after a rollback"


def resumed(state: LoopState, now: datetime) -> LoopState:
    """The state after a person has resumed the loop: it forgets failures, holds and pauses."""
    case = replace(state.case, not_before="", interruptions=0) if state.case else None
    kept = replace(state, case=case, failures=0, stopped="", hold_until="", hold_reason="")
    return kept.told(of_case(state, now, words.RESUMED, "by a person"))


def declined(state: LoopState, now: datetime, policy: RetrainingPolicy) -> LoopState:
    """The state after a person has turned down the candidate, or the case without one."""
    about = {"after": state.candidate} if state.candidate else {}
    told = state.told(of_case(state, now, words.DECLINED, "by a person", **about))
    version = state.case.version if state.case else ""
    return answered(told, version, state.candidate_outdated, now, policy)


def approved(
    state: LoopState, version: str, run_id: str, now: datetime, policy: RetrainingPolicy
) -> LoopState:
    """The state after a person has put the candidate into production."""
    decision = of_case(state, now, words.PROMOTED, "approved by a person", run_id=run_id, after=version)
    told = replace(state, failures=0, none_usable="").told(decision)
    return answered(told, version, state.candidate_outdated, now, policy)


def put_there(state: LoopState, version: str, reason: str, now: datetime) -> LoopState:
    """The state after a person has put a version into production where none was, and no endpoint was up."""
    return state.told(Decision(text_of(now), words.PROMOTED, reason, after=version))


def rolled_back(
    state: LoopState, before: str, after: str, run_id: str, now: datetime, policy: RetrainingPolicy
) -> LoopState:
    """The state after a person has put an earlier version back: the loop does not undo that at once.

    The drift of the version that goes is dropped. One that the version had which comes back goes on.
    """
    reason = f"by a person: version {after[:8]} instead of {before[:8]}"
    decision = Decision(text_of(now), words.ROLLED_BACK, reason, case_id(state), {}, run_id, before, after)
    until = text_of(now + timedelta(seconds=policy.rollback_hold))
    there = state.case is not None and state.case.version == after and not state.case.weak
    known = kept_drift.kept(state.kept, state.case, "" if there else after)
    again = kept_drift.of_version(known, after, text_of(now))
    left = kept_drift.without(known, after)
    ended = replace(state, case=again, kept=left, candidate="", candidate_outdated=False, none_usable="")
    ended = replace(ended, hold_until=until, hold_reason=ROLLBACK_HOLD)
    if state.trial is not None:
        ended = verdict(ended, state.trial, words.OVERTAKEN, reason, now)
    ended = ended.told(decision)
    if again is None:
        return ended
    goes_on = f"{found_by(again.event)}, of version {after[:8]}, which still has it: rows count since "
    return ended.told(of_case(ended, now, words.REOPENED, f"{goes_on}{again.onset[:19]}", after=after))
