"""Whether the model that was promoted copes with rows since the alert of the one before got worse; pure.

It has learned rows of before that, too. If it was half adapted it is trained once more, on rows since then.
If it is as seldom wrong on them as the model before was before the alert, that is one training too many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from drift.alert_of_event import alert_of
from drift.change_size import Counts
from project.retraining import state as words
from project.retraining.decisions import of_case
from project.retraining.state import Case, LoopState
from project.retraining_policy import RetrainingPolicy

_AS_GOOD = 0.9
"""Of what the model before called right among the errors of its test rows, the new one must reach this."""
_MUCH_LESS = 2 / 3
"""Below this share of it, it is clear with fewer labels that the new one does not."""


@dataclass(frozen=True)
class Realised:
    """How a version has done on mature labeled rows since a time, in production or in shadow.

    :param wrong: counts of these rows, in order of time, and of those that it was wrong about.
    :param inflation: by how much being wrong varies more than if it were independent.
    :param errors: rows whose label is an error.
    :param caught: how many of them it called one.
    :param episodes: error episodes in them, of simultaneous ones of several devices one.
    :param caught_before: share of errors that the model before called one on its test rows; None if nobody
        knows.
    """

    wrong: Counts
    inflation: float = 1.0
    errors: int = 0
    caught: int = 0
    episodes: int = 0
    caught_before: float | None = None


def looked(
    state: LoopState, found: Realised, now: datetime, policy: RetrainingPolicy
) -> tuple[LoopState, str]:
    """The state after a look at how the promoted model does, and what is waited for; the same state if so.

    It copes if the alert of the model before were over with its rows: at or below the error rate that ends
    it, on as many labels as that takes. It must call nearly as many errors right, too: where errors are rare,
    a model that calls none is seldom wrong. It does not cope as soon as either is clearly not so.

    :param found: since the alert got worse.
    """
    case = state.case
    alert = alert_of(case.worse, found.inflation) if case else None
    if case is None or alert is None:
        return state, ""
    rows, limit = found.wrong, alert.end_limit
    needed = max(policy.shadow_rows, alert.labels_to_end)
    is_enough = rows.n >= needed and found.episodes >= policy.least_units
    certainly = rows.bounds(found.inflation)[0] if rows.n >= policy.shadow_rows else 0.0
    if certainly > limit or _is_blind(found, policy) or (is_enough and not _is_as_before(found, limit)):
        decision = of_case(
            state, now, words.DOES_NOT_COPE, f"{_told(case, found, limit)}; rows since then count"
        )
        return replace(state, case=replace(case, before="")).told(decision), ""
    if not is_enough:
        labels = f"{rows.n:,} labels since {case.onset[:19]} UTC, of {needed:,}"
        episodes = f"{found.episodes:,} error episodes, of {policy.least_units:,}"
        return state, f"whether version {case.version[:8]} copes with them: {labels}, and {episodes}"
    told = f"{_told(case, found, limit)}: it is not trained again"
    return replace(state, case=None).told(of_case(state, now, words.COPES, told)), ""


def _is_blind(found: Realised, policy: RetrainingPolicy) -> bool:
    """Whether clearly fewer errors are caught, however few labels there are."""
    before = found.caught_before or 0.0
    return found.episodes >= 2 * policy.least_units and found.caught < _MUCH_LESS * before * found.errors


def _is_as_before(found: Realised, limit: float) -> bool:
    if found.caught_before is None or (found.wrong.rate or 0.0) > limit:
        return False
    return found.caught >= _AS_GOOD * found.caught_before * found.errors


def _told(case: Case, found: Realised, limit: float) -> str:
    rows, before = found.wrong, f"version {case.before[:8]}"
    wrong = f"version {case.version[:8]} is wrong about {rows.rate or 0.0:.2%} of {rows.n:,} labels"
    told = f"{wrong} since {case.onset[:19]}, where up to {limit:.2%} is as before the alert"
    if found.caught_before is None:
        return f"{told}; how many errors {before} caught on its test rows is not known"
    share = found.caught / found.errors if found.errors else 0.0
    caught = f"it catches {share:.0%} of {found.errors:,} errors, in {found.episodes:,} episodes"
    return f"{told}; {caught}; {before} caught {found.caught_before:.0%} on its test rows"
