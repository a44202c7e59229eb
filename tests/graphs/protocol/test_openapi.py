"""The OpenAPI document is valid, and tells the truth about the routes and the columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from drift.detectors.ddm import DDM
from drift.grouped_monitor import GroupedMonitor
from drift.incident_outcomes import IncidentOutcomes
from drift.missed_incidents import MissedIncidents
from drift.missed_limit import Base
from drift.monitor import DriftMonitor
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.openapi import openapi_document
from graphs.protocol.roles import Role
from graphs.protocol.routes import ROUTES
from tests.graphs.conftest import Client, event, label

Operations = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture
def document(schema: TelemetrySchema) -> dict[str, Any]:
    return openapi_document(schema)


@pytest.fixture
def operations(document: dict[str, Any]) -> Operations:
    """Operations by method and path."""
    return {
        (name.upper(), path): operation
        for path, item in document["paths"].items()
        for name, operation in item.items()
        if name != "parameters"
    }


def empty_fields(node: Any) -> list[str]:
    """Fields without a value: what a comma makes of the rest of a description."""
    if isinstance(node, dict):
        found = [name for name, value in node.items() if value is None]
        return found + [name for value in node.values() for name in empty_fields(value)]
    return [name for value in node for name in empty_fields(value)] if isinstance(node, list) else []


def test_no_description_is_cut_at_a_comma(document: dict[str, Any]) -> None:
    assert empty_fields(document) == []


def enums(node: Any) -> Iterator[dict[str, Any]]:
    """Parts of a document that list what may stand there."""
    if isinstance(node, dict):
        if isinstance(node.get("enum"), list):
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from enums(value)


def test_words_that_yaml_takes_for_another_type_are_listed_as_words(document: dict[str, Any]) -> None:
    of_words = [found["enum"] for found in enums(document) if found.get("type") == "string"]
    assert [words for words in of_words if not all(isinstance(word, str) for word in words)] == []
    assert any("off" in words for words in of_words)


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["$ref"]} if "$ref" in node else set()
        return found.union(*(references(value) for value in node.values()))
    return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    del document["info"]["title"]
    assert list(OpenAPIV31SpecValidator(document).iter_errors())


def test_the_state_of_labels_and_drift_is_described_field_by_field(
    document: dict[str, Any], client: Client
) -> None:
    schemas = document["components"]["schemas"]
    assert list(client.get("/labeled").json) == list(schemas["LabeledSummary"]["properties"])
    assert client.get("/drift").json.keys() == set(schemas["DriftStatus"]["required"])
    watched = MissedIncidents(IncidentOutcomes(gap=60, together=60, wait=0), Base(20, 20))
    monitor = GroupedMonitor(DriftMonitor([DDM()]), missed=watched).to_dict()
    attached = client.send("PUT", "/drift/detectors", monitor).json
    assert list(attached) == list(schemas["DriftStatus"]["properties"])
    (detector,) = attached["detectors"].values()
    assert list(detector) == list(schemas["Detector"]["properties"])
    missed = attached["missed_incidents"]
    assert list(missed) == list(schemas["MissedIncidents"]["properties"])
    for place in range(50):
        watched.add(
            "a",
            f"2026-01-{place // 24 + 1:02}T{place % 24:02}:00:00+00:00",
            is_error=True,
            is_predicted=False,
        )
    assert watched.open is not None
    assert list(watched.open.to_dict()) == list(schemas["MissedAlert"]["properties"])


def test_the_operations_are_the_routes(operations: Operations) -> None:
    assert {key: operation["operationId"] for key, operation in operations.items()} == {
        (route.method, route.path): route.operation for route in ROUTES
    }


def test_the_document_says_which_routes_take_a_body(operations: Operations) -> None:
    for route in ROUTES:
        assert ("requestBody" in operations[route.method, route.path]) == route.has_body, route


@pytest.mark.parametrize("anonymous", [None, Role.READ, Role.WRITE])
def test_the_document_says_which_role_each_operation_takes(
    schema: TelemetrySchema, anonymous: Role | None
) -> None:
    for route in ROUTES:
        operation = openapi_document(schema, anonymous)["paths"][route.path][route.method.lower()]
        needed = [] if route.role is None else [{"token": [route.role.value]}]
        is_free = route.role is None or (anonymous is not None and anonymous.covers(route.role))
        assert operation.get("security", []) == needed + ([{}] if needed and is_free else []), route
        assert ({"401", "403"} <= operation["responses"].keys()) == (not is_free), route
        assert ("429" in operation["responses"]) == (route.role is not None), route
        assert {"408", "431"} <= operation["responses"].keys(), route


def test_every_reference_leads_somewhere_and_no_component_is_left_over(document: dict[str, Any]) -> None:
    components = {
        f"#/components/{kind}/{name}"
        for kind, named in document["components"].items()
        for name in named
        if kind != "securitySchemes"
    }
    assert references(document) == components


def test_a_document_is_not_changed_by_the_next_one(schema: TelemetrySchema) -> None:
    openapi_document(schema)["paths"].clear()
    assert openapi_document(schema)["paths"]
    assert openapi_document(schema)["info"]["title"] == "NetOps predictions for tiny"


def test_answers_have_the_fields_that_the_document_requires(client: Client) -> None:
    document = client.get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    assert set(schemas["Telemetry"]["required"]) == {"timestamp", "cpu", "latency"}
    prediction = client.post("/telemetry", event()).json
    assert set(prediction) == set(schemas["Prediction"]["required"])
    assert set(client.post("/labels", label()).json) == set(schemas["Labeled"]["required"])
    refused = client.post("/telemetry", [event("nobody")]).json
    assert set(refused) == set(schemas["SomeRefused"]["required"])
    assert set(refused["error"]) == set(schemas["PlacedError"]["required"])
    error = client.post("/telemetry", event("nobody")).json
    assert set(error["error"]) == set(schemas["Error"]["required"])


def test_an_optional_metric_is_not_required_of_an_event(schema: TelemetrySchema) -> None:
    content = schema.to_dict()
    content["metrics"]["cpu"]["optional"] = True
    now = openapi_document(TelemetrySchema.from_dict(content))["components"]["schemas"]["Telemetry"]
    assert set(now["required"]) == {"timestamp", "latency"}
    assert "cpu" in now["properties"]
