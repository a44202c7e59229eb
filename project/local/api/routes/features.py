"""Features and entities of a project, each with its feature set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.routing import Route

from project.local.api.documents import Document, get_in, matches_labels, name_rule
from project.local.api.http.calls import Call
from project.local.api.http.routing import route
from project.local.api.records.versioned import FEATURE_SET, list_records


def _parts(call: Call, part: str) -> Iterator[tuple[Document, Document]]:
    """(feature or entity, its feature set) for a query by name, tag, entity and label."""
    named, labels, entities = name_rule(call.value("name")), call.values("label"), set(call.values("entity"))
    for document in list_records(call.context.store, FEATURE_SET, call.project, tag=call.value("tag")):
        of_set = {entity.get("name") for entity in get_in(document, "spec.entities") or []}
        if entities and not entities & of_set:
            continue
        for item in get_in(document, f"spec.{part}") or []:
            if named(item.get("name") or "") and matches_labels(item.get("labels"), labels):
                yield item, document


def _list_parts(call: Call, part: str) -> Document:
    digests, items, numbers = list[Document](), list[Document](), dict[tuple[Any, Any], int]()
    for item, document in _parts(call, part):
        metadata = document["metadata"]
        key = (metadata["name"], metadata.get("tag") or metadata.get("uid"))
        if key not in numbers:
            numbers[key] = len(digests)
            digests.append(
                {
                    "feature_set_index": numbers[key],
                    "metadata": metadata,
                    "spec": {"entities": get_in(document, "spec.entities") or []},
                }
            )
        items.append({**item, "feature_set_index": numbers[key]})
    return {part: items, "feature_set_digests": digests}


def list_features(call: Call) -> Document:
    """Features of the project's feature sets."""
    return _list_parts(call, "features")


def list_entities(call: Call) -> Document:
    """Entities of the project's feature sets."""
    return _list_parts(call, "entities")


ROUTES: list[Route] = [
    route("/api/v2/projects/{project}/features", "GET", list_features),
    route("/api/v2/projects/{project}/entities", "GET", list_entities),
]
