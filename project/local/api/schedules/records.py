"""Schedules and what became of their times, as SQLite remembers them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from project.local.api.documents import Document
from project.local.api.errors import NotFoundError
from project.local.api.records.store import Store, decode, encode
from project.local.api.schedules.cron import crontab

STARTED, SKIPPED, MISSED, FAILED = "started", "skipped", "missed", "failed"

# Of each schedule the newest events are kept.
_EVENTS = 100


@dataclass(frozen=True)
class Schedule:
    """A workflow or job that is started again and again.

    :param cron: MLRun's cron object.
    :param task: what is submitted at each time, as MLRun's client submits it.
    :param labels: of the schedule.
    :param limit: how many of its runs may go on at once.
    :param created: when it was made.
    :param next_run: when it is due, None if never again.
    :param last_run: URI of the run it started last, or nothing.
    """

    project: str
    name: str
    cron: Document
    task: Document
    labels: Document
    limit: int
    created: datetime
    next_run: datetime | None
    last_run: str = ""

    def describe(self) -> Document:
        """Content of MLRun's ``ScheduleOutput``."""
        return {
            "project": self.project,
            "name": self.name,
            "kind": "job",
            "scheduled_object": self.task,
            "cron_trigger": self.cron,
            "labels": self.labels,
            "concurrency_limit": self.limit,
            "creation_time": self.created.isoformat(),
            "next_run_time": self.next_run.isoformat() if self.next_run else None,
            "last_run_uri": self.last_run or None,
            "state": "active" if self.next_run else "finished",
            "desired_state": None,
            "last_run": {},
            "credentials": {"access_key": None},
        }


@dataclass(frozen=True)
class Event:
    """What became of a time, or of several in a row, at which a schedule was due.

    :param outcome: ``started``, ``skipped``, ``missed`` or ``failed``.
    :param first: the time; of several the first.
    :param last: of several the last.
    :param times: how many they are.
    :param run: uid of the run that was started, or nothing.
    :param reason: why none was started.
    """

    outcome: str
    first: datetime
    last: datetime
    times: int = 1
    run: str = ""
    reason: str = ""

    def describe(self) -> Document:
        """The event as a JSON object."""
        return {
            "outcome": self.outcome,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "times": self.times,
            "run": self.run,
            "reason": self.reason,
        }


def describe_schedule(store: Store, schedule: Schedule) -> Document:
    """MLRun's ``ScheduleOutput``; besides, ``crontab`` and ``events``, which its client passes over."""
    events = list_events(store, schedule.project, schedule.name)
    return {
        **schedule.describe(),
        "crontab": crontab(schedule.cron),
        "events": [event.describe() for event in events],
    }


def _time(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def _of(row: sqlite3.Row) -> Schedule:
    body = decode(row["body"])
    return Schedule(
        project=row["project"],
        name=row["name"],
        cron=body["cron"],
        task=body["task"],
        labels=body["labels"],
        limit=body["limit"],
        created=datetime.fromtimestamp(row["created"], UTC),
        next_run=_time(row["next_run_time"]),
        last_run=row["last_run"],
    )


def write_schedule(store: Store, schedule: Schedule) -> None:
    """Store a schedule, replacing one of that name."""
    body = {
        "cron": schedule.cron,
        "task": schedule.task,
        "labels": schedule.labels,
        "limit": schedule.limit,
    }
    with store.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO schedules (project, name, created, next_run_time, last_run, body) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                schedule.project,
                schedule.name,
                schedule.created.timestamp(),
                schedule.next_run.timestamp() if schedule.next_run else None,
                schedule.last_run,
                encode(body),
            ),
        )


def find_schedule(store: Store, project: str, name: str) -> Schedule | None:
    """A schedule, or None."""
    row = store.row("SELECT * FROM schedules WHERE project = ? AND name = ?", (project, name))
    return _of(row) if row else None


def read_schedule(store: Store, project: str, name: str) -> Schedule:
    """A schedule.

    :raises NotFoundError: if there is none.
    """
    schedule = find_schedule(store, project, name)
    if schedule is None:
        raise NotFoundError(f"Schedule {project}/{name} not found")
    return schedule


def list_schedules(store: Store, project: str = "*") -> list[Schedule]:
    """Schedules of a project or of all (``*``), in order of name."""
    sql = "SELECT * FROM schedules WHERE ? = '*' OR project = ? ORDER BY project, name"
    return [_of(row) for row in store.rows(sql, (project, project))]


def due_schedules(store: Store, now: datetime) -> list[Schedule]:
    """Schedules whose next time has come, the longest due first."""
    sql = "SELECT * FROM schedules WHERE next_run_time <= ? ORDER BY next_run_time, project, name"
    return [_of(row) for row in store.rows(sql, (now.timestamp(),))]


def set_next_run(store: Store, project: str, name: str, next_run: datetime | None) -> None:
    """Note when a schedule is due next."""
    with store.write() as connection:
        connection.execute(
            "UPDATE schedules SET next_run_time = ? WHERE project = ? AND name = ?",
            (next_run.timestamp() if next_run else None, project, name),
        )


def set_last_run(store: Store, project: str, name: str, uri: str) -> None:
    """Note which run a schedule started last."""
    with store.write() as connection:
        connection.execute(
            "UPDATE schedules SET last_run = ? WHERE project = ? AND name = ?", (uri, project, name)
        )


def delete_schedules(store: Store, project: str, name: str = "") -> None:
    """Delete a schedule, or all of a project, with their events."""
    with store.write() as connection:
        for table in ("schedules", "schedule_events"):
            connection.execute(
                f"DELETE FROM {table} WHERE project = ? AND (? = '' OR name = ?)",  # noqa: S608 - fixed texts
                (project, name, name),
            )


def add_event(store: Store, project: str, name: str, event: Event) -> None:
    """Remember an event; the oldest are forgotten."""
    values: tuple[Any, ...] = (
        *(project, name, event.outcome, event.first.timestamp(), event.last.timestamp()),
        *(event.times, event.run, event.reason),
    )
    with store.write() as connection:
        connection.execute(
            "INSERT INTO schedule_events (project, name, outcome, first_time, last_time, times, run, reason) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        connection.execute(
            "DELETE FROM schedule_events WHERE project = ? AND name = ? AND id <= (SELECT id FROM "
            "schedule_events WHERE project = ? AND name = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (project, name, project, name, _EVENTS),
        )


def list_events(store: Store, project: str, name: str) -> list[Event]:
    """What became of a schedule's times, newest first."""
    rows = store.rows(
        "SELECT * FROM schedule_events WHERE project = ? AND name = ? ORDER BY id DESC", (project, name)
    )
    return [
        Event(
            outcome=row["outcome"],
            first=datetime.fromtimestamp(row["first_time"], UTC),
            last=datetime.fromtimestamp(row["last_time"], UTC),
            times=row["times"],
            run=row["run"],
            reason=row["reason"],
        )
        for row in rows
    ]
