"""Small named things of a project: datastore profiles, secrets, alert settings."""

from __future__ import annotations

import json

from starlette.routing import Route

from project.local.api.calls import Call, route
from project.local.api.documents import Document
from project.local.api.errors import ApiError, InvalidError, NotFoundError
from project.local.api.projects import require_project
from project.local.api.store import Store, decode, encode


def write_entry(store: Store, kind: str, project: str, name: str, body: Document) -> None:
    """Store an entry, replacing one of that name."""
    with store.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO entries (kind, project, name, body) VALUES (?, ?, ?, ?)",
            (kind, project, name, encode(body)),
        )


def read_entry(store: Store, kind: str, project: str, name: str) -> Document:
    """An entry.

    :raises NotFoundError: if there is none.
    """
    row = store.row(
        "SELECT body FROM entries WHERE kind = ? AND project = ? AND name = ?", (kind, project, name)
    )
    if row is None:
        raise NotFoundError(f"{kind} {project}/{name} not found")
    return decode(row["body"])


def list_entries(store: Store, kind: str, project: str) -> dict[str, Document]:
    """All entries of a kind by name."""
    rows = store.rows(
        "SELECT name, body FROM entries WHERE kind = ? AND project = ? ORDER BY name", (kind, project)
    )
    return {row["name"]: decode(row["body"]) for row in rows}


def delete_entry(store: Store, kind: str, project: str, name: str) -> None:
    """Delete an entry; an absent one is no error."""
    with store.write() as connection:
        connection.execute(
            "DELETE FROM entries WHERE kind = ? AND project = ? AND name = ?", (kind, project, name)
        )


def put_profile(call: Call) -> Document:
    """Store a datastore profile; its private part becomes a secret of the project."""
    require_project(call.context.store, call.project)
    profile = call.json()
    name = profile.get("name")
    if not name:
        raise InvalidError("datastore profile 'name' must not be empty")
    private = profile.pop("private", None)
    profile["project"] = call.project
    write_entry(call.context.store, "datastore-profile", call.project, name, profile)
    if private:
        secret = f"datastore-profiles.{call.project}.{name}"
        write_entry(call.context.store, "secret", call.project, secret, {"value": private})
    return profile


def get_profile(call: Call) -> Document:
    """The public part of a datastore profile."""
    return read_entry(call.context.store, "datastore-profile", call.project, call.path["name"])


def list_profiles(call: Call) -> list[Document]:
    """The public parts of all datastore profiles of the project."""
    return list(list_entries(call.context.store, "datastore-profile", call.project).values())


def delete_profile(call: Call) -> None:
    """Delete a datastore profile and its secret."""
    read_entry(call.context.store, "datastore-profile", call.project, call.path["name"])
    delete_entry(call.context.store, "datastore-profile", call.project, call.path["name"])
    delete_entry(
        call.context.store, "secret", call.project, f"datastore-profiles.{call.project}.{call.path['name']}"
    )


def post_secrets(call: Call) -> Document:
    """Store project secrets; functions deployed afterwards get them in their environment."""
    require_project(call.context.store, call.project)
    body = call.json()
    _kubernetes(body.get("provider") or "kubernetes")
    for name, value in (body.get("secrets") or {}).items():
        write_entry(call.context.store, "secret", call.project, name, {"value": value})
    return {}


def _kubernetes(provider: str) -> None:
    if provider != "kubernetes":
        raise ApiError(
            501, f"secrets of provider {provider!r} are not available on the laptop; use 'kubernetes'"
        )


def list_secret_keys(call: Call) -> Document:
    """Names of the project's secrets; values are never shown."""
    _kubernetes(call.value("provider", default="kubernetes"))
    return {
        "provider": "kubernetes",
        "secret_keys": list(list_entries(call.context.store, "secret", call.project)),
    }


def list_secrets(call: Call) -> Document:
    """Values are never shown, as on MLRun's server."""
    raise InvalidError("Not allowed to list secrets data from kubernetes provider")


def delete_secrets(call: Call) -> None:
    """Delete the named secrets of the project, or all."""
    _kubernetes(call.value("provider", default="kubernetes"))
    names = call.values("secret") or list(list_entries(call.context.store, "secret", call.project))
    for name in names:
        delete_entry(call.context.store, "secret", call.project, name)


def secret_values(store: Store, project: str) -> dict[str, str]:
    """Secrets of a project, as text."""
    entries = list_entries(store, "secret", project)
    return {
        name: value if isinstance(value := body["value"], str) else json.dumps(value)
        for name, body in entries.items()
    }


_PROFILES = "/api/v1/projects/{project}/datastore-profiles"
_SECRETS = "/api/v1/projects/{project}/secrets"
ROUTES: list[Route] = [
    route(_PROFILES, "PUT", put_profile),
    route(_PROFILES, "GET", list_profiles),
    route(_PROFILES + "/{name}", "GET", get_profile),
    route(_PROFILES + "/{name}", "DELETE", delete_profile),
    route(_SECRETS, "POST", post_secrets),
    route(_SECRETS, "GET", list_secrets),
    route(_SECRETS, "DELETE", delete_secrets),
    route("/api/v1/projects/{project}/secret-keys", "GET", list_secret_keys),
]
