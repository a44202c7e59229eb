"""The OpenAPI document of the serving function's HTTP surface."""

from __future__ import annotations

from typing import Any

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.event_status import STATUSES
from graphs.prediction_ledger import LabelStatus

JSON = "application/json"


def openapi_document(schema: TelemetrySchema) -> dict[str, Any]:
    """OpenAPI 3.1 document; the events have the columns of the schema."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"NetOps predictions for {schema.name}",
            "version": "1",
            "description": "Telemetry in, predictions out; labels later; drift watched.",
        },
        "paths": {
            "/telemetry": {"post": _events("Predict for one event or a list", "Telemetry", "Prediction")},
            "/labels": {
                "post": _events("Tell what really happened, one label or a list", "Label", "Labeled")
            },
            "/labeled": {"get": _get("How many predictions and labels met", "Object")},
            "/drift": {"get": _get("What the detectors say", "Object")},
            "/drift/detectors": {
                "put": _guarded("Enlist detectors: the saved state of a drift monitor", body="Object"),
                "delete": _guarded("Dismiss the detectors"),
            },
            "/v2": {"get": _get("Server metadata", "Object")},
            "/v2/health/live": {"get": _get("Whether the server lives", "Object")},
            "/v2/health/ready": {"get": _get("Whether every model has answered a test row", "Object")},
            "/v2/models": {"get": _get("Names of the models", "Object")},
            **_model_paths("/v2/models/{name}", ["name"]),
            **_model_paths("/v2/models/{name}/versions/{version}", ["name", "version"]),
            "/metrics": {
                "get": {
                    "summary": "Counters and latencies for Prometheus",
                    "responses": {
                        "200": {
                            "description": "OK",
                            "content": {"text/plain": {"schema": {"type": "string"}}},
                        }
                    },
                }
            },
            "/openapi.json": {"get": _get("This document", "Object")},
        },
        "components": {
            "schemas": _schemas(schema),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {JSON: {"schema": schema}}


def _one_or_list(name: str) -> dict[str, Any]:
    return {"oneOf": [_reference(name), {"type": "array", "items": _reference(name)}]}


def _failures(*statuses: str) -> dict[str, Any]:
    texts = {
        "400": "The body is not JSON",
        "401": "The token is missing or wrong",
        "404": "There is no such path or model",
        "413": "The body or the list is too large",
        "422": "A field breaks a rule",
        "503": "The journal is away; nothing was processed",
    }
    return {
        status: {"description": texts[status], "content": _content(_reference("Failure"))}
        for status in statuses
    }


def _events(summary: str, sent: str, answered: str) -> dict[str, Any]:
    some_refused = {"oneOf": [_reference("Failure"), _reference("SomeRefused")]}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": _content(_one_or_list(sent))},
        "responses": {
            "200": {
                "description": "In the form and order that was sent",
                "content": _content(_one_or_list(answered)),
            },
            **_failures("400", "413", "503"),
            "422": {
                "description": "Events were refused; of a list, the others were processed",
                "content": _content(some_refused),
            },
        },
    }


def _get(summary: str, answered: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {"200": {"description": "OK", "content": _content(_reference(answered))}},
    }


def _guarded(summary: str, body: str | None = None) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "security": [{"token": []}],
        "responses": {
            "200": {"description": "What the detectors say now", "content": _content(_reference("Object"))},
            **_failures("401", "422", "503"),
        },
    }
    if body:
        operation["requestBody"] = {"required": True, "content": _content(_reference(body))}
    return operation


def _model_paths(path: str, names: list[str]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    infer = {
        "summary": "Predict for rows of model inputs (Open Inference Protocol)",
        "requestBody": {"required": True, "content": _content(_reference("InferenceRequest"))},
        "responses": {
            "200": {"description": "OK", "content": _content(_reference("InferenceResponse"))},
            **_failures("400", "404", "413", "422"),
        },
    }
    ready, metadata = _get("Whether the model is ready", "Object"), _get("Model metadata", "Object")
    for operation in (ready, metadata):
        operation["responses"].update(_failures("404"))
    return {
        path: {"parameters": parameters, "get": metadata},
        f"{path}/ready": {"parameters": parameters, "get": ready},
        f"{path}/infer": {"parameters": parameters, "post": infer},
    }


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
    }


def _schemas(schema: TelemetrySchema) -> dict[str, Any]:
    time = {"type": "string", "format": "date-time", "description": "event time, ISO 8601 with a zone"}
    sent_time = {"anyOf": [time, {"type": "number", "description": "epoch time"}]}
    device = {
        "type": "string",
        "description": f"{schema.separator.join(schema.entity)}, or these fields apart",
    }
    metrics = {
        metric.name: {"type": ["number", "null"], "description": f"unit: {metric.unit}; null: no reading"}
        for metric in schema.metrics
    }
    binary = {"type": "integer", "enum": [0, 1]}
    error = _object({"field": {"type": "string"}, "rule": {"type": "string"}, "got": {}})
    placed = _object({"position": {"type": "integer"}, **error["properties"]})
    tensor = _object(
        {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"type": "string"},
            "data": {"type": "array"},
        }
    )
    return {
        "Object": {"type": "object"},
        "Telemetry": _object(
            {DEVICE: device, schema.time: sent_time, **metrics}, [schema.time, *schema.metric_names]
        ),
        "Prediction": _object(
            {
                DEVICE: device,
                schema.time: time,
                "model": {"type": ["string", "null"]},
                "version": {"type": ["string", "null"]},
                "prediction": {"type": ["integer", "null"]},
                "probability": {"type": ["number", "null"]},
                "status": {"type": "string", "enum": list(STATUSES)},
            }
        ),
        "Label": _object(
            {DEVICE: device, schema.time: sent_time, schema.target: binary}, [schema.time, schema.target]
        ),
        "Labeled": _object(
            {
                DEVICE: device,
                schema.time: time,
                "status": {"type": "string", "enum": [status.value for status in LabelStatus]},
            }
        ),
        "Failure": _object({"error": error}),
        "SomeRefused": _object(
            {
                "error": placed,
                "errors": {"type": "array", "items": placed},
                "results": {"type": "array", "items": {"type": ["object", "null"]}},
            }
        ),
        "InferenceRequest": _object(
            {"id": {"type": "string"}, "inputs": {"type": "array", "items": tensor}}, ["inputs"]
        ),
        "InferenceResponse": _object(
            {
                "model_name": {"type": "string"},
                "model_version": {"type": "string"},
                "id": {"type": "string"},
                "outputs": {"type": "array", "items": tensor},
            },
            ["model_name", "model_version", "outputs"],
        ),
    }
