"""What becomes of the state when drift comes or a run ends; of what a person decides, see ``by_person``.

Pure: each function takes the state and the time, and gives the state that follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from drift.drift_event import utc_time
from drift.wrong_devices import is_of_one_device
from project.retraining import kept_drift
from project.retraining import state as words
from project.retraining.newer_drift import (
    goes_on_after,
    is_end_of,
    is_newer,
    is_told_again,
    is_worse_later,
    onset_of,
    since_worse,
    time_of,
    with_alert,
    with_merged,
)
from project.retraining.state import Attempt, Case, Decision, LoopState, Trial
from project.retraining.told_drift import found_by, of_group, where_of
from project.retraining_policy import RetrainingPolicy

LONGEST_CHANGE = timedelta(minutes=30)
"""How long a promotion, or the end of a shadow, is tried again before the loop gives it up."""

_REMEMBERED = 1000
_UNTOLD = 100
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


def take(state: LoopState, told: Mapping[str, Any], champion: str, now: datetime) -> LoopState:
    """The state after a drift event; the same event twice changes nothing.

    A drift whose change began after the case's was found, or that is found once the alert of the case is
    cleared, is a newer one: the case is answered from its onset on, and what was tried before does not count.
    An alert that gets worse joins the case; rows count since then where that is enough for a run, after two
    rejected runs, and after a promotion, see ``counted_since_worse``.
    That an alert is cleared changes nothing else: the gate compares on what is labeled by now.
    A drift of one device, whose fleet is calm, opens no case: the device has failed, not the model. If others
    follow, its alert is told again.

    :param told: ``id``, ``version`` of the model and ``event``, see ``DriftEvent``.
    :param champion: version of the model in production, empty if that is not known.
    """
    if told["id"] in state.seen:
        return state
    event, version = dict(told["event"]), str(told["version"])
    seen = replace(state, seen=(*state.seen, told["id"])[-_REMEMBERED:])
    about: dict[str, Any] = {"cause": event, "before": version}
    if event["level"] == "cleared":
        since = f"since about {event['onset'][:19]}: {event['detail']}"
        reason = f"the alert of {event['source']}{of_group(event)}, {since}"
        decision = _decision(now, words.CLEARED, reason, case=case_id(state), **about)
        case = state.case
        if case is None:
            return seen.told(decision)
        left = replace(case, alerts=tuple(each for each in case.alerts if each != event.get("alert")))
        if is_end_of(event, case.event) and not case.reopened:
            left = replace(left, cleared=event["event_time"])
        return replace(seen, case=left).told(decision)
    seen = replace(seen, untold=(*seen.untold, dict(told))[-_UNTOLD:])
    if champion and version != champion:
        reason = f"version {version[:8]} is not in production any more"
        return seen.told(_decision(now, words.IGNORED, reason, **about))
    if is_of_one_device(event) and not (state.case is not None and is_told_again(event, state.case)):
        reason = f"{found_by(event)}, {where_of(event)}: nothing is trained, look at the device"
        return seen.told(_decision(now, words.ONE_DEVICE, reason, **about))
    if state.case is not None and version != state.case.version:
        reason = f"drift {state.case.id} of version {state.case.version[:8]} is being answered first"
        is_known = state.later.get("version") == version and not is_newer(event, _case_of(state.later, now))
        kept = state.later if is_known else dict(told)
        return replace(seen, later=kept).told(_decision(now, words.POSTPONED, reason, **about))
    if state.case is not None and is_newer(event, state.case):
        return _with_newer(seen, state.case, told, now)
    if state.case is not None:
        again = "its alert got worse" if is_told_again(event, state.case) else "it is the same change"
        reason = f"{found_by(event)}, and {again}: drift {state.case.id} is being answered"
        merged = replace(seen, case=with_merged(state.case, event))
        return merged.told(_decision(now, words.MERGED, reason, case=state.case.id, **about))
    if state.stopped:
        return seen.told(_decision(now, words.IGNORED, f"the loop has stopped: {state.stopped}", **about))
    case = _case_of(told, now)
    reason, others = found_by(event), kept_drift.without(state.kept, version)
    return replace(seen, case=case, kept=others).told(
        _decision(now, words.OPENED, reason, case=case.id, **about)
    )


def _case_of(told: Mapping[str, Any], now: datetime) -> Case:
    """The case that a drift event opens."""
    event = told["event"]
    alerts = with_alert((), event)
    return Case(told["id"], told["version"], event, onset_of(event), text_of(now), alerts=alerts)


def _with_newer(state: LoopState, case: Case, told: Mapping[str, Any], now: datetime) -> LoopState:
    """The state in which a newer change is answered; what is under way for the one before is outdated."""
    event, onset = told["event"], onset_of(told["event"])
    reason = f"{found_by(event)}, a change after that of {case.onset[:19]}: rows count since {onset[:19]}"
    newer = replace(_case_of(told, now), version=case.version, finish=case.finish)
    newer = replace(newer, not_before=case.not_before, finish_outdated=bool(case.finish))
    newer = replace(newer, alerts=with_alert(case.alerts, event))
    if is_told_again(event, case):  # It does not end by itself, so its rejections are counted on.
        newer = replace(newer, attempts=case.attempts, rejections=case.rejections)
    attempt, trial = state.attempt, state.trial
    if attempt is not None:
        attempt = replace(attempt, outdated=True)
    if trial is not None:
        since = trial.since
        if since and trial.stage == words.SHADOW:
            since = max(since, onset, key=time_of)
        trial = replace(trial, outdated=True, since=since, wanted=0)  # The rows are counted anew.
    outdated = bool(state.candidate)
    changed = replace(state, case=newer, attempt=attempt, trial=trial, candidate_outdated=outdated)
    about: dict[str, Any] = {"cause": event, "before": case.version}
    return changed.told(_decision(now, words.NEWER, reason, case=newer.id, **about))


def take_postponed(state: LoopState, champion: str, now: datetime) -> LoopState:
    """The state after the drift event that was kept until its case was over."""
    told = state.later
    seen = tuple(each for each in state.seen if each != told["id"])
    taken = take(replace(state, later={}, seen=seen), told, champion, now)
    return replace(taken, untold=state.untold)  # It was handed on when it came.


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

    That is so before a run for which these are enough, after two rejected runs, and after a promotion.
    """
    case = state.case
    if case is None or not is_worse_later(case):
        return state
    moved = since_worse(case)
    reason = f"the alert got worse than at {case.onset[:19]}: rows count since {moved.onset[:19]}"
    changed = replace(state, case=moved)
    return changed.told(_decision(now, words.NEWER, reason, case=case.id, before=case.version))


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


def case_id(state: LoopState) -> str:
    """Id of the case; empty without one."""
    return state.case.id if state.case else ""


def of_case(state: LoopState, now: datetime, outcome: str, reason: str, **about: Any) -> Decision:
    """A decision about the case."""
    cause = state.case.event if state.case else {}
    before = about.pop("before", state.case.version if state.case else "")
    return _decision(now, outcome, reason, case=case_id(state), cause=cause, before=before, **about)


def _decision(now: datetime, outcome: str, reason: str, **about: Any) -> Decision:
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
