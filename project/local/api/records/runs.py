"""Runs: one document for each iteration, updated by dotted keys while the run goes on.

A terminal state is final. A run may be aborted while its process goes on and reports how it ended. What it
reports of its work is kept, because it exists: results, artifacts, labels, its log. How the run ended stays
as it was recorded first. MLRun's server has no such rule: there, a pod is gone before its run is ``aborted``.
"""

from __future__ import annotations

from collections.abc import Iterable

from project.local.api.documents import Document, epoch, now, update_in
from project.local.api.errors import InvalidError, NotFoundError
from project.local.api.records.store import Store, decode, encode
from project.local.run_states import TERMINAL_STATES

_ENDING = ("state", "end_time", "error", "status_text", "reason")
"""Fields of ``status`` that tell how a run ended."""


def write_run(store: Store, project: str, uid: str, iteration: int, run: Document) -> Document:
    """Store a run's document whole; how a run ended that had ended before stays.

    :raises InvalidError: if the name differs from the one stored before; a run keeps its name.
    """
    time = now()
    metadata = run.setdefault("metadata", {})
    status = run["status"] = run.get("status") or {}
    name = metadata.get("name") or uid
    with store.write() as connection:
        before = store.row(
            "SELECT name, state, start_time, body FROM runs WHERE project = ? AND uid = ? AND iteration = ?",
            (project, uid, iteration),
        )
        if before and before["name"] != name:
            raise InvalidError(
                f"Changing name for an existing run is invalid: {before['name']!r} to {name!r}"
            )
        if before and before["state"] in TERMINAL_STATES:
            _keep_ending(status, decode(before["body"])["status"])
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


def _keep_ending(status: Document, before: Document) -> None:
    if status.get("state") == before["state"]:
        status["end_time"] = status.get("end_time") or before["end_time"]
        return
    for field in _ENDING:
        if field in before:
            status[field] = before[field]
        else:
            status.pop(field, None)


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


def unfinished_runs(store: Store, project: str, label: str, value: str | None = None) -> list[Document]:
    """Runs of a project that have not ended and carry a label, iterations included.

    :param value: of the label; None for any.
    """
    marks = ", ".join("?" * len(TERMINAL_STATES))
    rows = store.rows(
        f"SELECT uid, iteration, body FROM runs WHERE project = ? AND state NOT IN ({marks}) "  # noqa: S608
        "ORDER BY start_time, uid, iteration",
        (project, *TERMINAL_STATES),
    )
    found = []
    for row in rows:
        run = decode(row["body"])
        labels = run["metadata"].get("labels") or {}
        if label in labels and value in (None, labels[label]):
            run["metadata"].update(uid=row["uid"], iteration=row["iteration"])
            found.append(run)
    return found


def end_run(store: Store, project: str, uid: str, iteration: int, state: str, reason: str) -> bool:
    """End a run for its process, which can not; an ended one stays as it is.

    :param reason: for ``status.error`` and ``status.status_text``.
    :returns: whether it was changed.
    """
    with store.write():
        run = read_run(store, project, uid, iteration)
        if run["status"].get("state") in TERMINAL_STATES:
            return False
        run["status"].update(state=state, error=reason, status_text=reason)
        write_run(store, project, uid, iteration, run)
    return True


def remove_runs(store: Store, project: str, uids: Iterable[str]) -> None:
    """Delete runs with all their iterations, logs and what is known of their processes."""
    with store.write() as connection:
        for uid in uids:
            connection.execute("DELETE FROM runs WHERE project = ? AND uid = ?", (project, uid))
            for table in ("logs", "job_processes", "run_owners"):
                connection.execute(f"DELETE FROM {table} WHERE project = ? AND uid = ?", (project, uid))  # noqa: S608
