"""Tags put on artifacts after they were stored."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from project.local.api.documents import Document
from project.local.api.errors import InvalidError, UnsupportedError
from project.local.api.http.calls import Call
from project.local.api.http.routing import json_response, route
from project.local.api.records.artifact_tags import check_tag, tag_artifacts, untag_artifacts


def _identified(call: Call) -> list[int]:
    """Numbers of the artifacts that the body's identifiers name."""
    body = call.json()
    if body.get("kind") != "artifact":
        raise UnsupportedError(f"only objects of kind 'artifact' can be tagged, got {body.get('kind')!r}")
    found: dict[int, None] = {}
    for identifier in body.get("identifiers") or []:
        rows = _rows(call, identifier, uid="uid")
        if not rows and identifier.get("uid") and not identifier.get("producer_id"):
            rows = _rows(call, identifier, uid="tree")  # older clients name the producer in the uid
        found.update(dict.fromkeys(rows))
    return list(found)


def _rows(call: Call, identifier: Document, uid: str) -> list[int]:
    conditions, values = ["project = ?"], [call.project]
    columns = {"key": "key", "kind": "kind", "iter": "iteration", "producer_id": "tree", "uid": uid}
    for name, column in columns.items():
        value = identifier.get(name)
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if len(conditions) == 1:
        raise InvalidError(
            f"an artifact identifier must name at least one field of {sorted(columns)}, got none"
        )
    sql = f"SELECT id FROM artifacts WHERE {' AND '.join(conditions)} ORDER BY id"  # noqa: S608 - fixed texts
    return [row["id"] for row in call.context.store.rows(sql, values)]


def append_tag(call: Call) -> Response:
    """Give the artifacts the tag, besides those they have."""
    tag = call.path["tag"]
    check_tag(tag)
    with call.context.store.write():
        tag_artifacts(call.context.store, call.project, tag, _identified(call))
    return json_response({"name": tag, "project": call.project})


def overwrite_tags(call: Call) -> Response:
    """Give the artifacts the tag and take all others from them."""
    tag = call.path["tag"]
    check_tag(tag)
    with call.context.store.write():
        identities = _identified(call)
        untag_artifacts(call.context.store, identities)
        tag_artifacts(call.context.store, call.project, tag, identities)
    return json_response({"name": tag, "project": call.project})


def delete_tag(call: Call) -> None:
    """Take the tag from the artifacts."""
    with call.context.store.write():
        untag_artifacts(call.context.store, _identified(call), call.path["tag"])


_TAG = "/api/v1/projects/{project}/tags/{tag}"
ROUTES: list[Route] = [
    route(_TAG, "PUT", append_tag),
    route(_TAG, "POST", overwrite_tags),
    route(_TAG, "DELETE", delete_tag),
]
