"""What the loop is doing, for people."""

from __future__ import annotations

from datetime import datetime

from project.retraining.newer_drift import of_group
from project.retraining.policy import is_before
from project.retraining.state import LoopState


def status_lines(state: LoopState, mode: str, now: datetime) -> list[str]:
    """What the loop is doing, for people."""
    lines = [f"drift starts a training: {mode}"]
    if state.stopped:
        lines.append(f"stopped: {state.stopped}; 'netops retrain --resume' resumes")
    if state.case is None:
        lines.append("no drift is being answered")
    else:
        event = state.case.event
        lines.append(
            f"{event['source']} found drift{of_group(event)} at {event['event_time']}, "
            f"since about {state.case.onset}"
        )
        lines.append(f"{state.case.attempts} runs so far, {state.case.rejections} candidates rejected")
    if state.none_usable:
        lines.append(state.none_usable)
    if state.attempt is not None:
        lines.append(f"run {state.attempt.key} is under way since {state.attempt.begun[:19]}")
    if state.trial is not None:
        trial = state.trial
        lines.append(f"version {trial.version[:8]}: {trial.stage} since {trial.begun[:19]}")
        if not is_before(now, trial.until):
            lines.append(
                f"its time was over at {trial.until[:19]}: the loop does not end it, is the runner up?"
            )
    if state.candidate:
        lines.append(f"version {state.candidate[:8]} waits: 'netops retrain --approve' or --decline")
    if is_before(now, state.hold_until):
        lines.append(f"no run begins before {state.hold_until[:19]}: {state.hold_reason}")
    return lines
