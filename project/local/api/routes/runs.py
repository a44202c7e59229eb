"""Runs: store, update, read, abort, delete, list."""

from __future__ import annotations

import sqlite3
from itertools import islice
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from project.local.api.documents import Document, epoch, get_in, matches_labels, name_rule, now
from project.local.api.errors import ConflictError, InvalidError
from project.local.api.http.calls import Call
from project.local.api.http.pages import page_of
from project.local.api.http.partitions import partition
from project.local.api.http.routing import json_response, route
from project.local.api.jobs.records import write_owner
from project.local.api.records.artifacts import artifacts_of_run
from project.local.api.records.projects import require_project
from project.local.api.records.runs import change_run, read_run, remove_runs, write_run
from project.local.api.records.store import decode
from project.local.run_states import TERMINAL_STATES


def store_run(call: Call) -> Document:
    """Store a run or one iteration of it; a job's token says that its process did."""
    require_project(call.context.store, call.project)
    iteration, uid = call.number("iter", default=0) or 0, call.path["uid"]
    owner = call.headers.get("authorization", "").removeprefix("Bearer ")
    with call.context.store.write():
        write_run(call.context.store, call.project, uid, iteration, call.json())
        if owner:
            write_owner(call.context.store, call.project, uid, owner)
    return {}


def update_run(call: Call) -> Document:
    """Apply the body's dotted-key updates to a run."""
    iteration = call.number("iter", default=0) or 0
    change_run(call.context.store, call.project, call.path["uid"], iteration, call.json())
    return {}


def get_run(call: Call) -> Document:
    """One run; the ``full`` format adds the artifacts it names, as MLRun's server does."""
    run = read_run(call.context.store, call.project, call.path["uid"], call.number("iter", default=0) or 0)
    if call.value("format", default="full") == "full":
        artifacts = artifacts_of_run(call.context.store, call.project, run)
        if artifacts:
            run["status"]["artifacts"] = artifacts
    return {"data": run}


def abort_run(call: Call) -> Response:
    """Mark a run that is not over as aborted, and end the process that it is in if it was started here.

    Other runs of that process end with it. A run in the process of somebody else goes on; what it reports of
    its work is kept, and it stays aborted.
    """
    uid, iteration = call.path["uid"], call.number("iter", default=0) or 0
    context, project = call.context, call.project
    with context.store.write():
        run = read_run(context.store, project, uid, iteration)
        state = get_in(run, "status.state")
        if state in TERMINAL_STATES:
            raise ConflictError(f"Run is already in terminal state, can not be aborted: {state}")
        updates = {"status.status_text": "aborted by a client", **call.json(), "status.state": "aborted"}
        change_run(context.store, project, uid, iteration, updates)
    context.jobs.stop_run(project, run, f"its process was ended: run {uid} was aborted")
    return json_response(context.tasks.add(project, "run.abort"), 202)


def delete_run(call: Call) -> None:
    """Delete a run, all its iterations and its log."""
    remove_runs(call.context.store, call.project, [call.path["uid"]])


def delete_runs(call: Call) -> None:
    """Delete the runs that match name, label, state and age in days."""
    state, days = call.value("state"), call.number("days_ago", default=0)
    with call.context.store.write():
        rows = find_runs(call)
        oldest = now().timestamp() - (days or 0) * 86_400
        chosen = [
            row["uid"]
            for row in rows
            if (not state or row["state"] == state) and (not days or row["start_time"] >= oldest)
        ]
        remove_runs(call.context.store, call.project, chosen)


def list_runs(call: Call) -> Document:
    """Runs by name, uid, label, state and times; newest start first; one page at a time."""
    page = page_of(call)
    rows = find_runs(page.call, page.most, page.after)
    if page.call.flag("with-notifications"):
        # Notifications of local runs are sent by the client and not kept: no run has any here.
        rows = []
    chosen, pagination = page.cut(rows, _key if _is_sorted(page.call) else None)
    return {"runs": [decode(row["body"]) for row in chosen], "pagination": pagination}


_TIME_FILTERS = (
    ("start_time_from", "start_time >= ?"),
    ("start_time_to", "start_time <= ?"),
    ("last_update_time_from", "updated > ?"),
    ("last_update_time_to", "updated < ?"),
    ("end_time_from", "end_time >= ?"),
    ("end_time_to", "end_time <= ?"),
)


