"""Alerts and events: an event activates the configurations that it matches, and nothing is sent out."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from starlette.routing import Route

from project.local.api.documents import Document, epoch, name_rule
from project.local.api.errors import InvalidError
from project.local.api.http.calls import Call
from project.local.api.http.routing import route
from project.local.api.records.entries import delete_entry, list_entries, read_entry, write_entry
from project.local.api.records.projects import require_project

_CONFIG, _ACTIVATIONS = "alert", "alert-activations"
_NEWEST = "newest"
_MOST_ACTIVATIONS = 1000
_NO_PAGES: Document = {"page": None, "page-size": None, "page-token": None}


def put_alert(call: Call) -> Document:
    """Store a configuration; a changed one begins anew."""
    require_project(call.context.store, call.project)
    config, name = call.json(), call.path["name"]
    events = _object(config, "trigger").get("events")
    if not isinstance(events, list) or not events:
        raise InvalidError("alert 'trigger.events' must be a list of at least one kind of event")
    _entity(_object(config, "entities"), "entities")
    if not config.get("severity") or not config.get("notifications"):
        raise InvalidError("alert must have 'severity' and 'notifications'")
    config |= {"project": call.project, "name": name, "state": "inactive", "count": 0}
    config.setdefault("id", uuid.uuid4().int % 2**31)
    config.setdefault("created", datetime.now(UTC).isoformat())
    write_entry(call.context.store, _CONFIG, call.project, name, config)
    return config


def get_alert(call: Call) -> Document:
    """One configuration."""
    return read_entry(call.context.store, _CONFIG, call.project, call.path["name"])


def list_alerts(call: Call) -> Document:
    """All configurations of the project."""
    found = list(list_entries(call.context.store, _CONFIG, call.project).values())
    return {"alerts": found, "pagination": _NO_PAGES}


def delete_alert(call: Call) -> None:
    """Delete a configuration; its activations stay."""
    delete_entry(call.context.store, _CONFIG, call.project, call.path["name"])


def reset_alert(call: Call) -> None:
    """Count the events of a configuration anew."""
    config = read_entry(call.context.store, _CONFIG, call.project, call.path["name"])
    config |= {"state": "inactive", "count": 0}
    write_entry(call.context.store, _CONFIG, call.project, call.path["name"], config)


def post_event(call: Call) -> None:
    """Take an event: each configuration of its kind and entity is activated when it has come often enough."""
    require_project(call.context.store, call.project)
    event, name = call.json(), call.path["name"]
    if event.get("kind") != name:
        raise InvalidError(f"event 'kind' must be {name!r} as in the path, got {event.get('kind')!r}")
    entity = _entity(_object(event, "entity"), "entity")
    now = datetime.now(UTC).isoformat()
    with call.context.store.write():
        for config in list_entries(call.context.store, _CONFIG, call.project).values():
            about = config["entities"]
            is_meant = about["kind"] == entity["kind"] and set(about["ids"]) & {"*", *entity["ids"]}
            if is_meant and name in config["trigger"]["events"]:
                _count(call, config, event, now)


def _count(call: Call, config: Document, event: Document, now: str) -> None:
    """Count an event, and note an activation once there are as many as the configuration waits for."""
    wanted = int((config.get("criteria") or {}).get("count") or 1)
    config["count"] = int(config.get("count") or 0) + 1
    if config["count"] >= wanted:
        activation = {
            "id": uuid.uuid4().int % 2**31,
            "name": config["name"],
            "project": call.project,
            "severity": config["severity"],
            "activation_time": now,
            "entity_id": event["entity"]["ids"][0],
            "entity_kind": event["entity"]["kind"],
            "event_kind": event["kind"],
            "number_of_events": config["count"],
            # Nothing is sent from a laptop; whoever wants to know lists them.
            "notifications": [],
            "criteria": config.get("criteria") or {"count": wanted},
            "reset_time": now if config.get("reset_policy", "auto") == "auto" else None,
        }
        kept = [activation, *_activations(call)][:_MOST_ACTIVATIONS]
        write_entry(call.context.store, _ACTIVATIONS, call.project, _NEWEST, {"activations": kept})
        config |= {"count": 0, "state": "inactive" if activation["reset_time"] else "active"}
    write_entry(call.context.store, _CONFIG, call.project, config["name"], config)


def _activations(call: Call) -> list[Document]:
    """Those of the project, newest first."""
    found = list_entries(call.context.store, _ACTIVATIONS, call.project).get(_NEWEST, {})
    return list(found.get("activations", []))


def list_activations(call: Call) -> Document:
    """Activations by name, entity, kind, severity and time, newest first."""
    named, entity = name_rule(call.value("name")), name_rule(call.value("entity"))
    severities = call.values("severity")
    since, until = epoch(call.value("since")), epoch(call.value("until"))
    found = []
    for each in _activations(call):
        moment = epoch(each["activation_time"]) or 0.0
        if (
            named(each["name"])
            and entity(each["entity_id"])
            and call.value("event-kind", default=each["event_kind"]) == each["event_kind"]
            and call.value("entity-kind", default=each["entity_kind"]) == each["entity_kind"]
            and (not severities or each["severity"] in severities)
            and (since is None or moment >= since)
            and (until is None or moment <= until)
        ):
            found.append(each)
    return {"activations": found, "pagination": _NO_PAGES}


def _object(content: Document, name: str) -> Document:
    found: Any = content.get(name)
    if not isinstance(found, dict):
        raise InvalidError(f"'{name}' must be an object, got {found!r}")
    return found


def _entity(content: Document, name: str) -> Document:
    ids = content.get("ids")
    if not content.get("kind") or not isinstance(ids, list) or len(ids) != 1:
        raise InvalidError(f"'{name}' must have a 'kind' and one id in 'ids', got {content!r}")
    return content


_PROJECT = "/api/v1/projects/{project}"
ROUTES: list[Route] = [
    route(_PROJECT + "/alerts", "GET", list_alerts),
    route(_PROJECT + "/alerts/{name}", "PUT", put_alert),
    route(_PROJECT + "/alerts/{name}", "GET", get_alert),
    route(_PROJECT + "/alerts/{name}", "DELETE", delete_alert),
    route(_PROJECT + "/alerts/{name}/reset", "POST", reset_alert),
    route(_PROJECT + "/events/{name}", "POST", post_event),
    route(_PROJECT + "/alert-activations", "GET", list_activations),
]
