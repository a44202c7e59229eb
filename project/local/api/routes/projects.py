"""Projects: create, store, patch, list, delete, count."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from project.local.api.documents import Document, get_in, matches_labels, merge
from project.local.api.errors import ConflictError, InvalidError, PreconditionError
from project.local.api.http.calls import Call
from project.local.api.http.pages import page_of
from project.local.api.http.routing import json_response, route
from project.local.api.records.projects import (
    list_project_documents,
    project_exists,
    read_project,
    remove_project,
    require_project,
    resources_of_project,
    summary,
    write_project,
)


def create_project(call: Call) -> Response:
    """Store a new project (201); 409 if the name is taken."""
    project = call.json()
    name = str(get_in(project, "metadata.name") or "")
    with call.context.store.write():
        if project_exists(call.context.store, name):
            raise ConflictError(f"Project {name} already exists")
        stored = write_project(call.context.store, name, project)
    return json_response(stored, 201)


def get_project(call: Call) -> Document:
    """The project's document."""
    return read_project(call.context.store, call.project)


def put_project(call: Call) -> Document:
    """Store a project, new or not."""
    return write_project(call.context.store, call.project, call.json())


def patch_project(call: Call) -> Document:
    """Merge changes into a project."""
    with call.context.store.write():
        project = read_project(call.context.store, call.project)
        merge(project, call.json(), call.headers.get("x-mlrun-patch-mode") == "additive")
        return write_project(call.context.store, call.project, project)


def list_projects(call: Call) -> Document:
    """Projects by name, owner, state and label, as names or documents."""
    page = page_of(call)
    call = page.call
    names, labels = call.values("name"), call.values("label")
    owner, state = call.value("owner"), call.value("state")
    form = call.value("format", default="full")
    found = []
    for project in list_project_documents(call.context.store):
        if (
            (not names or get_in(project, "metadata.name") in names)
            and (not owner or get_in(project, "spec.owner") == owner)
            and (not state or get_in(project, "status.state") == state)
            and matches_labels(get_in(project, "metadata.labels"), labels)
        ):
            found.append(project)
    projects, pagination = page.cut(found)
    if form == "name_only":
        return {
            "projects": [get_in(project, "metadata.name") for project in projects],
            "pagination": pagination,
        }
    if form == "minimal":
        for project in projects:
            project["spec"].update(functions=None, workflows=None, artifacts=None)
    return {"projects": projects, "pagination": pagination}


def delete_project(call: Call) -> None:
    """Delete a project and what is in it.

    The header ``x-mlrun-deletion-strategy`` says what to do with its resources: ``restricted`` (default)
    and ``check`` refuse (412) when there are any, ``cascade`` deletes them and stops its functions.
    """
    store, name = call.context.store, call.project
    strategy = call.headers.get("x-mlrun-deletion-strategy") or "restricted"
    if strategy not in {"restrict", "restricted", "cascade", "cascading", "check"}:
        raise InvalidError(
            f"x-mlrun-deletion-strategy must be restricted, cascade or check, got {strategy!r}"
        )
    if not project_exists(store, name):
        return
    held = resources_of_project(store, name)
    if held and not strategy.startswith("cascad"):
        raise PreconditionError(f"Project {name} can not be deleted since related resources found: {held}")
    if strategy == "check":
        return
    call.context.supervisor.forget_project(name)
    remove_project(store, name)


def list_summaries(call: Call) -> Document:
    """One line of counts for each project."""
    store = call.context.store
    names = [str(get_in(project, "metadata.name")) for project in list_project_documents(store)]
    return {"project_summaries": [summary(store, name) for name in names]}


def get_summary(call: Call) -> Document:
    """Counts of what one project holds."""
    require_project(call.context.store, call.project)
    return summary(call.context.store, call.project)


ROUTES: list[Route] = [
    route("/api/v1/projects", "POST", create_project),
    route("/api/v1/projects", "GET", list_projects),
    route("/api/v1/projects/{project}", "GET", get_project),
    route("/api/v1/projects/{project}", "PUT", put_project),
    route("/api/v1/projects/{project}", "PATCH", patch_project),
    route("/api/v1/projects/{project}", "DELETE", delete_project),
    route("/api/v2/projects/{project}", "DELETE", delete_project),
    route("/api/v1/project-summaries", "GET", list_summaries),
    route("/api/v1/project-summaries/{project}", "GET", get_summary),
]
