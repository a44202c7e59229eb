"""Processes of jobs, and which of them stored which run, as SQLite remembers them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from project.local.api.records.store import Store
from project.local.processes import Process
from project.local.run_states import TERMINAL_STATES


@dataclass(frozen=True)
class JobProcess:
    """The process of a job.

    :param uid: of the run that the job is.
    :param log: file of its output.
    """

    project: str
    uid: str
    process: Process
    log: Path


def _of(row: sqlite3.Row) -> JobProcess:
    return JobProcess(row["project"], row["uid"], Process(row["pid"], row["created"]), Path(row["log"]))


def write_process(store: Store, job: JobProcess) -> None:
    """Remember the process of a job that was just started."""
    values = (job.project, job.uid, job.process.pid, job.process.created, str(job.log))
    with store.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO job_processes (project, uid, pid, created, log, ended) "
            "VALUES (?, ?, ?, ?, ?, NULL)",
            values,
        )


def mark_ended(store: Store, job: JobProcess, time: float) -> None:
    """Note that a process ended and that its runs are as they should be.

    :param time: seconds since 1970.
    """
    with store.write() as connection:
        connection.execute(
            "UPDATE job_processes SET ended = ? WHERE project = ? AND uid = ?", (time, job.project, job.uid)
        )


def open_processes(store: Store, project: str = "") -> list[JobProcess]:
    """Processes that run, or of which nobody has noted that they ended."""
    sql = "SELECT * FROM job_processes WHERE ended IS NULL AND (? = '' OR project = ?)"
    return [_of(row) for row in store.rows(sql, (project, project))]


def find_process(store: Store, project: str, uid: str) -> JobProcess | None:
    """Process of the job that a run is, running or not; None for a run of somebody else's process."""
    row = store.row("SELECT * FROM job_processes WHERE project = ? AND uid = ?", (project, uid))
    return _of(row) if row else None


def find_owner(store: Store, project: str, uid: str) -> JobProcess | None:
    """Process of the job that is this run, or that stored it."""
    row = store.row(
        "SELECT p.* FROM run_owners o JOIN job_processes p ON p.project = o.project AND p.uid = o.owner "
        "WHERE o.project = ? AND o.uid = ?",
        (project, uid),
    )
    return _of(row) if row else find_process(store, project, uid)


def write_owner(store: Store, project: str, uid: str, owner: str) -> None:
    """Remember which job stored a run; nothing unless the owner is a job of that project."""
    with store.write() as connection:
        connection.execute(
            "INSERT OR IGNORE INTO run_owners (project, uid, owner) "
            "SELECT project, ?, uid FROM job_processes WHERE project = ? AND uid = ? AND uid != ?",
            (uid, project, owner, uid),
        )


def unfinished_of(store: Store, job: JobProcess) -> list[tuple[str, int]]:
    """Uid and iteration of the runs that a job is or stored and that have not ended."""
    marks = ", ".join("?" * len(TERMINAL_STATES))
    rows = store.rows(
        f"SELECT uid, iteration FROM runs WHERE project = ? AND state NOT IN ({marks}) AND "  # noqa: S608
        "(uid = ? OR uid IN (SELECT uid FROM run_owners WHERE project = ? AND owner = ?)) "
        "ORDER BY start_time, uid, iteration",
        (job.project, *TERMINAL_STATES, job.uid, job.project, job.uid),
    )
    return [(row["uid"], row["iteration"]) for row in rows]


def starting_jobs(store: Store) -> list[tuple[str, str]]:
    """Project and uid of the runs that wait for a process that nobody remembers."""
    rows = store.rows(
        "SELECT project, uid FROM runs r WHERE state = 'pending' AND iteration = 0 AND NOT EXISTS "
        "(SELECT 1 FROM job_processes p WHERE p.project = r.project AND p.uid = r.uid)"
    )
    return [(row["project"], row["uid"]) for row in rows]
