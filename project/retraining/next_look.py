"""What a person can do while the loop waits for labels: where to look, and how the wait ends; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from project.retraining.next_run import (
    Evidence,
    episodes_needed,
    held_until,
    is_more_needed,
    rows_needed,
)
from project.retraining.state import Case, LoopState
from project.retraining_policy import RetrainingPolicy
from training.job.training_window import SINCE

_LONG = 7200.0
_MOST = 2 / 3
_KEEP = "keeps the model, if that is a fault to be mended or work that is over soon"


def next_look(
    project: str,
    state: LoopState,
    newest: Mapping[str, Any],
    evidence: Evidence,
    now: datetime,
    policy: RetrainingPolicy,
) -> str:
    """What to do next, in words; empty where something is under way, waits for a person, or nothing is due.

    :param project: whose loop it is: the commands name it, as a run without it begins another one.
    :param newest: the newest drift event of the case, which says where the wrong labels are.
    :param evidence: what was labeled since the change.
    """
    case = state.case
    is_busy = state.attempt or state.trial or (state.candidate and not state.candidate_outdated)
    if case is None or case.weak or case.before or case.finish or is_busy or state.stopped:
        return ""
    steps = [f"see what has changed on {_devices(newest.get('devices'))}"]
    steps.append(f"'netops retrain --project {project} --decline' {_KEEP}")
    until, why = held_until(state, now, policy)
    missing = _missing(case, evidence, policy)
    if until:
        # What a person resumes are holds and pauses; runs of the day stay used up.
        resumed = until in (state.hold_until, case.not_before)
        ends = f"; 'netops retrain --project {project} --resume' ends that wait" if resumed else ""
        steps.append(f"no training begins until {until[:19]} UTC ({why}){ends}")
        if missing:
            steps.append(f"it takes {missing}, too")
    elif missing:
        steps.append(f"{missing} start a training{_how_long(case, evidence, policy)}")
    else:
        return ""
    if case.rejections and missing:
        # Rows came since that run began, and a candidate of a run by hand has the same gate to pass.
        command = f"netops run --project {project} --set 'training_window={SINCE}{case.onset}'"
        steps.append(
            f"{command} trains at once on the rows since the change, and the gate compares as before"
        )
    return "; ".join(steps)


def _missing(case: Case, evidence: Evidence, policy: RetrainingPolicy) -> str:
    """Which labels a training still takes; empty if there are enough."""
    rows = rows_needed(case, policy) - evidence.rows
    tried = case.knows_tried_episodes
    parts = []
    if is_more_needed(case, evidence, policy):
        parts = [f"of {rows:,} more readings"] if rows > 0 else []
        if tried and evidence.episodes <= case.episodes_tried:
            parts.append("of a further error episode")
        elif tried and rows > 0:
            parts = [_rows_or_episodes(case, evidence, policy)]
    if evidence.units < policy.least_units:
        units = policy.least_units - evidence.units
        parts.append(f"of errors on {units:,} further devices or in as many further episodes")
    if not parts and evidence.span_seconds < evidence.needed_span_seconds:
        parts.append("of later readings")
    return f"labels {' and '.join(parts)}" if parts else ""


def _rows_or_episodes(case: Case, evidence: Evidence, policy: RetrainingPolicy) -> str:
    """How many readings are missing, and with how many error episodes fewer do.

    Below ``least_rows`` no number of episodes does: it may have been raised since the last candidate.
    """
    rows = rows_needed(case, policy) - evidence.rows
    least = policy.least_rows - evidence.rows
    more = episodes_needed(case, policy) - evidence.episodes
    if more <= 0 or least >= rows:
        return f"of {max(least, 0) if more <= 0 else rows:,} more readings"
    if least > 0:
        return f"of {rows:,} more readings, or of {least:,} with {more:,} more error episodes"
    return f"of {rows:,} more readings or {more:,} more error episodes"


def _devices(told: Mapping[str, Any] | None) -> str:
    """The devices that stand out; where most wrong labels are of others, or nobody knows, all of them."""
    out = told["standing_out"] if told else 0
    if not told or out in (0, told["devices"]) or told["wrong_of_those"] < _MOST * told["wrong"]:
        return "the network since then"
    named = ", ".join(each["device"] for each in told["named"])
    return f"{named} and {out - len(told['named']):,} more" if out > len(told["named"]) else named


def _how_long(case: Case, evidence: Evidence, policy: RetrainingPolicy) -> str:
    """How long they take if they come as they have since the change; nobody knows of errors without any."""
    if not evidence.rows or evidence.span_seconds <= 0:
        return ""
    tried = case.knows_tried_episodes
    if tried and evidence.episodes <= case.episodes_tried:
        return ""
    rows = max(0, rows_needed(case, policy) - evidence.rows)
    by_rows = rows * evidence.span_seconds / evidence.rows
    if evidence.units < policy.least_units:
        if not evidence.units:
            return ""
        # Those that can be compared on are of the later part of the rows, which grows as the rows do.
        by_rows = max(by_rows, (policy.least_units / evidence.units - 1) * evidence.span_seconds)
    elif tried:
        more = max(0, episodes_needed(case, policy) - evidence.episodes)
        least = max(0, policy.least_rows - evidence.rows) * evidence.span_seconds / evidence.rows
        by_rows = min(by_rows, max(least, more * evidence.span_seconds / evidence.episodes))
    seconds = max(by_rows, evidence.needed_span_seconds - evidence.span_seconds)
    long = seconds >= _LONG
    return f", in about {seconds / 3600:,.0f} h" if long else f", in about {max(1, seconds / 60):,.0f} min"
