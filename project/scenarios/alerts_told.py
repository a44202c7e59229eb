"""Which alerts of drift the loop was told, by its decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from project.retraining import state as words
from project.retraining.state import Decision


def alerts_told(decisions: Sequence[Decision], first: str) -> dict[str, Any]:
    """How often each alert was told, and how often its end.

    :param decisions: all, oldest first.
    :param first: version of the model before the change; alerts of any other are of the new one.
    :returns: ``raised``, ``worse`` and ``cleared``, how often that was told; ``of_new_model``, alerts of a
        model that was promoted meanwhile; ``twice``, ids of those that were told as raised, or as cleared,
        more than once; ``open``, ids of those of the first model that were not cleared.
    """
    raised, cleared, worse = Counter[tuple[str, str]](), Counter[tuple[str, str]](), 0
    postponed = list[Any]()
    for decision in decisions:
        if decision.outcome in words.OF_DRIFT and decision.cause in postponed:
            postponed.remove(decision.cause)  # The same event, whose turn has come.
            continue
        if decision.outcome == words.POSTPONED:
            postponed.append(decision.cause)
        alert = (decision.before, str(decision.cause.get("alert", "")))  # Each model has ids of its own.
        if decision.outcome == words.CLEARED:
            cleared[alert] += 1
        elif decision.outcome in words.OF_DRIFT and alert[1]:
            if raised[alert] and "worse than" in decision.cause["detail"]:
                worse += 1
            else:
                raised[alert] += 1
    return {
        "raised": sum(raised.values()),
        "worse": worse,
        "cleared": sum(cleared.values()),
        "of_new_model": sum(version != first for version, _ in raised),
        "twice": sorted({alert[1] for told in (raised, cleared) for alert in told if told[alert] > 1}),
        "open": sorted(name for version, name in set(raised) - set(cleared) if version == first),
    }


def alert_line(alerts: dict[str, Any]) -> str:
    """The same in words."""
    told = f"{alerts['raised']} raised, {alerts['worse']}× told as worse, {alerts['cleared']} cleared"
    return f"alerts   {told}; {alerts['of_new_model']} of them of the new model"
