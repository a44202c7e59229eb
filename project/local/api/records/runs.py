"""Runs: one document for each iteration, updated by dotted keys while the run goes on."""

from __future__ import annotations

from collections.abc import Iterable

from project.local.api.documents import Document, epoch, now, update_in
from project.local.api.errors import InvalidError, NotFoundError
from project.local.api.records.store import Store, decode, encode

TERMINAL_STATES = frozenset({"completed", "error", "aborted", "skipped"})


def write_run(store: Store, project: str, uid: str, iteration: int, run: Document) -> Document:
    """Store a run's document whole.

    :raises InvalidError: if the name differs from the one stored before; a run keeps its name.
    """
    time = now()
    metadata = run.setdefault("metadata", {})
    status = run["status"] = run.get("status") or {}
    name = metadata.get("name") or uid
    with store.write() as connection:
        before = store.row(
            "SELECT name, start_time FROM runs WHERE project = ? AND uid = ? AND iteration = ?",
            (project, uid, iteration),
        )
        if before and before["name"] != name:
            raise InvalidError(
                f"Changing name for an existing run is invalid: {before['name']!r} to {name!r}"
            )
        start = epoch(status.get("start_time"))
        if start is None:
            started = time.fromtimestamp(before["start_time"], time.tzinfo) if before else time
            start, status["start_time"] = started.timestamp(), started.isoformat()
        state = status["state"] = status.get("state") or "created"
        status["last_update"] = time.isoformat()
        if state in TERMINAL_STATES and not status.get("end_time"):
            status["end_time"] = time.isoformat()
        connection.execute(
            "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                project,
                uid,
                iteration,
                name,
                state,
                start,
                time.timestamp(),
                epoch(status.get("end_time")),
                encode(run),
            ),
        )
    return run


def read_run(store: Store, project: str, uid: str, iteration: int = 0) -> Document:
    """The run's document.

    :raises NotFoundError: if there is none.
    """
    row = store.row(
        "SELECT body FROM runs WHERE project = ? AND uid = ? AND iteration = ?", (project, uid, iteration)
    )
    if row is None:
        raise NotFoundError(f"Run {project}@{uid}#{iteration} not found")
    return decode(row["body"])


def change_run(store: Store, project: str, uid: str, iteration: int, updates: Document) -> Document:
    """Apply dotted-key updates to a run."""
    with store.write():
        run = read_run(store, project, uid, iteration)
        for path, value in updates.items():
            update_in(run, path, value)
        return write_run(store, project, uid, iteration, run)


def remove_runs(store: Store, project: str, uids: Iterable[str]) -> None:
    """Delete runs with all their iterations and logs."""
    with store.write() as connection:
        for uid in uids:
            connection.execute("DELETE FROM runs WHERE project = ? AND uid = ?", (project, uid))
            connection.execute("DELETE FROM logs WHERE project = ? AND uid = ?", (project, uid))
