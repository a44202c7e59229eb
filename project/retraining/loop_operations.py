"""What the loop needs of the installation, so that tests have one that is made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from project.retraining.coping import Realised
from project.retraining.next_run import Evidence
from project.retraining.state import Trial
from project.retraining.trial import TrialEvidence
from project.retraining.weak_model import Weakness

RUNNING, ENDED, KILLED, ABSENT = "running", "ended", "killed", "absent"


@dataclass(frozen=True)
class RunLook:
    """A run as it is now.

    :param state: ``running``; ``ended``, which it said itself; ``killed``; or ``absent``, so that it never
        began and never will.
    :param run_id: of the workflow, empty before it has one.
    :param succeeded: whether it did.
    :param error: why not.
    """

    state: str
    run_id: str = ""
    succeeded: bool = False
    error: str = ""


class Operations(Protocol):
    """What the loop needs of the installation; each may raise NetopsError or InputError."""

    def champion(self) -> str:
        """Version of the model in production, empty without one."""

    def evidence(self, onset: str) -> Evidence:
        """What was labeled since a time."""

    def weakness(self) -> Weakness | None:
        """Why the model in production is of no use; None if it is, or nobody can say."""

    def realised(self, version: str, since: str, before: str) -> Realised:
        """How a version has done on labeled rows since a time, in production or in shadow.

        :param since: event time, ISO 8601 UTC.
        :param before: version of the model before it.
        """

    def arguments(self) -> dict[str, Any]:
        """Arguments of the run that made the champion.

        :raises NetopsError: if there are none; a training never has those of the simulated network by chance.
        """

    def busy(self) -> str:
        """Which run holds the project, in words; empty for none."""

    def write_failure(self) -> str:
        """Why nothing can be written to the disk, in words; empty if it can."""

    def begin(self, key: str, workflow: str, arguments: Mapping[str, Any]) -> None:
        """Start a run in a folder of this name."""

    def look(self, key: str) -> RunLook:
        """A run by the name of its folder. One that has not begun is kept from it for good."""

    def steps(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Results of the steps of a run by name."""

    def shadow(self, version: str, until: str) -> str:
        """Have the endpoint score a version beside the champion; done twice it changes nothing.

        :param until: wall clock after which the endpoint ends it by itself, ISO 8601 UTC.
        :returns: event time of the newest event then, ISO 8601; empty before the first.
        :raises RefusedError: if the endpoint does not take it.
        """

    def compare(self, trial: Trial, last: bool) -> TrialEvidence:
        """What both versions of a trial said on mature labeled rows.

        :param last: whether to compare on fewer rows than the trial waits for.
        """

    def promote(self, trial: Trial) -> bool:
        """Make the candidate the champion, and watch it; done twice it changes nothing.

        The model says why, by what the trial has found.

        :returns: False if that takes a release, because there are models of further horizons beside it.
        :raises RefusedError: if the endpoint does not take it.
        :raises ReplacedError: if a person has put another champion in its place.
        """

    def retract(self, version: str) -> None:
        """Take a version out of the shadow, if it is there."""

    def record(self, version: str, outcome: str, reason: str) -> None:
        """Have a model, and the page of its run, say what came of its trial; done twice it changes nothing.

        One that is in production already says that.

        :param outcome: see ``promotion_gate``.
        :param reason: why, in words.
        """

    def end_trial(self) -> None:
        """Forget what was kept for the comparisons of a trial."""

    def hand_on(self, told: Mapping[str, Any]) -> None:
        """Tell the MLRun API of a drift event; one without events is left alone."""
