"""The OpenAPI document: ``openapi.yaml``, completed with the columns of the telemetry schema."""

from __future__ import annotations

import copy
import functools
from importlib import resources
from typing import Any

import yaml

from feature_sets.telemetry.events import excluding_columns
from feature_sets.telemetry.incident_events import IncidentStatus
from feature_sets.telemetry.incident_rows import texts_about
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.event_status import STATUSES
from graphs.protocol.device_status import DeviceStatus
from graphs.protocol.label_status import LabelStatus

_INCIDENT_CHANGED = {
    "id": {"type": "string"},
    "status": {"type": "string", "enum": [status.value for status in IncidentStatus]},
    "labeled": {"type": "integer", "description": "predictions that it labeled as errors"},
    "too_late": {"type": "integer", "description": "predictions in it that were taken as healthy before"},
}


def openapi_document(schema: TelemetrySchema) -> dict[str, Any]:
    """OpenAPI 3.1 document; the events have the columns of the schema."""
    document = copy.deepcopy(_static_part())
    document["info"]["title"] += f" for {schema.name}"
    schemas = document["components"]["schemas"]
    schemas.update(_event_schemas(schema))
    if schema.labels.has_incidents:
        _take_incidents(schemas)
    return document


def _take_incidents(schemas: dict[str, Any]) -> None:
    """Say that labels may be incidents."""
    for label, incident in (("Label", "Incident"), ("Labeled", "IncidentChanged")):
        schemas[label] = {"anyOf": [schemas[label], {"$ref": f"#/components/schemas/{incident}"}]}


@functools.cache
def _static_part() -> dict[str, Any]:
    text = (resources.files(__package__) / "openapi.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def _event_schemas(schema: TelemetrySchema) -> dict[str, Any]:
    """What is sent and answered for an event and for a label."""
    time = {"type": "string", "format": "date-time", "description": "event time, ISO 8601 with a zone"}
    sent_time = {"anyOf": [time, {"type": "number", "description": "epoch time"}]}
    levels = schema.separator.join(schema.entity)
    device = {"type": "string", "description": f"{levels}, or these fields apart"}
    metrics = {
        metric.name: {"type": ["number", "null"], "description": f"unit: {metric.unit}; null: no reading"}
        for metric in schema.metrics
    }
    prediction = {
        DEVICE: device,
        schema.time: time,
        "model": {"type": ["string", "null"]},
        "version": {"type": ["string", "null"]},
        "prediction": {"type": ["integer", "null"]},
        "probability": {"type": ["number", "null"]},
        "inputs": {"type": ["integer", "null"], "description": "how many inputs the model has"},
        "missing_inputs": {
            "type": ["integer", "null"],
            "description": "how many of them had no value and took their median in training; the more, the "
            "less the prediction says of the device",
        },
        "status": {"type": "string", "enum": list(STATUSES)},
        "device_status": {"type": "string", "enum": [status.value for status in DeviceStatus]},
    }
    labeled = {
        DEVICE: device,
        schema.time: time,
        "status": {"type": "string", "enum": [status.value for status in LabelStatus]},
    }
    binary = {"type": "integer", "enum": [0, 1]}
    labels = {schema.target: binary, schema.label: binary}
    excluding = {column: {"description": "may be absent"} for column in excluding_columns(schema)}
    return {
        "Telemetry": _object(
            {DEVICE: device, schema.time: sent_time, **metrics}, [schema.time, *schema.metric_names]
        ),
        "Prediction": _object(prediction, list(prediction)),
        "Label": _object(
            {DEVICE: device, schema.time: sent_time, **labels, **excluding},
            [schema.time, *([] if len(labels) > 1 or schema.labels.is_derived else labels)],
        ),
        "Labeled": _object(labeled, list(labeled)),
        "Incident": _incident(schema, sent_time),
        "IncidentChanged": _object(_INCIDENT_CHANGED, list(_INCIDENT_CHANGED)),
    }


def _incident(schema: TelemetrySchema, time: dict[str, Any]) -> dict[str, Any]:
    """What is sent for an incident; with the id of a known one, what is not sent stays."""
    form = schema.labels
    text = {"type": ["string", "number", "boolean", "null"]}
    names = form.scope or (*schema.entity, DEVICE)
    properties = {
        form.id: {**text, "description": "without one it is made of the devices and the start"},
        **dict.fromkeys(dict.fromkeys(names), text),
        form.start: time,
        form.end: {"anyOf": [*time["anyOf"], {"type": "null", "description": "open"}]},
        **dict.fromkeys(texts_about(schema), text),
        form.cancelled: {"type": ["boolean", "null"], "description": "it was none"},
    }
    return _object(properties, [])


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}