_FEW = 1000
"""With so many runs of a label it is quicker to read these and to sort them than to look through all."""


def _is_sorted(call: Call) -> bool:
    return call.flag("sort", default=True)


def _key(row: sqlite3.Row) -> list[Any]:
    """What tells which runs come after one."""
    return [-row["start_time"], row["uid"], row["iteration"], row["project"]]


def find_runs(call: Call, most: int | None = None, after: list[Any] | None = None) -> list[sqlite3.Row]:
    """Rows of the runs that a query asks for.

    :param most: that are needed, the first ones; None for all.
    :param after: key of the run after which they come, see ``_key``; None for all.
    :raises InvalidError: if it is no such key.
    """
    conditions, values = ["1 = 1"], list[str | float | bytes]()

    def any_of(column: str, choices: list[str]) -> None:
        if choices:
            conditions.append(f"{column} IN ({', '.join('?' * len(choices))})")
            values.extend(choices)

    if call.project != "*":
        any_of("project", [call.project])
    any_of("uid", call.values("uid"))
    any_of("state", call.values("states"))
    if not call.flag("iter"):
        conditions.append("iteration = 0")
    for parameter, condition in _TIME_FILTERS:
        time = epoch(call.value(parameter))
        if time is not None:
            conditions.append(condition)
            values.append(time)
    name, labels = call.value("name") or "", call.values("label")
    store, by_label = call.context.store, ""
    for label in labels:
        # Of thousands of runs few have a label such as the id of a workflow. A value that is no text is ''.
        label_name, separator, value = (part.strip() for part in label.partition("="))
        has = "name = ? AND value IN (?, '')" if separator else "name = ?"
        conditions.append(
            f"(project, uid, iteration) IN (SELECT project, uid, iteration FROM run_labels WHERE {has})"  # noqa: S608
        )
        given = [label_name, value] if separator else [label_name]
        values.extend(given)
        counted = f"SELECT count(*) FROM (SELECT 1 FROM run_labels WHERE {has} LIMIT {_FEW + 1})"  # noqa: S608
        if store.rows(counted, given)[0][0] <= _FEW:
            by_label = "+"  # So SQLite begins with the labels, and not with the newest runs.
    any_of("name", [name] if name and not name.startswith("~") else [])
    is_partitioned = bool(call.value("partition-by"))
    if after is not None and not is_partitioned:
        start, uid, iteration, project = _checked(after)
        conditions.append("start_time <= ? AND (-start_time, uid, iteration, project) > (?, ?, ?, ?)")
        values.extend([-start, start, uid, iteration, project])
    order = f"ORDER BY {by_label}start_time DESC, uid, iteration, project" if _is_sorted(call) else ""
    sql = f"SELECT * FROM runs WHERE {' AND '.join(conditions)} {order}"  # noqa: S608 - fixed texts
    named = name_rule(name)
    asked = (
        row
        for row in store.each(sql, values)
        if named(row["name"])
        and (not labels or matches_labels(get_in(decode(row["body"]), "metadata.labels"), labels))
    )
    # A project has thousands of runs after a year: no more are read than are needed.
    if not is_partitioned:
        return list(asked if most is None else islice(asked, most))
    rows = list(asked)
    kept = partition(
        call,
        rows,
        by="project_and_name",
        group=lambda row: (row["project"], row["name"]),
        sort_fields={"created": lambda row: row["start_time"], "updated": lambda row: row["updated"]},
    )
    identities = {id(row) for row in kept}
    return [row for row in rows if id(row) in identities and (after is None or _key(row) > _checked(after))]


def _checked(key: list[Any]) -> list[Any]:
    """A key that a token has, see ``_key``."""
    kinds = (int | float, str, int, str)
    if len(key) != len(kinds) or not all(isinstance(*each) for each in zip(key, kinds, strict=True)):
        raise InvalidError(f"page-token must come from an earlier answer, got one with the key {key!r}")
    return key


_RUN = "/api/v1/projects/{project}/runs/{uid}"
ROUTES: list[Route] = [
    route("/api/v1/projects/{project}/runs", "GET", list_runs),
    route("/api/v1/projects/{project}/runs", "DELETE", delete_runs),
    route(_RUN, "POST", store_run),
    route(_RUN, "PATCH", update_run),
    route(_RUN, "GET", get_run),
    route(_RUN, "DELETE", delete_run),
    route(_RUN + "/abort", "POST", abort_run),
]
