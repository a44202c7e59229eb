"""What a person can do while the loop waits for labels: where to look, and how the wait ends; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from project.retraining.next_run import Evidence, rows_needed
from project.retraining.policy import is_before
from project.retraining.state import LoopState
from project.retraining_policy import RetrainingPolicy

_LONG = 7200.0
_MOST = 2 / 3
_KEEP = (
    "'netops retrain --decline' keeps the model, if that is a fault to be mended or work that is over soon"
)


def next_look(
    state: LoopState, newest: Mapping[str, Any], evidence: Evidence, now: datetime, policy: RetrainingPolicy
) -> str:
    """What to do next, in words; empty where something is under way, waits for a person, or nothing is due.

    :param newest: the newest drift event of the case, which says where the wrong labels are.
    :param evidence: what was labeled since the change.
    """
    case = state.case
    is_busy = state.attempt or state.trial or (state.candidate and not state.candidate_outdated)
    if case is None or case.weak or case.finish or is_busy or state.stopped:
        return ""
    missing = rows_needed(case, policy) - evidence.rows
    steps = [f"see what has changed on {_devices(newest.get('devices'))}", _KEEP]
    if is_before(now, state.hold_until):
        steps.append("'netops retrain --resume' ends the wait")
    elif missing > 0:
        steps.append(f"labels of {missing:,} more readings start a training{_how_long(evidence, missing)}")
    elif evidence.units < policy.least_units:
        steps.append("labels of errors on further devices, or in further episodes, start a training")
    else:
        return ""
    return "; ".join(steps)


def _devices(told: Mapping[str, Any] | None) -> str:
    """The devices that stand out; where most wrong labels are of others, or nobody knows, all of them."""
    out = told["standing_out"] if told else 0
    if not told or out == told["devices"] or told["wrong_of_those"] < _MOST * told["wrong"]:
        return "the network since then"
    named = ", ".join(each["device"] for each in told["named"])
    return f"{named} and {out - len(told['named']):,} more" if out > len(told["named"]) else named


def _how_long(evidence: Evidence, missing: int) -> str:
    """How long they take if they come as they have since the change."""
    if not evidence.rows or evidence.span_seconds <= 0:
        return ""
    seconds = missing * evidence.span_seconds / evidence.rows
    long = seconds >= _LONG
    return f", in about {seconds / 3600:,.0f} h" if long else f", in about {max(1, seconds / 60):,.0f} min"
