"""The OpenAPI document tells the truth about the routes and the columns."""

from __future__ import annotations

from typing import Any

import pytest

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.openapi import openapi_document
from graphs.requests import ApiError
from graphs.routes import find_route
from tests.graphs.conftest import Client, event, label


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        found = [node["$ref"]] if "$ref" in node else []
        return found + [name for value in node.values() for name in references(value)]
    return [name for value in node for name in references(value)] if isinstance(node, list) else []


def test_every_operation_of_the_document_is_a_route_and_other_methods_are_not(
    schema: TelemetrySchema,
) -> None:
    document = openapi_document(schema)
    for path, operations in document["paths"].items():
        concrete = path.replace("{name}", "model").replace("{version}", "v3")
        for method in ("GET", "PUT", "POST", "DELETE"):
            if method.lower() in operations:
                find_route(method, concrete)
            else:
                with pytest.raises(ApiError, match="field 'method': must be"):
                    find_route(method, concrete)


def test_every_route_is_in_the_document(schema: TelemetrySchema) -> None:
    from graphs import routes

    paths = openapi_document(schema)["paths"]
    assert set(routes._FIXED) <= set(paths)


def test_every_reference_leads_somewhere(schema: TelemetrySchema) -> None:
    document = openapi_document(schema)
    names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) == names


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
