"""Starts what is due, and says of each time what became of it."""

from __future__ import annotations

import copy
import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from project.disk_errors import log_failure
from project.local.api.documents import Document, get_in
from project.local.api.errors import ApiError, ConflictError, InvalidError
from project.local.api.records.runs import unfinished_runs
from project.local.api.records.store import Store
from project.local.api.schedules.cron import cron_object, next_time
from project.local.api.schedules.records import (
    FAILED,
    MISSED,
    SKIPPED,
    STARTED,
    Event,
    Schedule,
    add_event,
    due_schedules,
    find_schedule,
    list_events,
    list_schedules,
    read_schedule,
    set_last_run,
    set_next_run,
    write_schedule,
)

log = logging.getLogger("netops.api.scheduler")

SCHEDULE_LABEL = "mlrun/schedule-name"
"""Label of the runs that a schedule started; MLRun's own."""

# A time that is longer ago is not made up for: it was missed.
_LATE = timedelta(minutes=1)
_COUNTED = 1000
_BACK = timedelta(hours=1)
"""A schedule was made, or due last, so long after now: the clock was set back. Less is no matter."""
_LASTS = timedelta(minutes=10)
"""For so long the clock must be back: at the start of a machine it may be wrong for a while."""
_LOOK_EVERY = timedelta(minutes=1)
_MISSED = "nothing could start: the control plane was down or the machine asleep"


