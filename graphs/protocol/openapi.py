"""The OpenAPI document: ``openapi.yaml``, completed with the columns of the telemetry schema."""

from __future__ import annotations

import copy
import functools
from importlib import resources
from typing import Any

import yaml

from feature_sets.telemetry.calendar import scope_columns
from feature_sets.telemetry.events import EVENT_NAME, REQUEST_ID, excluding_columns
from feature_sets.telemetry.incident_events import IncidentStatus
from feature_sets.telemetry.incident_rows import texts_about
from feature_sets.telemetry.maintenance_columns import MaintenanceColumns
from feature_sets.telemetry.metric import Metric
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.event_status import STATUSES
from graphs.protocol.device_state import ORDER
from graphs.protocol.device_status import DeviceStatus
from graphs.protocol.label_status import LabelStatus
from graphs.protocol.openapi_access import add_access
from graphs.protocol.roles import Role

_INCIDENT_CHANGED = {
    "id": {"type": "string"},
    "status": {"type": "string", "enum": [status.value for status in IncidentStatus]},
    "labeled": {"type": "integer", "description": "predictions that it labeled as errors"},
    "too_late": {"type": "integer", "description": "predictions in it that were taken as healthy before"},
}


def openapi_document(schema: TelemetrySchema, anonymous: Role | None = Role.READ) -> dict[str, Any]:
    """OpenAPI 3.1 document; the events have the columns of the schema.

    :param anonymous: role of those who send no token; None for none.
    """
    document = copy.deepcopy(_static_part())
    document["info"]["title"] += f" for {schema.name}"
    schemas = document["components"]["schemas"]
    schemas.update(_event_schemas(schema))
    if schema.labels.has_incidents:
        _take_incidents(schemas)
    add_access(document, anonymous)
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


def _gauge(metric: Metric) -> dict[str, Any]:
    """What is sent of a gauge: a number, or a word that stands for one."""
    told = f"unit: {metric.unit}; null: no reading"
    if not metric.values:
        return {"type": ["number", "null"], "description": told}
    words = ", ".join(f"{word} is {number:g}" for word, number in metric.values.items())
    return {"type": ["number", "string", "null"], "description": f"{told}; {words}"}


def _event_schemas(schema: TelemetrySchema) -> dict[str, Any]:
    """What is sent and answered for an event and for a label."""
    time = {"type": "string", "format": "date-time", "description": "event time, ISO 8601 with a zone"}
    sent_time = {"anyOf": [time, {"type": "number", "description": "epoch time"}]}
    levels = schema.separator.join(schema.entity)
    device = {"type": "string", "description": f"{levels}, or these fields apart"}
    metrics = {
        metric.name: _gauge(metric)
        if metric.counter is None
        else {
            **{"type": ["integer", "string", "null"], "minimum": 0, "maximum": metric.counter.largest},
            "pattern": "^[0-9]+$",
            "description": f"what the counter shows; its rate, in {metric.unit}, is made of it",
        }
        for metric in schema.metrics
    }
    if schema.uptime is not None:
        unit = f"unit: {schema.uptime.unit}; null: not known"
        metrics[schema.uptime.column] = {
            **{"type": ["number", "string", "null"], "minimum": 0, "pattern": "^[0-9]+$"},
            "description": unit,
        }
    prediction = {
        DEVICE: device,
        schema.time: time,
        "model": {"type": ["string", "null"]},
        "version": {"type": ["string", "null"]},
        "prediction": {"type": ["integer", "null"]},
        "probability": {"type": ["number", "null"]},
        "threshold": {
            "type": ["number", "null"],
            "description": "probability from which on this version predicts 1",
        },
        "inputs": {"type": ["integer", "null"], "description": "how many inputs the model has"},
        "missing_inputs": {
            "type": ["integer", "null"],
            "description": "how many of them had no value and took their median in training; the more, the "
            "less the prediction says of the device",
        },
        "status": {"type": "string", "enum": list(STATUSES)},
        "device_status": {"type": "string", "enum": [status.value for status in DeviceStatus]},
    }
    told = {**prediction}
    if schema.tells_device_states:
        told["device_state"] = STATE
    if schema.maintenance is not None:
        told["maintenance"] = {"type": "string", "description": "id of the entry that the device is in"}
    if schema.further_horizons:
        told["horizons"] = _horizons(schema)
    labeled = {
        DEVICE: {**device, "type": ["string", "null"]},
        schema.time: {**time, "type": ["string", "null"]},
        "status": {"type": "string", "enum": [status.value for status in LabelStatus]},
    }
    required = [schema.time, *(name for name in metrics if name not in schema.optional_metrics)]
    binary: dict[str, Any] = {"type": "integer", "enum": [0, 1]}
    if schema.labels.values:
        binary = {"enum": [0, 1, *schema.labels.values]}
    labels = {schema.target: binary, schema.label: binary}
    excluding = {column: {"description": "may be absent"} for column in excluding_columns(schema)}
    return {
        "Telemetry": _object({DEVICE: device, schema.time: sent_time, **metrics}, required),
        "Prediction": _object(told, list(prediction)),
        "Label": {
            **_object(
                {DEVICE: device, schema.time: sent_time, REQUEST_ID: NAME, **labels, **excluding},
                [] if len(labels) > 1 or schema.labels.is_derived else list(labels),
            ),
            "anyOf": [{"required": [schema.time]}, {"required": [REQUEST_ID]}],
        },
        "Labeled": _object({**labeled, REQUEST_ID: {**NAME, "description": "as sent"}}, list(labeled)),
        **_maintenance_schemas(schema, sent_time),
        **_state_schemas(device),
        "Incident": _incident(schema, sent_time),
        "IncidentChanged": _object(_INCIDENT_CHANGED, list(_INCIDENT_CHANGED)),
    }


