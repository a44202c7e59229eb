"""What the loop does of a trial on live events: each stage asks the installation, and gives what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from feature_sets.checks import InputError
from project.endpoint_routing import RefusedError, ReplacedError
from project.errors import NetopsError
from project.retraining import state as words
from project.retraining.decisions import is_before, text_of
from project.retraining.loop_operations import Operations
from project.retraining.next_run import PLENTY, Begin, Evidence, Wait, next_step
from project.retraining.policy import LONGEST_CHANGE, verdict
from project.retraining.state import Case, LoopState, Trial
from project.retraining.trial import (
    after_look,
    after_promotion,
    after_retraction,
    in_shadow,
    replaced_meanwhile,
)
from project.retraining_policy import RetrainingPolicy
from training.evaluation import promotion_gate

_LOOK_EVERY = timedelta(seconds=10)
"""Between two looks at the rows of a trial."""
_SAYS = {
    words.STAGED: promotion_gate.HELD,
    words.REJECTED: promotion_gate.LOST,
    words.DECLINED: promotion_gate.DECLINED,
    words.NOT_ENOUGH: promotion_gate.OPEN,
    words.OVERTAKEN: promotion_gate.OPEN,
}
"""What a model says once its trial has ended so."""


class Done(NamedTuple):
    """What came of a look at a trial.

    :param state: that follows, to be written; the same object where nothing has changed.
    :param waiting: what is waited for, in words; empty if it did something.
    """

    state: LoopState
    waiting: str = ""


class TrialStages:
    """The stages of a trial: shadow, promotion, retraction; one thread at a time.

    A stage that is done again does what is still to be done, so a kill in the middle of it is none.

    :param operations: what it does in the installation.
    :param mode: ``auto`` or ``approve``.
    :param policy: when.
    :param evidence: what was labeled since a case's change began.
    """

    def __init__(
        self,
        operations: Operations,
        mode: str,
        policy: RetrainingPolicy,
        evidence: Callable[[Case], Evidence],
    ) -> None:
        self._operations = operations
        self._mode = mode
        self._policy = policy
        self._evidence = evidence
        self._looked: datetime | None = None
        self._failing: datetime | None = None

    def act(self, state: LoopState, trial: Trial, now: datetime) -> Done:
        """Do what is due.

        :raises NetopsError: if the installation cannot be asked now; the next tick tries again, as it does
            after an OSError or an InputError.
        """
        champion = self._operations.champion()
        known = (trial.champion, trial.version) if trial.stage == words.PROMOTE else (trial.champion,)
        if champion not in known and trial.stage != words.RETRACT:
            return Done(replaced_meanwhile(state, trial, champion, now, self._policy))
        last = not is_before(now, trial.until)
        try:
            done = self._stage(state, trial, champion, now, last)
        except RefusedError as error:
            done = Done(verdict(state, trial, words.REJECTED, str(error), now))
        except ReplacedError as error:
            done = Done(verdict(state, trial, words.OVERTAKEN, str(error), now))
        except (NetopsError, InputError, OSError) as error:
            # One that is later than now was noted before the clock was set back.
            self._failing = min(self._failing or now, now)
            # While this process was away, nothing was tried.
            if not last or now - self._failing < LONGEST_CHANGE:
                raise
            done = Done(self._given_up(state, trial, champion, now, str(error)))
        self._failing = None
        return done

    def _stage(self, state: LoopState, trial: Trial, champion: str, now: datetime, last: bool) -> Done:
        if trial.stage == words.SHADOW:
            return self._compare(state, trial, now, last)
        if trial.stage == words.PROMOTE:
            return self._promote(state, trial, now)
        self._operations.retract(trial.version)
        if trial.outcome in _SAYS:
            self._operations.record(trial.version, _SAYS[trial.outcome], trial.reason)
        return Done(after_retraction(state, trial, champion, now, self._policy))

    def _compare(self, state: LoopState, trial: Trial, now: datetime, last: bool) -> Done:
        if not trial.since:
            return self._begin(state, trial, now, last)
        if not last and self._looked is not None and abs(now - self._looked) < _LOOK_EVERY:
            return Done(state)
        self._looked = now
        trial = replace(trial, wanted=trial.wanted or self._policy.shadow_rows)
        last = last or self._is_next_due(state, trial, now)
        found = self._operations.compare(trial, last)
        waiting = f"{found.rows:,} mature labeled rows in shadow, of {trial.wanted:,}"
        return Done(after_look(state, trial, found, now, self._mode, self._policy, last), waiting)

    def _begin(self, state: LoopState, trial: Trial, now: datetime, last: bool) -> Done:
        """Put the candidate beside the champion."""
        failure = "" if last else self._operations.write_failure()
        if failure:
            return Done(state, failure)
        # Whatever becomes of this loop, the endpoint does not score it for ever.
        until = text_of(datetime.fromisoformat(trial.until) + LONGEST_CHANGE)
        since = self._operations.shadow(trial.version, until)
        if since:
            return Done(in_shadow(state, trial, since, now))
        if last:
            reason = "not enough data: the endpoint has no events"
            return Done(verdict(state, trial, words.NOT_ENOUGH, reason, now))
        return Done(state, "the endpoint has no events")

    def _is_next_due(self, state: LoopState, trial: Trial, now: datetime) -> bool:
        """Whether the run for a newer change than that of the trial would begin, but for the trial."""
        if state.case is None or not trial.outdated:
            return False
        without = replace(state, attempt=None, trial=None)
        if isinstance(next_step(without, PLENTY, now, self._policy), Wait):
            return False
        return isinstance(next_step(without, self._evidence(state.case), now, self._policy), Begin)

    def _promote(self, state: LoopState, trial: Trial, now: datetime) -> Done:
        if is_before(now, state.hold_until):  # It began after the trial: a person has decided meanwhile.
            return Done(verdict(state, trial, words.OVERTAKEN, state.hold_reason, now))
        busy = self._operations.busy()
        if busy:
            return Done(state, f"{busy} is under way")
        failure = self._operations.write_failure() if is_before(now, trial.until) else ""
        if failure:
            return Done(state, failure)
        if self._operations.promote(trial):
            return Done(after_promotion(state, trial, now, self._policy))
        if state.case is None:
            return Done(state)
        finish: dict[str, Any] = {"finish": trial.version, "finish_outdated": trial.outdated}
        return Done(replace(state, trial=None, case=replace(state.case, **finish)))

    def _given_up(
        self, state: LoopState, trial: Trial, champion: str, now: datetime, error: str
    ) -> LoopState:
        """The state after a stage has failed for its longest time."""
        if trial.stage == words.SHADOW:
            return verdict(state, trial, words.NOT_ENOUGH, f"not enough data: {error}", now)
        if trial.stage == words.RETRACT:
            return after_retraction(state, trial, champion, now, self._policy)
        if champion == trial.version:
            told = replace(trial, reason=f"{trial.reason}; not all of it could be done: {error}")
            return after_promotion(state, told, now, self._policy)
        return verdict(state, trial, words.REJECTED, f"it could not be promoted: {error}", now)
