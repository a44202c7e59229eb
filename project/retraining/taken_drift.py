"""What becomes of the state when drift comes; of what follows from a run, see ``policy``.

Pure: each function takes the state and the time, and gives the state that follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from drift.wrong_devices import is_of_one_device
from project.retraining import kept_drift
from project.retraining import state as words
from project.retraining.decisions import case_id, decided, text_of
from project.retraining.newer_drift import (
    is_end_of,
    is_newer,
    is_told_again,
    onset_of,
    time_of,
    with_alert,
    with_merged,
)
from project.retraining.state import Case, LoopState
from project.retraining.told_drift import WEAK, found_by, of_group, where_of

_REMEMBERED = 1000
_UNTOLD = 100


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
        return _without_alert(seen, event, version, now)
    seen = replace(seen, untold=(*seen.untold, dict(told))[-_UNTOLD:])
    if champion and version != champion:
        reason = f"version {version[:8]} is not in production any more"
        return seen.told(decided(now, words.IGNORED, reason, **about))
    if is_of_one_device(event) and not (state.case is not None and is_told_again(event, state.case)):
        reason = f"{found_by(event)}, {where_of(event)}: nothing is trained, look at the device"
        return seen.told(decided(now, words.ONE_DEVICE, reason, **about))
    if state.case is not None and version != state.case.version:
        reason = f"{_named(state.case)} of version {state.case.version[:8]} is being answered first"
        is_known = state.later.get("version") == version and not is_newer(event, _case_of(state.later, now))
        kept = state.later if is_known else dict(told)
        return replace(seen, later=kept).told(decided(now, words.POSTPONED, reason, **about))
    if state.case is not None and is_newer(event, state.case):
        return _with_newer(seen, state.case, told, now)
    if state.case is not None:
        again = "its alert got worse" if is_told_again(event, state.case) else "it is the same change"
        reason = f"{found_by(event)}, and {again}: {_named(state.case)} is being answered"
        merged = replace(seen, case=with_merged(state.case, event))
        return merged.told(decided(now, words.MERGED, reason, case=state.case.id, **about))
    if state.stopped:
        return seen.told(decided(now, words.IGNORED, f"the loop has stopped: {state.stopped}", **about))
    case = _case_of(told, now)
    reason, others = found_by(event), kept_drift.without(state.kept, version)
    return replace(seen, case=case, kept=others).told(
        decided(now, words.OPENED, reason, case=case.id, **about)
    )


def _without_alert(state: LoopState, event: Mapping[str, Any], version: str, now: datetime) -> LoopState:
    """The state once an alert is over."""
    since = f"since about {event['onset'][:19]}: {event['detail']}"
    reason = f"the alert of {event['source']}{of_group(event)}, {since}"
    about: dict[str, Any] = {"cause": event, "before": version}
    told = state.told(decided(now, words.CLEARED, reason, case=case_id(state), **about))
    case = state.case
    if case is None:
        return told
    left = replace(case, alerts=tuple(each for each in case.alerts if each != event.get("alert")))
    if is_end_of(event, case.event) and not case.reopened:
        left = replace(left, cleared=event["event_time"])
    return replace(told, case=left)


def _named(case: Case) -> str:
    """A case in words; that of a weak model is no drift."""
    return WEAK if case.weak else f"drift {case.id}"


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
    return changed.told(decided(now, words.NEWER, reason, case=newer.id, **about))


def take_postponed(state: LoopState, champion: str, now: datetime) -> LoopState:
    """The state after the drift event that was kept until its case was over."""
    told = state.later
    seen = tuple(each for each in state.seen if each != told["id"])
    taken = take(replace(state, later={}, seen=seen), told, champion, now)
    return replace(taken, untold=state.untold)  # It was handed on when it came.
