"""What becomes of the state when a run begins or ends, and once another model is there.

What comes with drift is in ``taken_drift``, what a person decides in ``by_person``.

Pure: each function takes the state and the time, and gives the state that follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from project.retraining import kept_drift
from project.retraining import state as words
from project.retraining.decisions import begun_today, decided, of_case, text_of
from project.retraining.newer_drift import goes_on_after, is_worse_later, since_worse
from project.retraining.state import Attempt, Case, LoopState, Trial
from project.retraining.taken_drift import take_postponed
from project.retraining_policy import RetrainingPolicy

LONGEST_CHANGE = timedelta(minutes=30)
"""How long a promotion, or the end of a shadow, is tried again before the loop gives it up."""

_MOST_INTERRUPTIONS = 10
_REJECTED_OF_ONSET = 2
"""Candidates of the rows since one onset that must be rejected before a worse alert is a second change."""
_LONGEST_REASON = 1000
"""The error of a run may end with its log."""


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    :param outcome: ``promoted``, ``staged``, ``rejected``, ``not yet``, ``failed``, ``interrupted``,
        ``superseded``, or ``unfinished``: promoted, but killed before it was served and watched.
    :param reason: of the gate, or the error.
    :param run_id: of the workflow.
    :param version: of the candidate, empty without one.
    :param none_usable: see ``LoopState``.
    """

    outcome: str
    reason: str
    run_id: str = ""
    version: str = ""
    none_usable: str = ""


def began(state: LoopState, attempt: Attempt, now: datetime, episodes: int = 0) -> LoopState:
    """The state with a run that is about to begin.

    :param episodes: error episodes since the change.
    """
    recent = begun_today(state, now)
    what = "training" if attempt.workflow == "main" else f"serving version {attempt.candidate[:8]}"
    reason = f"{what} with {attempt.rows:,} labeled rows since the change" if attempt.rows else what
    decision = of_case(state, now, words.BEGUN, reason, before=attempt.champion)
    case = state.case and replace(state.case, onset_rejected=False, episodes_begun=episodes)
    return replace(state, case=case, attempt=attempt, begun=(*recent, attempt.begun)).told(decision)


def after_run(
    state: LoopState, result: RunResult, champion: str, now: datetime, policy: RetrainingPolicy
) -> LoopState:
    """The state after the run under way has ended.

    One that began for another model than that of the case, as before a rollback, counts on no case.

    :param champion: version of the model in production now.
    """
    attempt, case = state.attempt, state.case
    if attempt is None:
        return state
    if case is not None and not _is_for(attempt, case):
        return replace(after_run(replace(state, case=None), result, champion, now, policy), case=case)
    if case is None and result.outcome != words.SUPERSEDED:  # What it did is told from its own records.
        return replace(state, attempt=None)
    decision = of_case(
        state,
        now,
        result.outcome,
        result.reason[:_LONGEST_REASON],
        run_id=result.run_id,
        # What release puts into production was promoted by the run before it.
        before=case.version if case and attempt.candidate else attempt.champion,
        after=result.version or champion,
    )
    ended = replace(state, attempt=None).told(decision)
    if case is None:
        return ended
    if result.version:
        ended = replace(ended, none_usable=result.none_usable)
    tried = replace(case, attempts=case.attempts + 1)
    if result.outcome == words.PROMOTED:
        promoted = result.version or champion
        ended = replace(ended, failures=0)
        return answered(ended, promoted, attempt.outdated, now, policy, attempt.rows)
    if result.outcome == words.UNFINISHED:
        finish = replace(tried, finish=result.version, finish_outdated=attempt.outdated)
        return replace(ended, case=finish)
    if result.outcome == words.PASSED:
        trial = Trial(
            version=result.version,
            champion=attempt.champion,
            run_id=result.run_id,
            rows=attempt.rows,
            stage=words.SHADOW,
            begun=text_of(now),
            until=text_of(now + timedelta(seconds=policy.shadow)),
            wanted=policy.shadow_rows,
            outdated=attempt.outdated,
        )
        return replace(ended, case=tried, trial=trial, failures=0)
    if result.outcome == words.SUPERSEDED:  # With the next look the case is over: another model is there.
        return replace(ended, case=tried, failures=0)
    if result.outcome in (words.STAGED, words.REJECTED, words.NOT_YET):
        made = replace(ended, case=tried)
        return after_candidate(made, result, attempt.rows, attempt.outdated, now, policy)
    if result.outcome == words.INTERRUPTED:
        again = replace(tried, interruptions=tried.interruptions + 1)
        after = replace(ended, case=again)
        if again.interruptions < _MOST_INTERRUPTIONS:
            return after
        return _stopped(after, now, f"{again.interruptions} runs were killed")
    failures = ended.failures + 1
    pause = timedelta(seconds=policy.pause * 2 ** (failures - 1))
    after = replace(ended, failures=failures, case=replace(tried, not_before=text_of(now + pause)))
    if failures < policy.failures:
        return after
    return _stopped(after, now, f"{failures} runs in a row failed, the last one: {result.reason}")


def _is_for(attempt: Attempt, case: Case) -> bool:
    """Whether a run is for the drift of a case: a rollback may have brought back another one."""
    if attempt.candidate:
        return attempt.candidate == case.finish
    return attempt.champion in ("", case.version)  # Empty where no model was in production.


