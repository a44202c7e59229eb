"""Background tasks that calls were answered with."""

from __future__ import annotations

from starlette.routing import Route

from project.local.api.documents import Document
from project.local.api.http.calls import Call
from project.local.api.http.routing import route


def list_tasks(call: Call) -> Document:
    """Tasks of a project."""
    return {"background_tasks": call.context.tasks.all(call.project)}


def get_task(call: Call) -> Document:
    """One task."""
    return call.context.tasks.get(call.path["name"])


_TASKS = "/api/v1/projects/{project}/background-tasks"
ROUTES: list[Route] = [
    route(_TASKS, "GET", list_tasks),
    route(_TASKS + "/{name}", "GET", get_task),
    route("/api/v1/background-tasks/{name}", "GET", get_task),
]
