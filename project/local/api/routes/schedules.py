"""Schedules: list, read, change, start now, delete. A client makes one by submitting a job or a workflow."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from project.local.api.documents import Document, epoch, matches_labels, name_rule
from project.local.api.errors import ConflictError, InvalidError, NotFoundError
from project.local.api.http.calls import Call
from project.local.api.http.routing import json_response, route
from project.local.api.records.projects import require_project
from project.local.api.records.runs import read_run
from project.local.api.schedules.records import (
    Schedule,
    delete_schedules,
    describe_schedule,
    find_schedule,
    list_schedules,
    read_schedule,
)


def _describe(call: Call, schedule: Schedule) -> Document:
    """A schedule, with its last run if the call asks for it."""
    answer = describe_schedule(call.context.store, schedule)
    if call.flag("include_last_run", "include-last-run") and schedule.last_run:
        uid = schedule.last_run.removeprefix(f"{schedule.project}@").removesuffix("#0")
        try:
            answer["last_run"] = read_run(call.context.store, schedule.project, uid)
        except NotFoundError:
            answer["last_run_uri"] = None  # The run was deleted since.
    return answer


def list_all(call: Call) -> Document:
    """Schedules by name, label, kind and next time."""
    named, labels, kind = name_rule(call.value("name")), call.values("label", "labels"), call.value("kind")
    since, until = epoch(call.value("next_run_time_since")), epoch(call.value("next_run_time_until"))
    found = []
    for schedule in list_schedules(call.context.store, call.project):
        due = epoch(schedule.next_run)
        if (
            named(schedule.name)
            and matches_labels(schedule.labels, labels)
            and kind in {"", "job"}
            and (since is None or (due is not None and due >= since))
            and (until is None or (due is not None and due <= until))
        ):
            found.append(_describe(call, schedule))
    return {"schedules": found}


def create(call: Call) -> Response:
    """Make a schedule, as clients before 1.10 do (201); 409 if the name is taken."""
    require_project(call.context.store, call.project)
    body = call.json()
    name = str(body.get("name") or "")
    if not name:
        raise InvalidError("schedule name must not be empty")
    if body.get("kind") not in {None, "job"}:
        raise InvalidError(f"schedule kind must be 'job', got {body['kind']!r}")
    with call.context.store.write():
        if find_schedule(call.context.store, call.project, name) is not None:
            raise ConflictError(f"Schedule {call.project}/{name} already exists")
        call.context.scheduler.put(
            call.project,
            name,
            body.get("cron_trigger"),
            body.get("scheduled_object") or {},
            body.get("labels") or {},
            body.get("concurrency_limit"),
        )
    return Response(status_code=201)


def get(call: Call) -> Document:
    """One schedule."""
    return _describe(call, read_schedule(call.context.store, call.project, call.path["name"]))


def update(call: Call) -> Document:
    """Change a schedule; what the body leaves out or has as null stays."""
    call.context.scheduler.change(call.project, call.path["name"], call.json())
    return {}


def invoke(call: Call) -> Response:
    """Start what the schedule starts, now; 409 if as many of its runs go on as may."""
    return json_response({"data": call.context.scheduler.invoke(call.project, call.path["name"])})


def delete(call: Call) -> None:
    """Delete one schedule; what it has started goes on."""
    delete_schedules(call.context.store, call.project, call.path["name"])


def delete_all(call: Call) -> None:
    """Delete all schedules of the project."""
    delete_schedules(call.context.store, call.project)


_SCHEDULES = "/api/v1/projects/{project}/schedules"
ROUTES: list[Route] = [
    route(_SCHEDULES, "GET", list_all),
    route(_SCHEDULES, "POST", create),
    route(_SCHEDULES, "DELETE", delete_all),
    route(_SCHEDULES + "/{name}", "GET", get),
    route(_SCHEDULES + "/{name}", "PUT", update),
    route(_SCHEDULES + "/{name}", "DELETE", delete),
    route(_SCHEDULES + "/{name}/invoke", "POST", invoke),
]
