"""How a run of the loop has ended, by what it left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from project.retraining import state as words
from project.retraining.loop_operations import ABSENT, KILLED, RunLook
from project.retraining.policy import RunResult
from project.retraining.state import Attempt
from training.dataset.too_little import TOO_LITTLE
from training.evaluation import promotion_gate
from training.evaluation.current_champion import why_superseded

_CANDIDATE = (promotion_gate.HELD, promotion_gate.ON_TRIAL)
"""What the gate says of a model that passed, and is not to be promoted by its run."""


def result_of(
    look: RunLook, steps: Mapping[str, Mapping[str, Any]], attempt: Attempt, champion: str
) -> RunResult:
    """How a run that is over has ended, by what it left.

    :param steps: results of its steps by name.
    :param champion: version of the model in production now.
    """
    evaluated = steps.get("evaluate", {})
    version = str(attempt.candidate or evaluated.get("version", ""))
    # Of a release it is what the gate, or the trial, has said before.
    told = (step.get("promotion_reason") for step in (evaluated, steps.get("promote", {})))
    reason = next((str(each) for each in told if each), look.error or "served")
    unusable = str(evaluated.get(promotion_gate.NONE_USABLE, ""))

    def result(outcome: str, why: str = "") -> RunResult:
        return RunResult(outcome, why or reason, look.run_id, version, unusable)

    moved = (
        bool(version)
        and champion == version
        and (attempt.workflow == "release" or version != attempt.champion)
    )
    if look.succeeded:
        if moved:
            return result(words.PROMOTED)
        superseded = _why_superseded(steps, champion)
        if superseded:
            return result(words.SUPERSEDED, superseded)
        if evaluated.get("promotion") in _CANDIDATE:
            return result(words.STAGED)
        return result(words.NOT_YET if evaluated.get(promotion_gate.TOO_LITTLE) else words.REJECTED)
    if moved and attempt.workflow == "main":
        return result(words.UNFINISHED, f"promoted, but not served yet: {look.error}")
    little = next((str(each[TOO_LITTLE]) for each in steps.values() if each.get(TOO_LITTLE)), "")
    if little:
        return result(words.NOT_YET, little)
    if look.state in (KILLED, ABSENT) or attempt.api_away:
        return result(words.INTERRUPTED, look.error or "the run was killed")
    return result(words.FAILED, look.error)


def _why_superseded(steps: Mapping[str, Mapping[str, Any]], champion: str) -> str:
    """Why what a run found does not count, as a person has put another champion there; empty if it counts."""
    evaluated, promoted = steps.get("evaluate", {}), steps.get("promote", {})
    if evaluated.get("promotion") == promotion_gate.SUPERSEDED:
        return str(evaluated["promotion_reason"])
    if promoted.get("superseded"):
        return str(promoted["superseded"])
    if promoted.get("changed") and promoted["version"] != champion:
        return f"it was promoted, and {champion[:8]} has been put in its place since"
    if evaluated.get("promotion") in _CANDIDATE:
        return why_superseded(str(evaluated.get("evaluated_against", champion)), champion)
    return ""
