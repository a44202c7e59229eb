"""Projects: create, store, patch, list, delete; and the check that a project exists."""

from __future__ import annotations

import re

from starlette.responses import Response
from starlette.routing import Route

from project.local.api.calls import Call, json_response, route
from project.local.api.documents import Document, get_in, matches_labels, merge, now
from project.local.api.errors import ConflictError, InvalidError, NotFoundError
from project.local.api.pages import page_of
from project.local.api.store import PROJECT_TABLES, Store, decode, encode

# The rule of Kubernetes names, which MLRun applies to projects.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def read_project(store: Store, name: str) -> Document:
    """The project's document.

    :raises NotFoundError: if there is none.
    """
    row = store.row("SELECT body FROM projects WHERE name = ?", (name,))
    if row is None:
        raise NotFoundError(f"Project {name} not found")
    return decode(row["body"])


def require_project(store: Store, name: str) -> None:
    """Raise NotFoundError unless the project exists."""
    if store.row("SELECT 1 FROM projects WHERE name = ?", (name,)) is None:
        raise NotFoundError(f"Project {name} does not exist")


def write_project(store: Store, name: str, project: Document) -> Document:
    """Store a project, replacing an earlier one of that name but keeping its creation time."""
    metadata = project.setdefault("metadata", {})
    if metadata.setdefault("name", name) != name:
        raise InvalidError(
            f"project name in the body must be '{name}' as in the path, got {metadata['name']!r}"
        )
    if not _NAME.fullmatch(name):
        raise InvalidError(
            "project name must be 1 to 63 lower-case letters, digits or '-', "
            f"with a letter or digit at both ends, got {name!r}"
        )
    with store.write() as connection:
        row = store.row("SELECT body FROM projects WHERE name = ?", (name,))
        created = get_in(decode(row["body"]), "metadata.created") if row else None
        metadata["created"] = created or now().isoformat()
        project["kind"] = "project"
        project.setdefault("spec", {})
        status = project["status"] = project.get("status") or {}
        status["state"] = get_in(project, "spec.desired_state") or "online"
        connection.execute(
            "INSERT INTO projects (name, created, body) VALUES (?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET body = excluded.body",
            (name, now().timestamp(), encode(project)),
        )
    return project


def create_project(call: Call) -> Response:
    """Store a new project (201); 409 if the name is taken."""
    project = call.json()
    name = str(get_in(project, "metadata.name") or "")
    with call.context.store.write():
        if call.context.store.row("SELECT 1 FROM projects WHERE name = ?", (name,)):
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
    for row in call.context.store.rows("SELECT name, body FROM projects ORDER BY name"):
        project = decode(row["body"])
        if (
            (not names or row["name"] in names)
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
    if store.row("SELECT 1 FROM projects WHERE name = ?", (name,)) is None:
        return
    if not strategy.startswith("cascad"):
        for table in (*PROJECT_TABLES, "deployments"):
            count = store.rows(f"SELECT COUNT(*) FROM {table} WHERE project = ?", (name,))[0][0]  # noqa: S608
            if count:
                raise ConflictError(
                    f"Project {name} can not be deleted since related resources found: {table}", 412
                )
    if strategy == "check":
        return
    call.context.supervisor.forget_project(name)
    with store.write() as connection:
        for table in PROJECT_TABLES:
            connection.execute(f"DELETE FROM {table} WHERE project = ?", (name,))  # noqa: S608
        connection.execute("DELETE FROM projects WHERE name = ?", (name,))


def list_summaries(call: Call) -> Document:
    """One line of counts for each project."""
    rows = call.context.store.rows("SELECT name FROM projects ORDER BY name")
    return {"project_summaries": [summary(call.context.store, row["name"]) for row in rows]}


def get_summary(call: Call) -> Document:
    """Counts of what one project holds."""
    require_project(call.context.store, call.project)
    return summary(call.context.store, call.project)


def summary(store: Store, name: str) -> Document:
    """Counts of what a project holds, in the fields of MLRun's summary."""

    def count(sql: str, *values: str) -> int:
        return int(store.rows(f"SELECT COUNT(*) FROM {sql}", (name, *values))[0][0])  # noqa: S608

    return {
        "name": name,
        "updated": now().isoformat(),
        "files_count": count("artifacts WHERE project = ? AND kind NOT IN ('model', 'dataset')"),
        "models_count": count("artifacts WHERE project = ? AND kind = 'model'"),
        "datasets_count": count("artifacts WHERE project = ? AND kind = 'dataset'"),
        "feature_sets_count": count("records WHERE project = ? AND kind = 'feature-set'"),
        "runs_running_count": count("runs WHERE project = ? AND state = 'running'"),
        "runs_failed_recent_count": count("runs WHERE project = ? AND state IN ('error', 'aborted')"),
        "runs_completed_recent_count": count("runs WHERE project = ? AND state = 'completed'"),
    }


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
