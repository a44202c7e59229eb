"""What the loop is doing, for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from project.retraining.by_person import ROLLBACK_HOLD
from project.retraining.decisions import is_before
from project.retraining.newer_drift import time_of
from project.retraining.state import OPENED, REJECTED, REOPENED, Case, LoopState
from project.retraining.told_drift import found_by, of_group, where_of
from project.retraining_policy import OFF

_UNDER_WAY = " is under way"


def status_lines(state: LoopState, told: Mapping[str, Any] | None, now: datetime) -> list[str]:
    """What the loop is doing, for people.

    :param told: answer of the runner to ``GET /drift``; None where no runner answers, so that nobody knows
        how drift is dealt with.
    """
    lines = [] if told is None else [f"drift starts a training: {told['mode']}, as the runner has it"]
    outlook: Mapping[str, Any] = (told or {}).get("outlook") or {}
    if state.stopped:
        lines.append(f"stopped: {state.stopped}; 'netops retrain --resume' resumes")
    if state.case is None:
        lines.append("no drift is being answered")
    else:
        event, newest = state.case.event, outlook.get("newest") or {}
        lines.append(f"{found_by(event)}{_since(state.case)}{_cleared(state.case.cleared)}")
        where = where_of(newest) or where_of(event)
        lines += [where] if where else []
        if state.case.reopened:
            lines.append(f"it goes on, as version {state.case.version[:8]} is in production again")
        if state.case.before:
            lines.append(f"version {state.case.version[:8]} was promoted for it; whether it copes is watched")
        if newest:
            lines.append(
                f"found again {outlook['found_again']}×, at last by {newest['source']}{of_group(newest)} at "
                f"{newest['event_time'][:19]} UTC"
            )
        lines.append(_runs(state, state.case))
    if state.none_usable:
        lines.append(state.none_usable)
    if state.attempt is not None:
        # The runner knows the id that 'netops runs' has, once there is one.
        waiting = str(outlook.get("waiting") or "")
        is_named = waiting.startswith("run ") and waiting.endswith(_UNDER_WAY)
        run = waiting if is_named else f"run {state.attempt.key}{_UNDER_WAY}"
        lines.append(f"{run} since {state.attempt.begun[:19]} UTC")
    if state.trial is not None:
        trial = state.trial
        lines.append(f"version {trial.version[:8]}: {trial.stage} since {trial.begun[:19]} UTC")
        if not is_before(now, trial.until):
            lines.append(
                f"its time was over at {trial.until[:19]} UTC: the loop does not end it, is the runner up?"
            )
    if state.candidate:
        lines.append(f"version {state.candidate[:8]} waits: 'netops retrain --approve' or --decline")
    if is_before(now, state.hold_until):
        lines.append(f"no run begins before {state.hold_until[:19]} UTC: {state.hold_reason}")
    if outlook and told is not None and told["mode"] != OFF:
        lines += _waiting(outlook, state)
    return lines


def held_up(state: LoopState, project: str, now: datetime) -> list[str]:
    """What keeps the loop from a training until a person decides or a time is over."""

    def command(option: str) -> str:
        return f"'netops retrain --{option} --project {project}'"

    if state.stopped:
        return [f"it has stopped: {state.stopped}; {command('resume')} resumes"]
    if state.candidate and not state.candidate_outdated:
        return [f"version {state.candidate[:8]} waits for {command('approve')} or --decline"]
    if state.case is not None and state.case.before:
        return []  # It is not known yet whether another training is wanted.
    if not is_before(now, state.hold_until) or not (state.case or state.hold_reason == ROLLBACK_HOLD):
        return []
    wait = f"no training begins by itself before {state.hold_until[:19]} UTC: {state.hold_reason}"
    if state.case is not None:
        of_drift = f"the drift since about {state.case.onset[:19]} UTC goes on"
        wait = f"{'the model is of no use' if state.case.weak else of_drift}, and {wait}"
    return [f"{wait}; {command('resume')} ends that wait"]


def _runs(state: LoopState, case: Case) -> str:
    """Runs that have ended since drift was found first; the newest change may have come during them."""
    ended: set[str] = set()
    rejected = 0
    for decision in reversed(state.decisions):
        if decision.outcome in (OPENED, REOPENED):
            break
        ended |= {decision.run_id} - {""}
        rejected += decision.outcome == REJECTED
    runs, rejected = max(len(ended), case.attempts), max(rejected, case.rejections)
    told = f"{runs} run{'s' * (runs != 1)} so far, {rejected} candidate{'s' * (rejected != 1)} rejected"
    if rejected == case.rejections:
        return told
    return f"{told}, {case.rejections} of them on rows since the newest change"


def _waiting(outlook: Mapping[str, Any], state: LoopState) -> list[str]:
    """What is waited for, and the figures that decide when a run begins."""
    waits = f"waits for: {outlook['waiting']}" if outlook["waiting"] else "a run begins with the next tick"
    waiting = str(outlook["waiting"])
    is_told = state.attempt is not None and waiting.endswith(_UNDER_WAY)
    is_told = is_told or (
        bool(state.candidate) and waiting.startswith(f"version {state.candidate[:8]} waits")
    )
    lines = [] if is_told else [waits]
    if outlook.get("next"):  # A runner of an earlier version does not say.
        lines.append(f"next: {outlook['next']}")
    if outlook["rows"] is not None:
        change = "newer change" if state.attempt or state.trial else "change"
        lines.append(
            f"labeled rows since the {change}: {outlook['rows']:,}, of {outlook['rows_needed']:,}; devices "
            f"or episodes with errors in the later part: {outlook['units']:,}, of {outlook['units_needed']:,}"
        )
    if outlook["until"] and outlook["until"] != state.hold_until:  # A hold has a line of its own.
        lines.append(f"no run begins before {outlook['until'][:19]} UTC: {outlook['until_reason']}")
    left = max(0, outlook["runs_a_day"] - outlook["runs_today"])
    lines.append(f"runs within 24 hours: {outlook['runs_today']} of {outlook['runs_a_day']}, {left} left")
    return lines


def _since(case: Case) -> str:
    """Since when a change goes on; that rows count from later, as it got worse, is told as that."""
    onset, began = case.onset, case.event.get("onset") or case.event["event_time"]
    if time_of(onset) <= time_of(case.event["event_time"]):
        return f", since about {onset[:19]} UTC"
    return f", since about {began[:19]} UTC; it got worse, and rows count since about {onset[:19]} UTC"


def _cleared(at: str) -> str:
    return f"; its alert is over since {at[:19]} UTC" if at else ""
