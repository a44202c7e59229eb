"""What goes wrong while the loop answers a drift, and what must hold then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from project.retraining import state as words
from project.retraining.state import LoopState

LEAST_ROWS = "least_rows=8000"

_MIDDLE = {"training": 40, "training again": 100, "shadow": 20}
"""Looks, twenty a second: seconds of stages that take longer on any machine."""


class Trouble:
    """None: the drift is learned."""

    last: Collection[str] = (words.STOPPED, words.CHAMPION_STAYS)
    """Outcomes of decisions after which nothing more is waited for."""

    is_learned = True
    """Whether a new model must come of it."""

    planted = "errors look as harmless surges of load did before, and these as errors"
    """What changes in the network, in words."""

    poll_seconds = 0.5

    def act(self, state: LoopState) -> str:
        """Do what is due at this state of the loop; what that was, in words, empty for nothing."""
        return ""

    def shortcomings(self, result: Mapping[str, Any]) -> list[str]:
        """What of its own did not hold, in words.

        :param result: with ``outcomes`` of all decisions, ``first`` and ``production`` (versions of the model
            in production), and ``served``, the versions that have become the champion of the endpoint.
        """
        return []


NONE = Trouble()


def _champion_stays(result: Mapping[str, Any]) -> list[str]:
    """The model must be the one of before, in production and at the endpoint, all the time."""
    wrong = []
    if result["production"] != result["first"]:
        wrong.append(f"version {result['first'][:8]} must stay in production, got {result['production'][:8]}")
    if result["served"]:
        wrong.append(f"no other version must answer, got {', '.join(result['served'])}")
    if result["outcomes"].count(words.PROMOTED):
        wrong.append("nothing must be promoted")
    return wrong


class WorseModel(Trouble):
    """Labels say nothing about readings any more, so what is learned from them is worse."""

    policy = f"{LEAST_ROWS},rejections=1"
    is_learned = False
    planted = "labels belong to no reading any more"

    def shortcomings(self, result: Mapping[str, Any]) -> list[str]:
        """The candidate must be rejected, and the champion stay."""
        found = Counter(result["outcomes"])
        wrong = [
            f"there must be one decision '{outcome}', got {found[outcome]}"
            for outcome in (words.REJECTED, words.CHAMPION_STAYS)
            if found[outcome] != 1
        ]
        return wrong + _champion_stays(result)


@dataclass
class FailingTraining(Trouble):
    """A file of the telemetry is broken from the drift on, so every training fails.

    :param folder: of the telemetry.
    """

    folder: Path
    _broken: bool = False

    policy = f"{LEAST_ROWS},pause=1"
    is_learned = False
    failures = 3

    def act(self, state: LoopState) -> str:
        """Break a file once there is a case."""
        if self._broken or state.case is None:
            return ""
        self._broken = True
        path = self.folder / "metrics.parquet"
        path.write_bytes(b"this is no Parquet file")
        return f"{path.name} of the telemetry is broken now"

    def shortcomings(self, result: Mapping[str, Any]) -> list[str]:
        """Three runs must fail, no fourth begin, and the loop say that it has stopped."""
        found = Counter(result["outcomes"])
        wanted = {words.BEGUN: self.failures, words.FAILED: self.failures, words.STOPPED: 1}
        wrong = [
            f"there must be {count} decisions '{outcome}', got {found[outcome]}"
            for outcome, count in wanted.items()
            if found[outcome] != count
        ]
        return wrong + _champion_stays(result)


@dataclass
class Kills(Trouble):
    """The runner, and once the training, too, are killed in the middle of each stage.

    :param runner: process id of the runner that is up; None while none is.
    :param training: process ids of the trainings whose steps have begun.
    :param kill: ends processes at once.
    :param looks: how often each stage is seen under way before it is killed; one look of any other. A stage
        is written before anything of it is done, so at the first look it has only begun.
    """

    runner: Callable[[], int | None]
    training: Callable[[], Collection[int]]
    kill: Callable[[Collection[int]], None]
    looks: Mapping[str, int] = field(default_factory=lambda: _MIDDLE)
    done: list[str] = field(default_factory=list)
    _seen: Counter[str] = field(default_factory=Counter)
    _killed: set[int] = field(default_factory=set)

    policy = f"{LEAST_ROWS},pause=1"
    poll_seconds = 0.05
    stages = ("case", "training", "training again", "shadow", "promotion")

    def act(self, state: LoopState) -> str:
        """Kill in the stage that is under way, once in each."""
        stage = self._stage(state)
        if not stage or stage in self.done:
            return ""
        runner, running = self.runner(), list(self.training())
        if runner is None or runner in self._killed:
            return ""  # Not up again since the kill before.
        if stage.startswith("training") and not running:
            return ""
        self._seen[stage] += 1
        if self._seen[stage] < self.looks.get(stage, 1):
            return ""
        victims = [*running, runner] if stage == "training" else [runner]
        self.kill(victims)
        self._killed.update(victims)
        self.done.append(stage)
        also = " and the training" if len(victims) > 1 else ""
        return f"killed in the stage '{stage}': the runner{also}"

    def _stage(self, state: LoopState) -> str:
        if state.attempt is not None:
            return (
                "training again" if "training" in self.done and self._was_interrupted(state) else "training"
            )
        if state.trial is not None and state.trial.stage == words.PROMOTE:
            return "promotion"
        if state.trial is not None and state.trial.stage == words.SHADOW and state.trial.since:
            return "shadow"
        return "case" if state.case is not None and not self.done else ""

    @staticmethod
    def _was_interrupted(state: LoopState) -> bool:
        return any(decision.outcome == words.INTERRUPTED for decision in state.decisions)

    def shortcomings(self, result: Mapping[str, Any]) -> list[str]:
        """Each stage must have been killed, and one version promoted, once."""
        found, wrong = Counter(result["outcomes"]), []
        missing = [stage for stage in self.stages if stage not in self.done]
        if missing:
            wrong.append(f"each stage must be killed in the middle, got none of {', '.join(missing)}")
        if found[words.PROMOTED] != 1 or len(result["served"]) != 1:
            served = ", ".join(result["served"]) or "none"
            times = found[words.PROMOTED]
            wrong.append(f"one version must be promoted, once, got {times}, at the endpoint {served}")
        if result["production"] != result["promoted"]:
            wrong.append(f"the promoted version must be in production, got {result['production'][:8]}")
        return wrong
