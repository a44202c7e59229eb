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
from project.errors import NetopsError
from project.http_json import UnreachableError
from project.retraining import coping, weak_model
from project.retraining import state as words
from project.retraining.by_person import approved
from project.retraining.clock_set_back import within_policy
from project.retraining.decisions import is_before
from project.retraining.loop_operations import RUNNING, Operations
from project.retraining.next_look import next_look
from project.retraining.next_run import PLENTY, Begin, Evidence, Outlook, Wait, next_step, outlook
from project.retraining.policy import (
    RunResult,
    after_run,
    began,
    counted_since_worse,
    overtaken,
)
from project.retraining.run_result import result_of
from project.retraining.state import Attempt, Case, LoopState, Trial
from project.retraining.state_file import StateFile
from project.retraining.taken_drift import take, take_postponed
from project.retraining.trial_stages import TrialStages
from project.retraining_policy import APPROVE, RetrainingPolicy
from training.job.training_window import SINCE

_WEAK_EVERY = timedelta(seconds=60)
"""Between two looks whether the champion is of no use."""
_COPES_EVERY = timedelta(seconds=10)
"""Between two looks whether the promoted model copes."""


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
        self._weak_looked: datetime | None = None
        self._weak_waits = ""
        self._copes_looked: datetime | None = None
        self._copes_waits = ""
        self._stages = TrialStages(operations, mode, policy, self._evidence)

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

        :param told: see ``taken_drift.take``.
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
        if case.before:
            self._look_whether_it_copes(state, case, now)
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

    def _look_whether_it_copes(self, state: LoopState, case: Case, now: datetime) -> None:
        """Look how the promoted model does on rows since the alert of the one before got worse."""
        if self._copes_looked is not None and abs(now - self._copes_looked) < _COPES_EVERY:
            self._waiting = self._copes_waits
            return
        self._copes_looked = now
        found = self._operations.realised(case.version, case.onset, case.before)
        after, self._copes_waits = coping.looked(state, found, now, self._policy)
        self._waiting = self._copes_waits
        self._write(state, after)

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
        """Do what is due of a trial on live events."""
        done = self._stages.act(state, trial, self._clock())
        self._waiting = done.waiting or self._waiting
        self._write(state, done.state)

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
