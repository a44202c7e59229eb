"""When a model that is of no use is trained anew though its errors are the usual ones; pure as the policy.

No detector finds that: it never was better. It is trained again once so many more error episodes are labeled
than it has learned from that a better one is possible, and after that at twice as many, and so on. So a
champion is tried a few times, however long it stays weak.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from drift.drift_event import DriftEvent
from project.retraining import state as words
from project.retraining.decisions import text_of
from project.retraining.state import Case, Decision, LoopState
from project.retraining.told_drift import WEAK
from project.retraining_policy import RetrainingPolicy

_REMEMBERED = 50
"""Versions of which it is known how many episodes the next training takes: a rollback may bring one back."""


@dataclass(frozen=True)
class Weakness:
    """What is known of a model in production that is of no use.

    :param why: in words, with its figures.
    :param since: event time up to which it has learned, ISO 8601 UTC.
    :param episodes: error episodes that were labeled since.
    :param newest: event time of the newest of them, ISO 8601 UTC; empty without any.
    """

    why: str
    since: str
    episodes: int = 0
    newest: str = ""


def needed(state: LoopState, champion: str, policy: RetrainingPolicy) -> int:
    """Error episodes since it has learned that the next training of a weak champion takes."""
    return state.weak.get(champion, policy.weak_units)


def waits_for(state: LoopState, champion: str, found: Weakness | None, policy: RetrainingPolicy) -> str:
    """What a weak champion waits for, in words; empty of one that is of use."""
    if found is None:
        return ""
    count = needed(state, champion, policy)
    episodes = f"{found.episodes:,} error episodes labeled since {found.since[:19]}, of {count:,}"
    return f"drift, or more to learn from ({episodes}): {found.why}"


def looked(
    state: LoopState, champion: str, found: Weakness | None, now: datetime, policy: RetrainingPolicy
) -> LoopState:
    """The state after a look at the champion, without a case: the same, or with a case of its own.

    :param champion: version of the model in production.
    :param found: None of one that is of use.
    """
    count = needed(state, champion, policy)
    if found is None or not policy.weak_units or found.episodes < count:
        return state
    reason = f"{found.episodes:,} error episodes labeled since it has learned, of {count:,}; {found.why}"
    event = DriftEvent(
        source=WEAK,
        level="drift",
        event_time=found.newest,
        value=None,
        limit=None,
        n_seen=found.episodes,
        detail=reason,
        onset=found.since,
    ).to_dict()
    name = f"{WEAK}-{champion[:8]}-{found.episodes}"
    case = Case(name, champion, event, str(event["onset"]), text_of(now), weak=True)
    after = max(count + 1, round(found.episodes * policy.growth))
    others = [known for known in state.weak.items() if known[0] != champion]
    opened = replace(state, case=case, weak=dict([*others, (champion, after)][-_REMEMBERED:]))
    return opened.told(Decision(text_of(now), words.OPENED, reason, name, event, before=champion))
