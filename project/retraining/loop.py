"""The loop from drift to a new model: each tick does what is due, and may be the last one at any moment.

What is about to happen is written before it happens, and what has happened is looked up by the name of the
run's folder. So whoever continues after a kill follows the same run, or begins it again.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from feature_sets.checks import InputError
from project.endpoint_routing import RefusedError, ReplacedError
from project.errors import NetopsError
from project.http_json import UnreachableError
from project.retraining import state as words
from project.retraining import weak_model
from project.retraining.by_person import approved
from project.retraining.clock_set_back import within_policy
from project.retraining.loop_operations import RUNNING, Operations
from project.retraining.next_look import next_look
from project.retraining.next_run import PLENTY, Begin, Evidence, Outlook, Wait, next_step, outlook
from project.retraining.policy import (
    LONGEST_CHANGE,
    RunResult,
    after_run,
    began,
    counted_since_worse,
    is_before,
    overtaken,
    take,
    take_postponed,
    text_of,
    verdict,
)
from project.retraining.run_result import result_of
from project.retraining.state import Attempt, Case, LoopState, StateFile, Trial
from project.retraining.trial import (
    after_look,
    after_promotion,
    after_retraction,
    in_shadow,
    replaced_meanwhile,
)
from project.retraining_policy import APPROVE, RetrainingPolicy
from training.evaluation import promotion_gate
from training.job.training_window import SINCE

_LOOK_EVERY = timedelta(seconds=10)
"""Between two looks at the rows of a trial."""
_SAYS = {
    words.STAGED: promotion_gate.HELD,
    words.REJECTED: promotion_gate.LOST,
    words.DECLINED: promotion_gate.LOST,
    words.NOT_ENOUGH: promotion_gate.OPEN,
    words.OVERTAKEN: promotion_gate.OPEN,
}
"""What a model says once its trial has ended so."""
_WEAK_EVERY = timedelta(seconds=60)
"""Between two looks whether the champion is of no use."""


class Loop:
    """The loop of one project.

    :param file: its state.
    :param operations: what it does in the installation.
    :param mode: ``auto`` or ``approve``.
    :param policy: when.
    :param clock: wall clock, with a zone.
    :param tell: told in words what was decided.
    """

    def __init__(
        self,
        file: StateFile,
        operations: Operations,
        mode: str,
        policy: RetrainingPolicy,
        clock: Callable[[], datetime],
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._file = file
        self._operations = operations
        self._mode = mode
        self._policy = policy
        self._clock = clock
        self._tell = tell
        self._waiting = ""
        self._waiting_of = -1
        self._counting = threading.Lock()
        self._looked: datetime | None = None
        self._weak_looked: datetime | None = None
        self._weak_waits = ""
        self._failing: datetime | None = None

    @property
    def waiting(self) -> str:
        """What the last tick waited for, in words; empty if it did something."""
        return self._waiting

    def outlook(self) -> Outlook:
        """What the loop waits for, in figures: rows are counted anew, unless that is not possible now."""
        state = self._file.read()
        # A command may have decided since the last tick: what that waited for is not waited for any more.
        evidence, said = None, self._waiting if self._waiting_of == _told(state) else ""
        if state.case is not None and state.is_counted and not state.case.weak:
            try:
                evidence = self._evidence(state.case)
            except (NetopsError, InputError, OSError) as error:
                failure = f"labeled rows cannot be counted: {error}"
                said = f"{said}; {failure}" if said and (state.attempt or state.trial) else failure
        now = self._clock()
        found = outlook(state, evidence, said, now, self._policy)
        if evidence is None or state.case is None:
            return found
        newest = found.newest or state.case.event
        return replace(found, next=next_look(self._file.project, state, newest, evidence, now, self._policy))

    def _evidence(self, case: Case) -> Evidence:
        with self._counting:  # Whoever asks does so in another thread than that of the ticks.
            return self._operations.evidence(case.onset)

    def take(self, told: Mapping[str, Any]) -> LoopState:
        """Take a drift event; when this returns it is on disk.

        :param told: see ``policy.take``.
        """
        try:
            champion = self._operations.champion()
        except NetopsError:
            champion = ""  # Not known now. The event must not be lost; a tick looks again.
        with self._file.changing() as state:
            return self._write(state, take(state, told, champion, self._clock()))

    def tick(self) -> None:
        """Do what is due.

        :raises NetopsError: if the installation cannot be asked now; the next tick tries again.
        """
        untold = self._proceed_or_wait()
        if untold:
            # Not while the state is locked: a drift event must be taken meanwhile.
            for told in untold:
                self._operations.hand_on(told)
                with self._file.changing() as state:
                    left = tuple(other for other in state.untold if other["id"] != told["id"])
                    self._file.write(replace(state, untold=left))

    def _proceed_or_wait(self) -> tuple[Mapping[str, Any], ...]:
        """Do what is due of the case; drift events that are to be handed on."""
        with self._file.changing() as state:
            state = self._write(state, within_policy(state, self._clock(), self._policy))
            self._waiting_of = _told(state)
            if state.trial is None or state.trial.stage != words.SHADOW:  # Whoever ended it.
                self._operations.end_trial()
            if state.attempt is not None:
                self._follow(state, state.attempt)
            elif state.trial is not None:
                self._try(state, state.trial)
            elif state.case is not None:
                self._proceed(state, state.case)
            elif state.later:
                champion = self._operations.champion()
                self._write(state, take_postponed(state, champion, self._clock()))
            else:
                self._look(state)
            return state.untold

    def _look(self, state: LoopState) -> None:
        """Look whether the champion is of no use, though nothing has changed."""
        now = self._clock()
        self._waiting = state.stopped and f"stopped: {state.stopped}"
        if state.stopped or not self._policy.weak_units or is_before(now, state.hold_until):
            return
        if self._weak_looked is not None and abs(now - self._weak_looked) < _WEAK_EVERY:
            self._waiting = self._weak_waits
            return
        self._weak_looked = now
        champion = self._operations.champion()
        found = self._operations.weakness() if champion else None
        self._weak_waits = self._waiting = weak_model.waits_for(state, champion, found, self._policy)
        self._write(state, weak_model.looked(state, champion, found, now, self._policy))

    def _proceed(self, state: LoopState, case: Case) -> None:
        now, champion = self._clock(), self._operations.champion()
        if champion not in (case.version, case.finish):
            self._changed(state, champion, now)
            return
        # What must be waited for whatever is labeled; until then no file is read.
        step: Wait | Begin = next_step(state, PLENTY, now, self._policy)
        if isinstance(step, Wait):
            self._waiting = step.reason
            return
        if case.weak:
            step = replace(step, rows=0)  # It was opened by how much there is.
        elif not step.finish:
            step = next_step(state, self._evidence(case), now, self._policy)
        busy = self._operations.busy()
        if isinstance(step, Wait) or busy:
            self._waiting = step.reason if isinstance(step, Wait) else f"{busy} is under way"
            return
        if self._has_no_room():
            return
        if not step.finish and not case.weak:
            state, step = self._since_worse(state, step, now)
        self._begin(state, state.case or case, step, champion)

    def _since_worse(self, state: LoopState, step: Begin, now: datetime) -> tuple[LoopState, Begin]:
        """Count rows since the alert got worse, where they are enough for the run that is about to begin.

        Only then, as the files are read anew for another onset.
        """
        moved = counted_since_worse(state, now)
        if moved is state or moved.case is None:
            return state, step
        later = next_step(moved, self._evidence(moved.case), now, self._policy)
        return (self._write(state, moved), later) if isinstance(later, Begin) else (state, step)

    def _has_no_room(self) -> bool:
        """Whether what is due waits for the disk: that would count as failures of models, and is none."""
        failure = self._operations.write_failure()
        if failure:
            self._waiting = failure
        return bool(failure)

    def _changed(self, state: LoopState, champion: str, now: datetime) -> None:
        """Another model is in production: the approved candidate, or that of another run."""
        busy = self._operations.busy()
        if busy:
            self._waiting = f"{busy} is under way"  # Whoever runs it says what it was for.
        elif champion == state.candidate:
            self._write(state, approved(state, champion, "", now, self._policy))
        else:
            self._write(state, overtaken(state, champion, now))

    def _begin(self, state: LoopState, case: Case, step: Begin, champion: str) -> None:
        now = self._clock()
        key = f"{now:%Y%m%dT%H%M%S}-drift-{uuid.uuid4().hex[:6]}"
        workflow = "release" if step.finish else "main"
        outdated = bool(step.finish) and case.finish_outdated
        attempt = Attempt(key, workflow, step.rows, now.isoformat(), champion, step.finish, outdated=outdated)
        begun = began(state, attempt, now, step.episodes)
        try:
            arguments = self._operations.arguments()
        except (NetopsError, InputError) as error:
            failed = RunResult(words.FAILED, str(error))
            self._write(state, after_run(begun, failed, champion, now, self._policy))
            return
        if step.finish:
            arguments = {"version": step.finish}
        else:
            if not case.weak:
                arguments["training_window"] = f"{SINCE}{case.onset}"
            arguments |= {
                "approve": self._mode == APPROVE or self._policy.shadow > 0,
                "trial": self._policy.shadow > 0,
                "champion": champion,
            }
        self._write(state, begun)
        self._operations.begin(key, workflow, arguments)
        self._waiting = f"run {key} is under way"

    def _follow(self, state: LoopState, attempt: Attempt) -> None:
        look = self._operations.look(attempt.key)
        if look.state == RUNNING:
            self._waiting = f"run {look.run_id or attempt.key} is under way"
            return
        try:
            champion = self._operations.champion()
            steps = self._operations.steps(look.run_id) if look.run_id else {}
        except UnreachableError:
            if not attempt.api_away:
                self._write(state, replace(state, attempt=replace(attempt, api_away=True)))
            raise
        result = result_of(look, steps, attempt, champion)
        if result.outcome == words.STAGED and self._policy.shadow > 0:
            result = replace(result, outcome=words.PASSED)
        self._write(state, after_run(state, result, champion, self._clock(), self._policy))

    def _try(self, state: LoopState, trial: Trial) -> None:
        """Do what is due of a trial on live events.

        A stage that is done again does what is still to be done, so a kill in the middle of it is none.
        """
        now, champion = self._clock(), self._operations.champion()
        known = (trial.champion, trial.version) if trial.stage == words.PROMOTE else (trial.champion,)
        if champion not in known and trial.stage != words.RETRACT:
            self._write(state, replaced_meanwhile(state, trial, champion, now, self._policy))
            return
        last = not is_before(now, trial.until)
        try:
            if trial.stage == words.SHADOW:
                self._compare(state, trial, now, last)
            elif trial.stage == words.PROMOTE:
                self._promote(state, trial, now)
            else:
                self._operations.retract(trial.version)
                if trial.outcome in _SAYS:
                    self._operations.record(trial.version, _SAYS[trial.outcome], trial.reason)
                self._write(state, after_retraction(state, trial, champion, now, self._policy))
        except RefusedError as error:
            self._write(state, verdict(state, trial, words.REJECTED, str(error), now))
        except ReplacedError as error:
            self._write(state, verdict(state, trial, words.OVERTAKEN, str(error), now))
        except (NetopsError, InputError, OSError) as error:
            # One that is later than now was noted before the clock was set back.
            self._failing = min(self._failing or now, now)
            # While this process was away, nothing was tried.
            if not last or now - self._failing < LONGEST_CHANGE:
                raise
            self._give_up(state, trial, champion, now, str(error))
        self._failing = None

    def _compare(self, state: LoopState, trial: Trial, now: datetime, last: bool) -> None:
        if not trial.since:
            if not last and self._has_no_room():
                return
            # Whatever becomes of this loop, the endpoint does not score it for ever.
            until = text_of(datetime.fromisoformat(trial.until) + LONGEST_CHANGE)
            since = self._operations.shadow(trial.version, until)
            if since:
                self._write(state, in_shadow(state, trial, since, now))
            elif last:
                reason = "not enough data: the endpoint has no events"
                self._write(state, verdict(state, trial, words.NOT_ENOUGH, reason, now))
            else:
                self._waiting = "the endpoint has no events"
            return
        if not last and self._looked is not None and abs(now - self._looked) < _LOOK_EVERY:
            return
        self._looked = now
        trial = replace(trial, wanted=trial.wanted or self._policy.shadow_rows)
        last = last or self._is_next_due(state, trial, now)
        found = self._operations.compare(trial, last)
        self._waiting = f"{found.rows:,} mature labeled rows in shadow, of {trial.wanted:,}"
        self._write(state, after_look(state, trial, found, now, self._mode, self._policy, last))

    def _is_next_due(self, state: LoopState, trial: Trial, now: datetime) -> bool:
        """Whether the run for a newer change than that of the trial would begin, but for the trial."""
        if state.case is None or not trial.outdated:
            return False
        without = replace(state, attempt=None, trial=None)
        if isinstance(next_step(without, PLENTY, now, self._policy), Wait):
            return False
        return isinstance(next_step(without, self._evidence(state.case), now, self._policy), Begin)

    def _promote(self, state: LoopState, trial: Trial, now: datetime) -> None:
        if is_before(now, state.hold_until):  # It began after the trial: a person has decided meanwhile.
            self._write(state, verdict(state, trial, words.OVERTAKEN, state.hold_reason, now))
            return
        busy = self._operations.busy()
        if busy:
            self._waiting = f"{busy} is under way"
            return
        if is_before(now, trial.until) and self._has_no_room():
            return
        if self._operations.promote(trial):
            self._write(state, after_promotion(state, trial, now, self._policy))
        elif state.case is not None:
            finish: dict[str, Any] = {"finish": trial.version, "finish_outdated": trial.outdated}
            self._write(state, replace(state, trial=None, case=replace(state.case, **finish)))

    def _give_up(self, state: LoopState, trial: Trial, champion: str, now: datetime, error: str) -> None:
        """A stage has failed for its longest time."""
        if trial.stage == words.SHADOW:
            reason = f"not enough data: {error}"
            self._write(state, verdict(state, trial, words.NOT_ENOUGH, reason, now))
        elif trial.stage == words.RETRACT:
            self._write(state, after_retraction(state, trial, champion, now, self._policy))
        elif champion == trial.version:
            told = replace(trial, reason=f"{trial.reason}; not all of it could be done: {error}")
            self._write(state, after_promotion(state, told, now, self._policy))
        else:
            reason = f"it could not be promoted: {error}"
            self._write(state, verdict(state, trial, words.REJECTED, reason, now))

    def _write(self, before: LoopState, after: LoopState) -> LoopState:
        if after is not before:
            self._file.write(after)
            self._waiting, self._waiting_of = "", _told(after)
            for decision in after.decisions[len(before.decisions) :]:
                self._tell(f"{decision.outcome}: {decision.reason}")
        return after


def _told(state: LoopState) -> int:
    """How many decisions there are in all."""
    return state.moved + len(state.decisions)
