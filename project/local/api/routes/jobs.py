"""Jobs and workflows that the control plane runs: now, or on a schedule."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from project.local.api.documents import Document, get_in
from project.local.api.errors import InvalidError, NotFoundError, PreconditionError
from project.local.api.http.calls import Call
from project.local.api.http.routing import json_response, route
from project.local.api.jobs.command import check_kind
from project.local.api.jobs.workflows import runner_task, workflow_spec
from project.local.api.records.projects import read_project, require_project
from project.local.api.records.runs import read_run


def submit_job(call: Call) -> Document:
    """Run a function as a process of this machine, or keep its schedule.

    The answer's ``data`` is the run, ``pending``, or what became of the schedule.
    """
    body = call.json()
    project, name = (str(get_in(body, f"task.metadata.{field}") or "") for field in ("project", "name"))
    schedule = body.get("schedule")
    if not schedule:
        return {"data": call.context.jobs.submit(body)}
    if not project or not name:
        raise InvalidError(f"task.metadata must have project and name, got {project!r} and {name!r}")
    require_project(call.context.store, project)
    # What can never run is refused now and not at its first time.
    check_kind(call.context.jobs.function(project, body))
    labels = get_in(body, "task.metadata.labels") or {}
    known = call.context.scheduler.put(project, name, schedule, body, labels)
    action = "modified" if known else "created"
    return {"data": {"schedule": schedule, "project": project, "name": name, "action": action}}


def submit_workflow(call: Call) -> Response:
    """Run a workflow of the project in a process of its own, or keep its schedule (202)."""
    project = read_project(call.context.store, call.project)
    request = call.json()
    spec = workflow_spec(project, call.path["name"], request)
    submission: Document = {"task": runner_task(project, spec, request)}
    schedule, uid = spec.get("schedule"), None
    if schedule:
        labels = get_in(submission, "task.metadata.labels")
        call.context.scheduler.put(call.project, spec["name"], schedule, submission, labels)
    else:
        uid = call.context.jobs.submit(submission)["metadata"]["uid"]
    answer = {
        "project": call.project,
        "name": spec["name"],
        "status": "scheduled" if schedule else "Running",
        "run_id": uid,
        "schedule": schedule,
    }
    return json_response(answer, 202)


def workflow_id(call: Call) -> Document:
    """Run id of a workflow from that of its runner; for the local engine it is the runner's own.

    412 if the runner failed, 404 while it is starting.
    """
    uid = call.path["uid"]
    run = read_run(call.context.store, call.project, uid)
    state = get_in(run, "status.state")
    if state in {"error", "aborted"}:
        name, error = call.path["name"], get_in(run, "status.error")
        raise PreconditionError(f"Failed to run workflow {name}, state: {state}, state_text: {error}")
    if state == "pending":
        raise NotFoundError(f"Workflow ID of run {call.project}:{uid} not found")
    return {"workflow_id": uid}


_WORKFLOW = "/api/v1/projects/{project}/workflows/{name}"
ROUTES: list[Route] = [
    route("/api/v1/submit_job", "POST", submit_job),
    route("/api/v1/submit_job/", "POST", submit_job),
    route("/api/v1/submit", "POST", submit_job),
    route(_WORKFLOW + "/submit", "POST", submit_workflow),
    route(_WORKFLOW + "/runs/{uid}", "GET", workflow_id),
]
