"""Feature sets and feature vectors by reference: a tag or a uid."""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.responses import Response
from starlette.routing import Route

from project.local.api.documents import Document, get_in, matches_labels, merge
from project.local.api.errors import ConflictError, InvalidError
from project.local.api.http.calls import Call
from project.local.api.http.formats import formatter
from project.local.api.http.partitions import partition
from project.local.api.http.routing import json_response, route
from project.local.api.records.projects import require_project
from project.local.api.records.versioned import (
    FEATURE_SET,
    FEATURE_VECTOR,
    Kind,
    delete_record,
    find_record,
    list_records,
    read_record,
    write_record,
)

_UID = re.compile(r"[0-9a-f]{40}")
_MINIMAL = (
    *(
        "metadata.name",
        "metadata.project",
        "metadata.tag",
        "metadata.updated",
        "metadata.uid",
        "metadata.labels",
    ),
    *("spec.entities", "spec.description", "spec.targets", "spec.engine", "status.state"),
)


def _reference(call: Call) -> dict[str, str]:
    reference = call.path["reference"]
    return {"uid": reference} if _UID.fullmatch(reference) else {"tag": reference}


def _read(call: Call, kind: Kind) -> Document:
    return read_record(call.context.store, kind, call.project, call.path["name"], **_reference(call))


def _write(call: Call, kind: Kind, document: Document, versioned: bool) -> Document:
    """Store a document under the call's reference and answer it as stored."""
    require_project(call.context.store, call.project)
    reference, name = _reference(call), call.path["name"]
    with call.context.store.write():
        fingerprint = write_record(
            call.context.store, kind, call.project, name, document, versioned=versioned, **reference
        )
        if not reference.get("tag"):
            reference = {"uid": fingerprint}
        return read_record(call.context.store, kind, call.project, name, **reference)


def _patch(call: Call, kind: Kind) -> Document:
    with call.context.store.write():
        document = _read(call, kind)
        merge(document, call.json(), call.headers.get("x-mlrun-patch-mode") == "additive")
        # A patch changes the record it names: what was versioned gets a new uid under the same tag.
        return _write(call, kind, document, versioned=bool(get_in(document, "metadata.uid")))


def _create(call: Call, kind: Kind) -> Response:
    document = call.json()
    name = str(get_in(document, "metadata.name") or "")
    tag = str(get_in(document, "metadata.tag") or "latest")
    if not name:
        raise InvalidError(f"{kind.name} 'metadata.name' must not be empty")
    with call.context.store.write():
        if find_record(call.context.store, kind, call.project, name, tag=tag) is not None:
            raise ConflictError(f"Adding an already-existing {kind.name} - {call.project}/{name}:{tag}")
        stored = _write(
            call.with_path(name=name, reference=tag), kind, document, call.flag("versioned", default=True)
        )
    return json_response(stored)


def _delete(call: Call, kind: Kind) -> None:
    reference = _reference(call) if "reference" in call.path else {}
    delete_record(call.context.store, kind, call.project, call.path["name"], **reference)


def _found(call: Call, kind: Kind) -> list[Document]:
    """Documents that a list query asks for."""
    state, labels = call.value("state"), call.values("label")
    entities, features = set(call.values("entity")), set(call.values("feature"))

    def names(document: Document, part: str) -> set[str]:
        return {item.get("name") for item in get_in(document, f"spec.{part}") or []}

    return partition(
        call,
        [
            document
            for document in list_records(
                call.context.store, kind, call.project, call.value("name"), call.value("tag")
            )
            if (not state or get_in(document, "status.state") == state)
            and matches_labels(get_in(document, "metadata.labels"), labels)
            and (not entities or entities & names(document, "entities"))
            and (not features or features & names(document, "features"))
        ],
        by="name",
        group=lambda document: document["metadata"]["name"],
        sort_fields={
            "created": lambda document: str(get_in(document, "metadata.created")),
            "updated": lambda document: str(get_in(document, "metadata.updated")),
        },
    )


def list_feature_sets(call: Call) -> Document:
    """Feature sets by name, tag, state, entity, feature and label."""
    shaped = formatter(call, _MINIMAL)
    return {"feature_sets": [shaped(document) for document in _found(call, FEATURE_SET)]}


def list_feature_vectors(call: Call) -> Document:
    """Feature vectors by name, tag, state and label."""
    return {"feature_vectors": _found(call, FEATURE_VECTOR)}


def _tags(kind: Kind) -> Callable[[Call], Document]:
    def list_tags(call: Call) -> Document:
        rows = call.context.store.rows(
            "SELECT DISTINCT tag FROM record_tags WHERE kind = ? AND project = ? ORDER BY tag",
            (kind.name, call.project),
        )
        return {"tags": [row["tag"] for row in rows]}

    return list_tags


def _routes(kind: Kind, path: str, listing: Callable[[Call], Document]) -> list[Route]:
    base = f"/api/v1/projects/{{project}}/{path}"
    one = base + "/{name}/references/{reference}"

    def store(call: Call) -> Document:
        return _write(call, kind, call.json(), call.flag("versioned", default=True))

    return [
        route(base, "GET", listing),
        route(base, "POST", lambda call: _create(call, kind)),
        route(base + "/*/tags", "GET", _tags(kind)),
        route(one, "GET", lambda call: _read(call, kind)),
        route(one, "PUT", store),
        route(one, "PATCH", lambda call: _patch(call, kind)),
        route(one, "DELETE", lambda call: _delete(call, kind)),
        route(base + "/{name}", "DELETE", lambda call: _delete(call, kind)),
    ]


ROUTES: list[Route] = [
    *_routes(FEATURE_SET, "feature-sets", list_feature_sets),
    *_routes(FEATURE_VECTOR, "feature-vectors", list_feature_vectors),
]
