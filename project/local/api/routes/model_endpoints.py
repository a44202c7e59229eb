"""Model endpoints: kept here, not monitored."""

from __future__ import annotations

import uuid

from starlette.routing import Route

from project.local.api.documents import Document, get_in, matches_labels, now, update_in
from project.local.api.errors import NotFoundError
from project.local.api.http.calls import Call
from project.local.api.http.routing import route
from project.local.api.records.entries import delete_entry, list_entries, write_entry
from project.local.api.records.projects import require_project

_KIND = "model-endpoint"


def _found(call: Call) -> list[Document]:
    wanted = {
        "metadata.name": call.values("name"),
        "metadata.uid": call.values("uid", "endpoint-id"),
        "spec.function_name": call.values("function-name"),
        "spec.function_tag": call.values("function-tag"),
        "spec.model_name": call.values("model-name"),
    }
    return [
        endpoint
        for endpoint in list_entries(call.context.store, _KIND, call.project).values()
        if all(not values or get_in(endpoint, path) in values for path, values in wanted.items())
        and matches_labels(get_in(endpoint, "metadata.labels"), call.values("label"))
    ]


def create(call: Call) -> Document:
    """Keep a model endpoint; it gets a uid if it has none."""
    require_project(call.context.store, call.project)
    endpoint = call.json()
    uid = get_in(endpoint, "metadata.uid") or str(uuid.uuid4())
    update_in(endpoint, "metadata.uid", uid)
    time = now().isoformat()
    update_in(endpoint, "status.updated", time)
    if not get_in(endpoint, "status.created"):
        update_in(endpoint, "status.created", time)
    write_entry(call.context.store, _KIND, call.project, uid, endpoint)
    return endpoint


def listing(call: Call) -> Document:
    """Model endpoints by name, function, model, uid and label."""
    return {"endpoints": _found(call)}


def _one(call: Call) -> Document:
    name = call.path["name"]
    found = [endpoint for endpoint in _found(call) if get_in(endpoint, "metadata.name") == name]
    if not found:
        raise NotFoundError(f"model endpoint {call.project}/{name} not found")
    return found[-1]


def delete(call: Call) -> None:
    """Forget a model endpoint."""
    delete_entry(call.context.store, _KIND, call.project, get_in(_one(call), "metadata.uid"))


_ENDPOINTS = "/api/v1/projects/{project}/model-endpoints"
ROUTES: list[Route] = [
    route(_ENDPOINTS, "POST", create),
    route(_ENDPOINTS, "GET", listing),
    route(_ENDPOINTS + "/{name}", "GET", _one),
    route(_ENDPOINTS + "/{name}", "DELETE", delete),
]
