"""Projects, one document for each."""

from __future__ import annotations

import re

from project.local.api.documents import Document, get_in, now
from project.local.api.errors import InvalidError, NotFoundError
from project.local.api.records.store import PROJECT_TABLES, Store, decode, encode

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
    if not project_exists(store, name):
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


def project_exists(store: Store, name: str) -> bool:
    """Whether there is a project of that name."""
    return store.row("SELECT 1 FROM projects WHERE name = ?", (name,)) is not None


def list_project_documents(store: Store) -> list[Document]:
    """Documents of all projects, in order of name."""
    return [decode(row["body"]) for row in store.rows("SELECT body FROM projects ORDER BY name")]


def resources_of_project(store: Store, name: str) -> str:
    """One kind of resource that the project still holds, or nothing."""
    for table in (*PROJECT_TABLES, "deployments"):
        if store.row(f"SELECT 1 FROM {table} WHERE project = ? LIMIT 1", (name,)):  # noqa: S608
            return table
    return ""


def remove_project(store: Store, name: str) -> None:
    """Delete a project and everything recorded of it."""
    with store.write() as connection:
        for table in PROJECT_TABLES:
            connection.execute(f"DELETE FROM {table} WHERE project = ?", (name,))  # noqa: S608
        connection.execute("DELETE FROM projects WHERE name = ?", (name,))


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
