"""Logs of runs: append, read from an offset, measure."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import Response
from starlette.routing import Route

from project.local.api.documents import Document, get_in
from project.local.api.errors import InvalidError
from project.local.api.http.calls import Call
from project.local.api.http.routing import route
from project.local.api.jobs.records import find_process
from project.local.api.records.logs import append_log, log_size, read_log
from project.local.api.records.projects import require_project
from project.local.api.records.runs import read_run


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
    body = _read(call, offset, -1 if size is None else size)
    state = str(get_in(run, "status.state", ""))
    return Response(body, media_type="text/plain", headers={"x-mlrun-run-state": state})


def _read(call: Call, offset: int, size: int) -> bytes:
    """Part of a log; that of a job is what its process has printed.

    :param size: bytes at most, all if below 0.
    """
    printed = _printed(call)
    if printed is None:
        return read_log(call.context.store, call.project, call.path["uid"], offset, size)
    with printed.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def get_log_size(call: Call) -> Document:
    """Length of a run's log in bytes."""
    printed = _printed(call)
    if printed is not None:
        return {"size": printed.stat().st_size}
    return {"size": log_size(call.context.store, call.project, call.path["uid"])}


def _printed(call: Call) -> Path | None:
    """File of what the process of a job has printed; None for a run of somebody else's process."""
    job = find_process(call.context.store, call.project, call.path["uid"])
    return job.log if job is not None and job.log.exists() else None


_LOG = "/api/v1/projects/{project}/logs/{uid}"
ROUTES: list[Route] = [
    route(_LOG, "POST", store_log),
    route(_LOG, "GET", get_log),
    route(_LOG + "/size", "GET", get_log_size),
]
