"""Secrets of a project, never shown."""

from __future__ import annotations

from starlette.routing import Route

from project.local.api.documents import Document
from project.local.api.errors import InvalidError, UnsupportedError
from project.local.api.http.calls import Call
from project.local.api.http.routing import route
from project.local.api.records.entries import delete_entry, list_entries, write_entry
from project.local.api.records.projects import require_project


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
        raise UnsupportedError(
            f"secrets of provider {provider!r} are not available on the laptop; use 'kubernetes'"
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


_SECRETS = "/api/v1/projects/{project}/secrets"
ROUTES: list[Route] = [
    route(_SECRETS, "POST", post_secrets),
    route(_SECRETS, "GET", list_secrets),
    route(_SECRETS, "DELETE", delete_secrets),
    route("/api/v1/projects/{project}/secret-keys", "GET", list_secret_keys),
]