def after_candidate(
    state: LoopState, result: RunResult, rows: int, outdated: bool, now: datetime, policy: RetrainingPolicy
) -> LoopState:
    """The state after a candidate waits for a person, was rejected, or there was not enough data for it.

    :param rows: labeled rows since the onset when its run began.
    :param outdated: whether a newer change came since: then it says nothing of how many rows that one takes.
    """
    case = state.case
    if case is None:
        return state
    if result.outcome == words.STAGED:
        return replace(state, candidate=result.version, candidate_outdated=outdated, failures=0)
    if outdated:
        return replace(state, failures=0)
    if case.weak:  # It is trained again when there is twice as much to learn from, see ``weak_model``.
        decision = of_case(state, now, words.CHAMPION_STAYS, "until there is more to learn from")
        return closed(replace(state, failures=0).told(decision), now, policy)
    if result.outcome != words.REJECTED:
        tried = replace(case, rows_tried=rows, episodes_tried=case.episodes_begun)
        return replace(state, case=tried, failures=0)
    here = case.onset_rejections + 1
    rejected = replace(
        case,
        rejections=case.rejections + 1,
        rows_tried=rows,
        episodes_tried=case.episodes_begun,
        onset_rejections=here,
        onset_rejected=here >= _REJECTED_OF_ONSET,
    )
    after = replace(state, case=rejected, failures=0)
    if rejected.rejections < policy.rejections:
        # More rows since the first onset were no help twice: the worse alert is a second change.
        return counted_since_worse(after, now) if rejected.onset_rejected else after
    count = rejected.rejections
    reason = f"{count} candidate{' was' if count == 1 else 's were'} rejected"
    return closed(after.told(of_case(after, now, words.CHAMPION_STAYS, reason)), now, policy)


def counted_since_worse(state: LoopState, now: datetime) -> LoopState:
    """The state in which rows count since the alert got worse; the same if it did not.

    That is so before a run for which these are enough, after two rejected runs, and after a promotion, unless
    the new model copes with them, see ``coping``.
    """
    case = state.case
    if case is None or not is_worse_later(case):
        return state
    moved = since_worse(case)
    reason = f"the alert got worse than at {case.onset[:19]}: rows count since {moved.onset[:19]}"
    if case.before:
        reason += f", unless version {case.version[:8]} copes with them"
    changed = replace(state, case=moved)
    return changed.told(decided(now, words.NEWER, reason, case=case.id, before=case.version))


def overtaken(state: LoopState, champion: str, now: datetime) -> LoopState:
    """The state where a person, or a run that is not the loop's, has put another model into production."""
    reason = f"version {champion[:8]} is in production, put there by a person or another run"
    decision = of_case(state, now, words.OVERTAKEN, reason, after=champion)
    left = kept_drift.kept(state.kept, state.case, "")  # Also where a rollback is about to be told.
    ended = replace(state, case=None, kept=left, candidate="", candidate_outdated=False, none_usable="")
    return ended.told(decision)


def verdict(state: LoopState, trial: Trial, outcome: str, reason: str, now: datetime) -> LoopState:
    """The state in which the candidate is to be taken out of the shadow, and why."""
    until = text_of(now + LONGEST_CHANGE)
    told = replace(
        trial, stage=words.RETRACT, begun=text_of(now), until=until, outcome=outcome, reason=reason
    )
    return replace(state, trial=told)


def answered(
    state: LoopState,
    champion: str,
    outdated: bool,
    now: datetime,
    policy: RetrainingPolicy,
    rows: int = 0,
) -> LoopState:
    """The state after a candidate is in production or declined: the case is over, or has a newer change left.

    One whose alert got worse goes on after a promotion, with rows since then, when the cool-down is over.

    :param champion: version of the model in production now.
    :param outdated: whether a newer change came since the run of the candidate began.
    :param rows: labeled rows since the change when its run began.
    """
    state = replace(state, kept=kept_drift.kept(state.kept, state.case, champion, rows))
    if state.case is None:
        return closed(state, now, policy)
    if outdated:
        case = replace(state.case, version=champion, finish="", finish_outdated=False)
        left = replace(state, case=case, candidate="", candidate_outdated=False)
    else:
        worse = goes_on_after(state.case, champion)
        left = closed(state, now, policy)
        if worse is None:
            return left
        left = counted_since_worse(replace(left, case=worse), now)
    # What was found of the new model while it came is of the same case now.
    return take_postponed(left, champion, now) if left.later.get("version") == champion else left


def closed(state: LoopState, now: datetime, policy: RetrainingPolicy) -> LoopState:
    """The state after the case is over: for a while no run begins."""
    until = text_of(now + timedelta(seconds=policy.cool_down))
    ended = replace(state, case=None, candidate="", candidate_outdated=False)
    return replace(ended, hold_until=until, hold_reason="cool-down")


def _stopped(state: LoopState, now: datetime, reason: str) -> LoopState:
    decision = of_case(
        state, now, words.STOPPED, f"{reason.removesuffix('.')}; 'netops retrain --resume' resumes"
    )
    return replace(state, stopped=reason).told(decision)
