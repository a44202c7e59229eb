"""Datastore profiles; the private part of one is kept as a secret of the project."""

from __future__ import annotations

from starlette.routing import Route

from project.local.api.documents import Document
from project.local.api.errors import InvalidError
from project.local.api.http.calls import Call
from project.local.api.http.routing import route
from project.local.api.records.entries import delete_entry, list_entries, read_entry, write_entry
from project.local.api.records.projects import require_project


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


_PROFILES = "/api/v1/projects/{project}/datastore-profiles"
ROUTES: list[Route] = [
    route(_PROFILES, "PUT", put_profile),
    route(_PROFILES, "GET", list_profiles),
    route(_PROFILES + "/{name}", "GET", get_profile),
    route(_PROFILES + "/{name}", "DELETE", delete_profile),
]
