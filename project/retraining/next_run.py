"""When drift starts a training, when it starts another, and when it starts none any more; pure.

What the loop waits for is told in figures, too, for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from project.retraining import state as words
from project.retraining.decisions import begun_today, is_before, text_of
from project.retraining.newer_drift import time_of
from project.retraining.state import Case, LoopState
from project.retraining_policy import RetrainingPolicy


@dataclass(frozen=True)
class Evidence:
    """What was labeled since a change began.

    :param rows: labeled rows.
    :param units: resampling units with errors in the later part of them, as the gate counts them.
    :param span_seconds: from the onset to the newest of them.
    :param needed_span_seconds: below it the embargo leaves too little of the training part.
    :param episodes: error episodes in all of them, of simultaneous ones of several devices one.
    """

    rows: int = 0
    units: int = 0
    span_seconds: float = 0.0
    needed_span_seconds: float = 0.0
    episodes: int = 0


PLENTY = Evidence(rows=2**62, units=2**62, episodes=2**62)
"""More than any training takes: what else must be waited for is known before rows are counted."""


@dataclass(frozen=True)
class Wait:
    """Nothing is to be done now.

    :param reason: what is waited for.
    """

    reason: str


@dataclass(frozen=True)
class Begin:
    """A run is to begin.

    :param rows: labeled rows since the onset.
    :param finish: version to serve, where an interrupted run has promoted it; else a model is trained.
    :param episodes: error episodes in these rows.
    """

    rows: int
    finish: str = ""
    episodes: int = field(default=0, compare=False)


def next_step(state: LoopState, evidence: Evidence, now: datetime, policy: RetrainingPolicy) -> Wait | Begin:
    """Whether a run is to begin now; with a run under way it is not.

    :param evidence: since the onset of the case.
    """
    case = state.case
    if case is None:
        return Wait("no drift")
    if state.attempt is not None:
        return Wait("a run is under way")
    if state.trial is not None:
        return Wait(f"version {state.trial.version[:8]} is tried on live events")
    if case.before:
        return Wait(f"whether version {case.version[:8]} copes with rows since {case.onset[:19]} UTC")
    if state.stopped:
        return Wait(f"stopped: {state.stopped}")
    if state.candidate and not state.candidate_outdated:
        return Wait(f"version {state.candidate[:8]} waits for approval")
    if is_before(now, case.not_before):
        return Wait(f"after a failed run until {case.not_before[:19]} UTC")
    if case.finish:
        return Begin(0, case.finish)
    if is_before(now, state.hold_until):
        return Wait(f"{state.hold_reason} until {state.hold_until[:19]} UTC")
    today = begun_today(state, now)
    if len(today) >= policy.runs_a_day:
        return Wait(f"{len(today)} runs began within 24 hours, {policy.runs_a_day} may")
    rows = rows_needed(case, policy)
    if is_more_needed(case, evidence, policy):
        told = f"{evidence.rows:,} of {rows:,} labeled rows since {case.onset[:19]} UTC"
        if case.knows_tried_episodes:
            told = f"{told}; {episodes_in_words(case, evidence, policy)}"
        return Wait(told)
    if evidence.units < policy.least_units:
        return Wait(
            f"{evidence.units} of {policy.least_units} devices or episodes with errors to compare on since "
            f"{case.onset[:19]} UTC"
        )
    if evidence.span_seconds < evidence.needed_span_seconds:
        return Wait(
            f"{evidence.span_seconds:,.0f} of {evidence.needed_span_seconds:,.0f} s for windows and embargo "
            f"since {case.onset[:19]} UTC"
        )
    return Begin(evidence.rows, episodes=evidence.episodes)


def is_more_needed(case: Case, evidence: Evidence, policy: RetrainingPolicy) -> bool:
    """Whether the next training waits for more rows, or for further errors.

    After a candidate has failed, another one differs by what is new. That are rows, as many as ``growth``
    says, with an error episode of since then among them; or as many more episodes, however few rows. An
    earlier version did not note the episodes: then rows alone decide, as they did.
    """
    if not case.knows_tried_episodes:
        return evidence.rows < rows_needed(case, policy)
    if evidence.episodes <= case.episodes_tried or evidence.rows < policy.least_rows:
        return True
    enough = evidence.rows >= rows_needed(case, policy)
    return not enough and evidence.episodes < episodes_needed(case, policy)


def episodes_needed(case: Case, policy: RetrainingPolicy) -> int:
    """Error episodes since the change with which the next training need not wait for rows.

    That are ``least_units`` new ones at least: so many can be compared on.
    """
    return max(case.episodes_tried + policy.least_units, round(case.episodes_tried * policy.growth))


def episodes_in_words(case: Case, evidence: Evidence, policy: RetrainingPolicy) -> str:
    """How many error episodes are new since the last candidate, and how many do without more rows.

    Where there are fewer than ``least_rows``, none do without these.
    """
    new = max(0, evidence.episodes - case.episodes_tried)
    takes = episodes_needed(case, policy) - case.episodes_tried
    told = f"{new:,} new error episodes since the last candidate, 1 is needed"
    if evidence.rows >= policy.least_rows:
        return f"{told}, {takes:,} do without more rows"
    return (
        told
        if rows_needed(case, policy) == policy.least_rows
        else (f"{told}, {takes:,} do with {policy.least_rows:,} rows")
    )


def rows_needed(case: Case, policy: RetrainingPolicy) -> int:
    """Labeled rows since the change that the next training takes."""
    return max(policy.least_rows, round(case.rows_tried * policy.growth))


@dataclass(frozen=True)
class Outlook:
    """What the loop waits for.

    :param waiting: in words; empty if a run begins with the next tick.
    :param rows: labeled rows since the change; None where they are not counted, as without a case.
    :param rows_needed: how many the next training takes; 0 without a case.
    :param units: devices or episodes with errors that the gate could compare on; None as ``rows``.
    :param units_needed: how many it takes.
    :param until: wall clock before which no run begins, ISO 8601 UTC; empty if it may now.
    :param until_reason: why.
    :param runs_today: runs that began within 24 hours.
    :param runs_a_day: how many may.
    :param found_again: how often the same change was found again since the case was opened.
    :param newest: drift event of the last time.
    :param next: what a person can do meanwhile, see ``next_look``; empty for nothing.
    """

    waiting: str
    rows: int | None = None
    rows_needed: int = 0
    units: int | None = None
    units_needed: int = 0
    until: str = ""
    until_reason: str = ""
    runs_today: int = 0
    runs_a_day: int = 0
    found_again: int = 0
    newest: Mapping[str, Any] = field(default_factory=dict)
    next: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def outlook(
    state: LoopState, evidence: Evidence | None, said: str, now: datetime, policy: RetrainingPolicy
) -> Outlook:
    """What the loop waits for, by its state.

    :param evidence: since the onset of the case; None where it is not counted.
    :param said: what the last tick waited for; a policy knows nothing of other runs, or of rows in shadow.
    """
    case = state.case
    until, why = held_until(state, now, policy)
    again = [
        each.cause
        for each in state.decisions
        if case is not None and each.outcome == words.MERGED and each.case == case.id
    ]
    return Outlook(
        waiting=_waiting(state, evidence, said, now, policy),
        rows=evidence.rows if evidence else None,
        rows_needed=rows_needed(case, policy) if case else 0,
        units=evidence.units if evidence else None,
        units_needed=policy.least_units if case else 0,
        until=until,
        until_reason=why,
        runs_today=len(begun_today(state, now)),
        runs_a_day=policy.runs_a_day,
        found_again=len(again),
        newest=again[-1] if again else {},
    )


def _waiting(
    state: LoopState, evidence: Evidence | None, said: str, now: datetime, policy: RetrainingPolicy
) -> str:
    step = next_step(state, evidence or PLENTY, now, policy)
    is_asked = state.case is not None and bool(state.case.before)
    if state.attempt is not None or state.trial is not None or is_asked:
        return said or (step.reason if isinstance(step, Wait) else "")
    if state.case is None:
        return f"stopped: {state.stopped}" if state.stopped else said or "drift"
    if isinstance(step, Wait):
        return step.reason
    return said if evidence is not None else said or "labeled rows, which are not counted now"


def held_until(state: LoopState, now: datetime, policy: RetrainingPolicy) -> tuple[str, str]:
    """Until when no run begins, and why; both empty if one may."""
    holds = [(state.hold_until, state.hold_reason)]
    if state.case is not None:
        holds.append((state.case.not_before, "after a failed run"))
    today = begun_today(state, now)
    if len(today) >= policy.runs_a_day:
        free = time_of(today[len(today) - policy.runs_a_day]) + timedelta(days=1)
        holds.append((text_of(free), f"{len(today)} runs began within 24 hours"))
    still = [hold for hold in holds if is_before(now, hold[0])]
    return max(still, key=lambda hold: time_of(hold[0]), default=("", ""))
