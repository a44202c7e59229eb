"""Functions by name, tag or hash; those deployed here show their live state."""

from __future__ import annotations

from starlette.routing import Route

from project.local.api.deployments.status import DEPLOYED_KINDS, deployed_name, live_status, normal_name
from project.local.api.documents import Document, epoch, get_in, matches_labels
from project.local.api.http.calls import Call
from project.local.api.http.formats import formatter
from project.local.api.http.pages import page_of
from project.local.api.http.routing import route
from project.local.api.records.projects import require_project
from project.local.api.records.versioned import (
    FUNCTION,
    delete_record,
    list_records,
    read_record,
    write_record,
)

_MINIMAL = (
    *("kind", "metadata", "status", "spec.description", "spec.command", "spec.image", "spec.default_handler"),
    *(
        "spec.default_class",
        "spec.graph",
        "spec.preemption_mode",
        "spec.node_selector",
        "spec.priority_class_name",
    ),
)


def with_live_status(call: Call, function: Document) -> Document:
    """The function, its status as it is now if it is deployed here."""
    if function.get("kind") in DEPLOYED_KINDS:
        name = deployed_name(get_in(function, "metadata.name") or "", get_in(function, "metadata.tag") or "")
        deployment = call.context.deployments.find(call.project, name)
        if deployment is not None:
            function["status"] = {**(function.get("status") or {}), **live_status(deployment)}
    return function


def store_function(call: Call) -> Document:
    """Store a function; answers its hash."""
    require_project(call.context.store, call.project)
    function = call.json()
    name = normal_name(call.path["name"])
    metadata = function.setdefault("metadata", {})
    if metadata.get("name"):
        metadata["name"] = normal_name(metadata["name"])
    hash_key = write_record(
        call.context.store,
        FUNCTION,
        call.project,
        name,
        function,
        tag=call.value("tag"),
        versioned=call.flag("versioned"),
    )
    return {"hash_key": hash_key}


def get_function(call: Call) -> Document:
    """One function by tag or hash."""
    function = read_record(
        call.context.store,
        FUNCTION,
        call.project,
        normal_name(call.path["name"]),
        tag=call.value("tag"),
        uid=call.value("hash_key"),
    )
    return {"func": with_live_status(call, function)}


def list_functions(call: Call) -> Document:
    """Functions by name, tag, kind, label, state, hash and time."""
    page = page_of(call)
    call = page.call
    kind, labels, states = call.value("kind"), call.values("label"), call.values("state")
    since, until = epoch(call.value("since")), epoch(call.value("until"))
    hash_key, shaped = call.value("hash_key"), formatter(call, _MINIMAL)
    functions = []
    for function in list_records(
        call.context.store, FUNCTION, call.project, call.value("name"), call.value("tag")
    ):
        updated = epoch(get_in(function, "metadata.updated")) or 0.0
        if (
            (kind and function.get("kind") != kind)
            or (hash_key and get_in(function, "metadata.hash") != hash_key)
            or (since is not None and updated < since)
            or (until is not None and updated > until)
            or not matches_labels(get_in(function, "metadata.labels"), labels)
        ):
            continue
        if get_in(function, "metadata.tag"):
            function = with_live_status(call, function)
        else:
            function["status"] = None  # the live process belongs to the tagged version
        if states and get_in(function, "status.state") not in states:
            continue
        functions.append(shaped(function))
    chosen, pagination = page.cut(functions)
    return {"funcs": chosen, "pagination": pagination}


def delete_function(call: Call) -> None:
    """Delete all versions of a function and stop it where it is deployed."""
    name = normal_name(call.path["name"])
    for function in list(list_records(call.context.store, FUNCTION, call.project, name)):
        call.context.supervisor.forget(
            call.project, deployed_name(name, get_in(function, "metadata.tag") or "")
        )
    call.context.supervisor.forget(call.project, name)
    delete_record(call.context.store, FUNCTION, call.project, name)


_FUNCTIONS = "/api/v1/projects/{project}/functions"
ROUTES: list[Route] = [
    route(_FUNCTIONS, "GET", list_functions),
    route(_FUNCTIONS + "/{name}", "POST", store_function),
    route(_FUNCTIONS + "/{name}", "GET", get_function),
    route(_FUNCTIONS + "/{name}", "DELETE", delete_function),
    route("/api/v2/projects/{project}/functions/{name}", "DELETE", delete_function),
]
