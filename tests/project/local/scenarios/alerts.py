"""Alerts: a configuration, an event that activates it, and what has been activated."""

from __future__ import annotations

from typing import Any

import mlrun
from mlrun.alerts.alert import AlertConfig
from mlrun.common.schemas import alert as schemas

from tests.project.local.scenarios.common import open_project


def activated(name: str, entity: str) -> dict[str, Any]:
    """Configure an alert on concept drift, generate its event, and list what it has activated."""
    project = open_project(name)
    kind = schemas.EventKind.CONCEPT_DRIFT_DETECTED
    entities = schemas.EventEntities(
        kind=schemas.EventEntityKind.MODEL_ENDPOINT_RESULT, project=name, ids=[entity]
    )
    notification = mlrun.common.schemas.Notification(kind="webhook", name="n", message="m", severity="info")
    config = AlertConfig(
        project=name,
        name="drift",
        summary="drift of {{entity}}",
        severity=schemas.AlertSeverity.HIGH,
        entities=entities,
        trigger=schemas.AlertTrigger(events=[kind]),
        criteria=schemas.AlertCriteria(count=1, period="1h"),
        notifications=[schemas.AlertNotification(notification=notification)],
    )
    project.store_alert_config(config)
    db = mlrun.get_run_db()
    event = schemas.Event(kind=kind, entity=entities, value_dict={"severity": "severe"})
    db.generate_event(str(kind), event, name)
    found = db.list_alert_activations(project=name).activations
    listed = [each.name for each in db.list_alerts_configs(name)]
    db.reset_alert_config("drift", name)
    read = db.get_alert_config("drift", name).severity
    db.delete_alert_config("drift", name)
    return {
        "activated": [(each.name, each.entity_id, str(each.severity.value)) for each in found],
        "listed": listed,
        "severity": str(getattr(read, "value", read)),
        "left": [each.name for each in db.list_alerts_configs(name)],
    }


def generated(name: str, told: dict[str, Any]) -> list[str]:
    """Events of drift as the loop generates them, and the alerts that they activate."""
    from project.retraining.mlrun_events import ENTITY, MlrunEvents

    activated(name, ENTITY)
    project = mlrun.get_or_create_project(name, f"./{name}")
    kind = schemas.EventKind.CONCEPT_DRIFT_DETECTED
    entities = schemas.EventEntities(
        kind=schemas.EventEntityKind.MODEL_ENDPOINT_RESULT, project=name, ids=[ENTITY]
    )
    notification = mlrun.common.schemas.Notification(kind="webhook", name="n", message="m", severity="info")
    project.store_alert_config(
        AlertConfig(
            project=name,
            name="of-the-loop",
            summary="drift",
            severity=schemas.AlertSeverity.LOW,
            entities=entities,
            trigger=schemas.AlertTrigger(events=[kind]),
            notifications=[schemas.AlertNotification(notification=notification)],
        )
    )
    MlrunEvents(name).generate(told)
    found = mlrun.get_run_db().list_alert_activations(project=name, name="of-the-loop").activations
    return [each.entity_id for each in found]