class Scheduler:
    """Keeps schedules and starts them when they are due.

    :param submit: starts a job and answers its run, as ``Jobs.submit`` does.
    :param clock: wall clock.
    """

    def __init__(
        self, store: Store, submit: Callable[[Document, Document], Document], clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._submit = submit
        self._clock = clock
        self._starting = threading.Lock()
        self._looked: datetime | None = None
        self._back_since: datetime | None = None

    def put(
        self,
        project: str,
        name: str,
        schedule: Any,
        task: Document,
        labels: Document,
        limit: int | None = None,
    ) -> bool:
        """Store a schedule, new or not.

        :param schedule: crontab text or cron object.
        :param task: what to submit at each time.
        :param limit: how many of its runs may go on at once; as before, or 1, unless given.
        :returns: whether there was one of that name.
        :raises InvalidError: if the schedule breaks a rule.
        """
        cron, now = cron_object(schedule), self._clock()
        with self._store.write():
            before = find_schedule(self._store, project, name)
            known = before.limit if before else 1
            made = Schedule(
                project=project,
                name=name,
                cron=cron,
                task=task,
                labels=labels,
                limit=_limit(known if limit is None else limit),
                created=before.created if before else now,
                next_run=next_time(cron, now),
                last_run=before.last_run if before else "",
            )
            write_schedule(self._store, made)
        return before is not None

    def change(self, project: str, name: str, changes: Document) -> None:
        """Change a schedule as MLRun's ``ScheduleUpdate`` says; what is none stays."""
        with self._store.write():
            before = read_schedule(self._store, project, name)
            changed = before
            if changes.get("cron_trigger") is not None:
                cron = cron_object(changes["cron_trigger"])
                changed = replace(changed, cron=cron, next_run=next_time(cron, self._clock()))
            if changes.get("scheduled_object") is not None:
                changed = replace(changed, task=changes["scheduled_object"])
            if changes.get("labels") is not None:
                changed = replace(changed, labels=changes["labels"])
            if changes.get("concurrency_limit") is not None:
                changed = replace(changed, limit=_limit(changes["concurrency_limit"]))
            write_schedule(self._store, changed)

    def invoke(self, project: str, name: str) -> Document:
        """Start what a schedule starts, now.

        :returns: the run's document.
        :raises ConflictError: if as many of its runs go on as may.
        """
        schedule = read_schedule(self._store, project, name)
        with self._starting:
            return self._start(schedule, self._clock())

    def tick(self) -> None:
        """Start what is due; called every second."""
        now = self._clock()
        self._follow_clock(now)
        for schedule in due_schedules(self._store, now):
            try:
                self._due(schedule, now)
            except Exception as error:
                log_failure(log, error, f"schedule {schedule.project}/{schedule.name}")

    def _follow_clock(self, now: datetime) -> None:
        """After the clock was set back, have schedules due at their next time by it.

        They would wait until it shows again what it showed when they were due last, which may be years.
        """
        if self._looked is not None and self._looked <= now < self._looked + _LOOK_EVERY:
            return
        self._looked = now
        ahead = [each for each in list_schedules(self._store) if self._newest(each) > now + _BACK]
        if not ahead:
            self._back_since = None
            return
        if self._back_since is None or now < self._back_since:
            self._back_since = now
        if now - self._back_since < _LASTS:
            return
        for schedule in ahead:
            due = next_time(schedule.cron, now)
            if due is not None and schedule.next_run is not None and due < schedule.next_run:
                said = (schedule.project, schedule.name, due, schedule.next_run)
                log.warning("schedule %s/%s: the clock was set back, so it is due at %s and not at %s", *said)
                set_next_run(self._store, schedule.project, schedule.name, due)

    def _newest(self, schedule: Schedule) -> datetime:
        """When it was made, or due last, whichever is later."""
        events = list_events(self._store, schedule.project, schedule.name)[:1]
        return max([schedule.created, *(event.last for event in events)])

    def _due(self, schedule: Schedule, now: datetime) -> None:
        times = _times(schedule, now)
        # Before anything is started: what fails must not be tried again each second.
        set_next_run(self._store, schedule.project, schedule.name, next_time(schedule.cron, now))
        current = times.pop() if now - times[-1] <= _LATE else None
        if times:
            at_least = "at least " if len(times) >= _COUNTED else ""
            reason = f"{_MISSED} ({at_least}{len(times)} times)" if len(times) > 1 else _MISSED
            self._tell(schedule, Event(MISSED, times[0], times[-1], len(times), reason=reason))
        if current is not None:
            try:
                with self._starting:
                    self._start(schedule, current)
            except ApiError as error:
                log.warning("schedule %s/%s: %s", schedule.project, schedule.name, error.detail)

    def _start(self, schedule: Schedule, due: datetime) -> Document:
        """Start a run unless too many go on, and remember what became of it."""
        try:
            self._check_limit(schedule)
            run = self._submit(_task(schedule), {SCHEDULE_LABEL: schedule.name})
        except Exception as error:
            outcome = SKIPPED if isinstance(error, ConflictError) else FAILED
            reason = error.detail if isinstance(error, ApiError) else f"{type(error).__name__}: {error}"
            self._tell(schedule, Event(outcome, due, due, reason=reason))
            raise
        uid = str(run["metadata"]["uid"])
        self._tell(schedule, Event(STARTED, due, due, run=uid))
        set_last_run(self._store, schedule.project, schedule.name, f"{schedule.project}@{uid}#0")
        return run

    def _check_limit(self, schedule: Schedule) -> None:
        going = [
            run
            for run in unfinished_runs(self._store, schedule.project, SCHEDULE_LABEL, schedule.name)
            if not run["metadata"]["iteration"]
        ]
        if len(going) >= schedule.limit:
            first = going[0]
            raise ConflictError(
                f"at most {schedule.limit} at once: run {first['metadata']['uid']} has gone on since "
                f"{get_in(first, 'status.start_time')}"
            )

    def _tell(self, schedule: Schedule, event: Event) -> None:
        log.info("schedule %s/%s: %s %s", schedule.project, schedule.name, event.outcome, event.reason)
        add_event(self._store, schedule.project, schedule.name, event)


def _times(schedule: Schedule, now: datetime) -> list[datetime]:
    """The times at which a schedule was due until now, in order; the first thousand of more."""
    times = [schedule.next_run or now]
    while len(times) < _COUNTED:
        following = next_time(schedule.cron, times[-1])
        if following is None or following > now:
            break
        times.append(following)
    return times


def _task(schedule: Schedule) -> Document:
    """What a schedule submits: its task under a new uid.

    The client put the uid that the run would have had into the path of its artifacts; no run must overwrite
    those of another.
    """
    submission = copy.deepcopy(schedule.task)
    submission.pop("schedule", None)
    metadata, spec = (submission.get("task", {}).get(part) or {} for part in ("metadata", "spec"))
    before, metadata["uid"] = metadata.get("uid"), uuid.uuid4().hex
    if before and spec.get("output_path"):
        spec["output_path"] = str(spec["output_path"]).replace(before, metadata["uid"])
    return submission


def _limit(limit: Any) -> int:
    if not isinstance(limit, int) or limit < 1:
        raise InvalidError(f"concurrency_limit must be a whole number of at least 1, got {limit!r}")
    return limit