NAME = {
    "type": "string",
    "pattern": EVENT_NAME,
    "description": "X-Request-Id of the answer that had the prediction, in place of device and time; with # "
    "and the place behind it for an event of a list",
}
STATE = {"type": "string", "enum": [state.value for state in ORDER]}


def _horizons(schema: TelemetrySchema) -> dict[str, Any]:
    """What the model of each horizon says."""
    said = {
        "prediction": {"type": ["integer", "null"], "description": "null: no model, or in maintenance"},
        "probability": {"type": ["number", "null"]},
        "threshold": {"type": ["number", "null"]},
        "model_version": {"type": ["string", "null"]},
    }
    return _object({horizon: _object(said, list(said)) for horizon in schema.horizons}, list(schema.horizons))


def _maintenance_schemas(schema: TelemetrySchema, time: dict[str, Any]) -> dict[str, Any]:
    """What is sent and answered for an entry of the calendar."""
    columns = schema.maintenance or MaintenanceColumns()
    name = {"type": "string", "description": "of the entry; made of its scope and times if absent"}
    end = {"anyOf": [*time["anyOf"], {"type": "null"}], "description": "null: nobody knows"}
    sent: dict[str, Any] = {
        "id": name,
        **{column: {"description": "which devices"} for column in scope_columns(schema)},
        columns.start: {**time, "description": "of a new entry the time of arrival if absent"},
        columns.end: end,
        columns.reason: {"type": ["string", "null"]},
        "cancel": {"type": "boolean", "description": "takes the entry back"},
    }
    entry: dict[str, Any] = {
        "id": {"type": "string"},
        "scope": {"type": "object", "additionalProperties": {"type": "string"}},
        columns.start: {"type": "string", "format": "date-time"},
        columns.end: {"type": ["string", "null"], "format": "date-time"},
        columns.reason: {"type": "string"},
    }
    status = {"type": "string", "enum": ["opened", "changed", "unchanged", "cancelled"]}
    count = {"type": ["integer", "null"], "description": "registered devices that it covers"}
    return {
        "Maintenance": _object(sent, []),
        "Maintained": _object({**entry, "status": status, "devices": count}, ["id", "status", "devices"]),
        "Calendar": _object(
            {"entries": {"type": "array", "items": _object(entry, list(entry))}},
            ["entries"],
        ),
    }


def _state_schemas(device: dict[str, Any]) -> dict[str, Any]:
    """What ``GET /devices`` answers."""
    row = {
        DEVICE: device,
        "state": STATE,
        "last_heard": {"type": ["string", "null"], "description": "arrival of its last counted reading"},
        "maintenance": {"type": ["string", "null"], "description": "id of the entry that it is in"},
    }
    answer = {
        "at": {"type": "string", "format": "date-time"},
        "states": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "how many of all devices; of more than 10,000 as they were up to 10 seconds ago",
        },
        "next": {"type": ["string", "null"], "description": "after of the next page; null with the last one"},
        "devices": {"type": "array", "items": _object(row, list(row))},
    }
    return {"DeviceStates": _object(answer, list(answer))}


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
        **{
            column: {**text, "description": f"it is none unless this is one of: {', '.join(words)}"}
            for column, words in form.only.items()
        },
        **{
            column: {**text, "description": f"it is open if this is one of: {', '.join(words)}"}
            for column, words in form.open.items()
        },
        form.cancelled: {"type": ["boolean", "null"], "description": "it was none"},
    }
    return _object(properties, [])


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}
