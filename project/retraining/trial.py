"""A candidate on live events: when it is compared with the champion, and what follows; pure as the policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from feature_sets.checks import InputError
from project.retraining import state as words
from project.retraining.by_person import approved
from project.retraining.decisions import is_before, of_case, text_of
from project.retraining.policy import LONGEST_CHANGE, RunResult, after_candidate, answered, overtaken, verdict
from project.retraining.state import PROMOTE, Decision, LoopState, Trial
from project.retraining_policy import APPROVE, RetrainingPolicy
from training.evaluation.comparison import Comparison
from training.evaluation.promotion_gate import decide_on_live_rows

_TWICE = 2
"""After a comparison that does not decide, so many times the rows are waited for."""


@dataclass(frozen=True)
class TrialEvidence:
    """What champion and candidate said on the same mature labeled rows.

    :param rows: how many there are.
    :param comparison: with intervals; None while the rows are fewer than wanted.
    :param false_alarm_share: share of the healthy rows that the candidate calls errors.
    :param worse_on: large groups on which it is clearly worse, in words.
    """

    rows: int
    comparison: Comparison | None = None
    false_alarm_share: float = 0.0
    worse_on: str = ""


def in_shadow(state: LoopState, trial: Trial, since: str, now: datetime) -> LoopState:
    """The state once the endpoint scores the candidate beside the champion.

    :param since: event time of the newest event then.
    """
    until = f"by the clock until {trial.until[:19]} at the longest"
    reason = f"beside the champion for events from {since[:19]} on, {until}"
    decision = of_case(state, now, words.IN_SHADOW, reason, before=trial.champion, after=trial.version)
    return replace(state, trial=replace(trial, since=since)).told(decision)


def after_look(
    state: LoopState,
    trial: Trial,
    found: TrialEvidence,
    now: datetime,
    mode: str,
    policy: RetrainingPolicy,
    last: bool,
) -> LoopState:
    """The state after champion and candidate were compared; the same if they were not.

    What each comparison has found is a decision of its own: what follows may fail, or take a release.
    They are compared at ``shadow_rows``, at twice as many and so on, and when the time is over. So a
    candidate does not pass because it was looked at until it once was ahead.

    :param mode: ``auto``, or ``approve`` to have a person promote what passes.
    :param last: whether it is decided now: its time is over, or the run for a newer change is to begin.
    """
    comparison = found.comparison
    if comparison is None or (not last and found.rows < trial.wanted):
        if not last:
            return state
        few = f"not enough data: {found.rows:,} mature labeled rows by {min(text_of(now), trial.until)[:19]}"
        return verdict(state, trial, words.NOT_ENOUGH, f"{few}, of {policy.shadow_rows:,}", now)
    state = replace(state, none_usable=comparison.none_usable)
    enough = comparison.with_errors >= policy.least_units and comparison.difference is not None
    better, reason = decide_on_live_rows(comparison, policy.margin, found.false_alarm_share, found.worse_on)
    if enough and better is not None:
        if not better:
            return verdict(state, trial, words.REJECTED, reason, now)
        if mode == APPROVE:
            return verdict(state, trial, words.STAGED, reason, now)
        until = text_of(now + LONGEST_CHANGE)
        promoted = replace(trial, stage=PROMOTE, begun=text_of(now), until=until, reason=reason)
        return replace(state, trial=promoted).told(_compared(state, trial, words.BETTER, reason, now))
    few = f"{comparison.with_errors} {comparison.units} with errors, of {policy.least_units}"
    if not last:
        wanted = _TWICE * found.rows
        why = reason if enough or better is None else f"{few}: {reason}"
        told = _compared(state, trial, words.UNDECIDED, f"{why}; compared again at {wanted:,} rows", now)
        return replace(state, trial=replace(trial, wanted=wanted)).told(told)
    if enough:
        return verdict(state, trial, words.REJECTED, reason, now)
    by = min(text_of(now), trial.until)[:19]
    return verdict(state, trial, words.NOT_ENOUGH, f"not enough data: {few}, by {by}", now)


def _compared(state: LoopState, trial: Trial, outcome: str, reason: str, now: datetime) -> Decision:
    about = {"run_id": trial.run_id, "before": trial.champion, "after": trial.version}
    return of_case(state, now, outcome, reason, **about)


def after_promotion(state: LoopState, trial: Trial, now: datetime, policy: RetrainingPolicy) -> LoopState:
    """The state once the candidate is the champion, and is watched."""
    decision = _compared(state, trial, words.PROMOTED, trial.reason, now)
    told = replace(state, trial=None, failures=0, none_usable="").told(decision)
    return answered(told, trial.version, trial.outdated, now, policy, trial.rows)


def after_retraction(
    state: LoopState, trial: Trial, champion: str, now: datetime, policy: RetrainingPolicy
) -> LoopState:
    """The state once the candidate is not in shadow any more.

    :param champion: version of the model in production now.
    """
    ended = replace(state, trial=None)
    if trial.outcome == words.OVERTAKEN:
        if champion == state.candidate:  # A person approved it while this one was tried for a newer change.
            return approved(ended, champion, "", now, policy)
        over, case = overtaken(ended, champion, now), state.case
        # It may be that of the model which a rollback has put back, or one that an approval has left.
        is_left = case is not None and (
            case.version == champion != trial.champion
            or not is_before(datetime.fromisoformat(case.opened), trial.begun)
        )
        return replace(over, case=case, kept=state.kept) if is_left else over
    result = RunResult(trial.outcome, trial.reason, trial.run_id, trial.version)
    told = ended.told(_compared(ended, trial, trial.outcome, trial.reason, now))
    if trial.outcome == words.DECLINED:
        return answered(told, champion, trial.outdated, now, policy)
    return after_candidate(told, result, trial.rows, trial.outdated, now, policy)


def replaced_meanwhile(
    state: LoopState, trial: Trial, champion: str, now: datetime, policy: RetrainingPolicy
) -> LoopState:
    """The state where another model than the champion of the trial is in production."""
    if champion == trial.version:
        over = replace(state, trial=None, candidate_outdated=trial.outdated)
        return approved(over, champion, trial.run_id, now, policy)
    return verdict(state, trial, words.OVERTAKEN, "another model is in production", now)


def declined(state: LoopState, trial: Trial, now: datetime) -> LoopState:
    """The state after a person has turned down the candidate in shadow.

    :raises InputError: if it is being promoted.
    """
    if trial.stage == PROMOTE:
        raise InputError("--decline", "must be given before the candidate is being promoted", trial.version)
    return verdict(state, trial, words.DECLINED, "by a person", now)
