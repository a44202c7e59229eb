"""Artifacts (version 2 of MLRun's artifact API): store, read, list, delete, list tags."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from starlette.responses import Response
from starlette.routing import Route

from project.local.api.documents import Document, epoch, get_in, matches_labels, name_rule
from project.local.api.errors import InvalidError, NotFoundError, UnsupportedError
from project.local.api.http.calls import Call
from project.local.api.http.formats import formatter
from project.local.api.http.pages import page_of
from project.local.api.http.partitions import partition
from project.local.api.http.routing import json_response, route
from project.local.api.records.artifacts import (
    ArtifactName,
    delete_artifacts,
    find_artifact,
    read_artifact,
    store_artifact,
)
from project.local.api.records.projects import require_project
from project.local.api.records.store import decode

_MINIMAL = (
    *("kind", "metadata", "status.state", "project", "spec.producer", "spec.db_key", "spec.size"),
    *("spec.framework", "spec.algorithm", "spec.metrics", "spec.target_path", "spec.parent_uri"),
)
_CATEGORIES = ("model", "dataset", "document", "llm-prompt")


def _name(call: Call, iteration: int | None) -> ArtifactName:
    return ArtifactName(
        call.project,
        call.path["key"],
        tag=call.value("tag"),
        iteration=iteration,
        tree=call.value("tree"),
        uid=call.value("object-uid", "uid"),
    )


def put_artifact(call: Call) -> Document:
    """Store an artifact and answer it as stored, with its uid."""
    require_project(call.context.store, call.project)
    artifact, tree, tag = call.json(), call.value("tree"), call.value("tag")
    iteration = call.number("iter")
    if iteration is None:
        iteration = int(get_in(artifact, "metadata.iter") or 0)
    key = call.path["key"]
    uid = store_artifact(
        call.context.store,
        call.project,
        key,
        artifact,
        iteration=iteration,
        tag=tag,
        tree=tree,
        uid=call.value("object-uid"),
    )
    if artifact.get("kind") == "link":
        key = get_in(artifact, "spec.link_key") or key
    return read_artifact(call.context.store, ArtifactName(call.project, key, tag=tag or "latest", uid=uid))


def post_artifact(call: Call) -> Response:
    """Store a new artifact; the key is in the body (201)."""
    artifact = call.json()
    key = get_in(artifact, "spec.db_key") or get_in(artifact, "metadata.key") or ""
    return json_response(put_artifact(call.with_path(key=key)), 201)


def get_artifact(call: Call) -> Document:
    """One artifact by key with tag, tree, iteration or uid."""
    shaped = formatter(call, _MINIMAL)
    return shaped(read_artifact(call.context.store, _name(call, call.number("iter"))))


def delete_artifact(call: Call) -> None:
    """Delete one artifact by tag or uid, or all of a key; absent ones are no error.

    ``deletion_strategy`` says what happens to the data: ``metadata-only`` (default) leaves it,
    ``data-optional`` deletes the file if it can, ``data-force`` deletes it or refuses.
    """
    store, strategy = call.context.store, call.value("deletion_strategy", default="metadata-only")
    if strategy not in {"metadata-only", "data-optional", "data-force"}:
        raise InvalidError(
            f"deletion_strategy must be metadata-only, data-optional or data-force, got {strategy!r}"
        )
    tag, uid = call.value("tag"), call.value("object-uid", "uid")
    if tag and tag != "*" and uid and tag != "latest":
        raise InvalidError("Both uid and tag specified when deleting an object.")
    with store.write():
        if uid or (tag and tag != "*"):
            row = find_artifact(store, _name(call, call.number("iter")))
            rows = [row] if row else []
        else:
            rows = store.rows(
                "SELECT * FROM artifacts WHERE project = ? AND key = ? AND (? = '' OR tree = ?)",
                (call.project, call.path["key"], call.value("tree"), call.value("tree")),
            )
        if strategy != "metadata-only":
            for row in rows:
                _delete_data(decode(row["body"]), forced=strategy == "data-force")
        delete_artifacts(store, [row["id"] for row in rows])


def _delete_data(artifact: Document, forced: bool) -> None:
    """Delete the file an artifact points to.

    :raises UnsupportedError: if forced and the data is not one local file.
    :raises NotFoundError: if forced and the file is absent.
    """
    url = urlparse(str(get_in(artifact, "spec.target_path") or ""))
    path = Path(unquote(url.path))
    if url.scheme not in {"", "file"} or path.is_dir() or not path.is_absolute():
        if forced:
            raise UnsupportedError(
                f"only single local files can be deleted with an artifact, got {url.geturl()!r}"
            )
        return
    if forced and not path.exists():
        raise NotFoundError(f"data of the artifact not found: {path}")
    path.unlink(missing_ok=True)


def find_artifacts(call: Call) -> list[sqlite3.Row]:
    """Rows (artifact, tag) that a query asks for, newest first.

    Without a tag in the query, or with ``*``, an artifact occurs once for each of its tags.
    """
    if call.flag("best-iteration") and call.number("iter") is not None:
        raise InvalidError("Best iteration cannot be used when iter is specified")
    kind, category = call.value("kind"), call.value("category")
    if kind and category:
        raise InvalidError("Category and Kind filters can't be given together")
    conditions, values = ["a.project = ?"], list[Any]([call.project])

    def equal(column: str, value: str | int | None) -> None:
        if value not in {"", None}:
            conditions.append(f"{column} = ?")
            values.append(value)

    equal("a.tree", call.value("tree"))
    equal("a.iteration", call.number("iter"))
    equal("a.kind", kind)
    equal("a.best_iteration", 1 if call.flag("best-iteration") else None)
    equal("t.tag", call.value("tag").replace("*", ""))
    if category:
        if category not in {*_CATEGORIES, "other"}:
            raise InvalidError(f"category must be one of {[*_CATEGORIES, 'other']}, got {category!r}")
        marks = ", ".join("?" * len(_CATEGORIES))
        conditions.append("a.kind = ?" if category != "other" else f"a.kind NOT IN ({marks})")
        values.extend([category] if category != "other" else _CATEGORIES)
    for parameter, comparison in (("since", ">="), ("until", "<=")):
        time = epoch(call.value(parameter))
        if time is not None:
            conditions.append(f"a.updated {comparison} ?")
            values.append(time)
    sql = (
        "SELECT a.*, t.tag FROM artifacts a LEFT JOIN artifact_tags t ON t.artifact = a.id "  # noqa: S608
        f"WHERE {' AND '.join(conditions)} ORDER BY a.updated DESC, a.id DESC, t.tag"
    )
    named, labels = name_rule(call.value("name")), call.values("label")
    producer, parent = call.value("producer_uri"), call.value("parent")
    rows = []
    for row in call.context.store.rows(sql, values):
        if not named(row["key"]):
            continue
        if labels or producer or parent:
            artifact = decode(row["body"])
            if (
                not matches_labels(get_in(artifact, "metadata.labels"), labels)
                or producer not in str(get_in(artifact, "spec.producer.uri") or producer)
                or parent not in str(get_in(artifact, "spec.parent_uri") or "")
            ):
                continue
        rows.append(row)
    return partition(
        call,
        rows,
        by="project_and_name",
        group=lambda row: row["key"],
        sort_fields={"created": lambda row: row["created"], "updated": lambda row: row["updated"]},
        default_field="updated",
    )


def list_artifacts(call: Call) -> Document:
    """Artifacts by name, tag, kind or category, labels, iteration, tree and times."""
    page = page_of(call)
    shaped = formatter(page.call, _MINIMAL)
    rows, pagination = page.cut(find_artifacts(page.call))
    artifacts = []
    for row in rows:
        artifact = decode(row["body"])
        if row["tag"]:
            artifact["metadata"]["tag"] = row["tag"]
        artifacts.append(shaped(artifact))
    return {"artifacts": artifacts, "pagination": pagination}


def delete_many(call: Call) -> None:
    """Delete the artifacts that match name, tag, labels and tree."""
    with call.context.store.write():
        delete_artifacts(call.context.store, {row["id"] for row in find_artifacts(call)})


def list_tags(call: Call) -> Document:
    """All tags that name an artifact of the project, of one category where asked."""
    category = call.value("category")
    rows = call.context.store.rows(
        "SELECT DISTINCT t.tag FROM artifact_tags t JOIN artifacts a ON a.id = t.artifact "
        "WHERE t.project = ? AND (? = '' OR a.kind = ? OR (? = 'other' AND a.kind NOT IN "
        "('model', 'dataset', 'document', 'llm-prompt'))) ORDER BY t.tag",
        (call.project, category, category, category),
    )
    return {"project": call.project, "tags": [row["tag"] for row in rows]}


_ARTIFACTS = "/api/v2/projects/{project}/artifacts"
ROUTES: list[Route] = [
    route(_ARTIFACTS, "GET", list_artifacts),
    route(_ARTIFACTS, "POST", post_artifact),
    route(_ARTIFACTS, "DELETE", delete_many),
    route(_ARTIFACTS + "/{key:path}", "PUT", put_artifact),
    route(_ARTIFACTS + "/{key:path}", "GET", get_artifact),
    route(_ARTIFACTS + "/{key:path}", "DELETE", delete_artifact),
    route("/api/v1/projects/{project}/artifact-tags", "GET", list_tags),
]
