"""Logs of runs, kept as pieces so that appending and reading from an offset are both cheap."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from project.local.api.calls import Call, route
from project.local.api.documents import Document, get_in
from project.local.api.errors import InvalidError
from project.local.api.projects import require_project
from project.local.api.runs import read_run
from project.local.api.store import Store


def append_log(store: Store, project: str, uid: str, body: bytes, append: bool) -> None:
    """Add bytes to a run's log, or replace it."""
    with store.write() as connection:
        if not append:
            connection.execute("DELETE FROM logs WHERE project = ? AND uid = ?", (project, uid))
        connection.execute(
            "INSERT INTO logs (project, uid, start, length, body) VALUES (?, ?, ?, ?, ?)",
            (project, uid, log_size(store, project, uid), len(body), body),
        )


def log_size(store: Store, project: str, uid: str) -> int:
    """Length of a run's log in bytes."""
    row = store.row(
        "SELECT COALESCE(MAX(start + length), 0) AS size FROM logs WHERE project = ? AND uid = ?",
        (project, uid),
    )
    return int(row["size"]) if row else 0


def read_log(store: Store, project: str, uid: str, offset: int, size: int) -> bytes:
    """Part of a run's log.

    :param offset: first byte wanted.
    :param size: most bytes wanted; negative for all.
    """
    end = offset + size if size >= 0 else 1 << 62
    rows = store.rows(
        "SELECT start, body FROM logs WHERE project = ? AND uid = ? AND start < ? AND start + length > ? "
        "ORDER BY start",
        (project, uid, end, offset),
    )
    return b"".join(row["body"][max(0, offset - row["start"]) : end - row["start"]] for row in rows)


def store_log(call: Call) -> Document:
    """Append the body to a run's log (``append=no`` replaces it)."""
    require_project(call.context.store, call.project)
    append = call.flag("append", default=True)
    append_log(call.context.store, call.project, call.path["uid"], call.body, append)
    return {}


def get_log(call: Call) -> Response:
    """Part of a run's log, with the run's state in the header ``x-mlrun-run-state``."""
    offset, size = call.number("offset", default=0) or 0, call.number("size", default=-1)
    if offset < 0:
        raise InvalidError(f"query parameter 'offset' must not be negative, got {offset}")
    run = read_run(call.context.store, call.project, call.path["uid"])
    body = read_log(call.context.store, call.project, call.path["uid"], offset, -1 if size is None else size)
    state = str(get_in(run, "status.state", ""))
    return Response(body, media_type="text/plain", headers={"x-mlrun-run-state": state})


def get_log_size(call: Call) -> Document:
    """Length of a run's log in bytes."""
    return {"size": log_size(call.context.store, call.project, call.path["uid"])}


_LOG = "/api/v1/projects/{project}/logs/{uid}"
ROUTES: list[Route] = [
    route(_LOG, "POST", store_log),
    route(_LOG, "GET", get_log),
    route(_LOG + "/size", "GET", get_log_size),
]
