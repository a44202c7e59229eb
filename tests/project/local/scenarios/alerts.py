"""Alerts: a configuration, an event that activates it, and what has been activated."""

from __future__ import annotations

from typing import Any

import mlrun
from mlrun.alerts.alert import AlertConfig
from mlrun.common.schemas import alert as schemas

from tests.project.local.scenarios.common import open_project

_KIND = schemas.EventKind.CONCEPT_DRIFT_DETECTED


def _config(
    project: str, name: str, entity: str, summary: str, severity: schemas.AlertSeverity
) -> AlertConfig:
    notification = mlrun.common.schemas.Notification(kind="webhook", name="n", message="m", severity="info")
    return AlertConfig(
        project=project,
        name=name,
        summary=summary,
        severity=severity,
        entities=schemas.EventEntities(
            kind=schemas.EventEntityKind.MODEL_ENDPOINT_RESULT, project=project, ids=[entity]
        ),
        trigger=schemas.AlertTrigger(events=[_KIND]),
        notifications=[schemas.AlertNotification(notification=notification)],
    )


def activated(name: str, entity: str) -> dict[str, Any]:
    """Configure an alert on concept drift, generate its event, and list what it has activated."""
    project = open_project(name)
    config = _config(name, "drift", entity, "drift of {{entity}}", schemas.AlertSeverity.HIGH)
    config.criteria = schemas.AlertCriteria(count=1, period="1h")
    project.store_alert_config(config)
    db = mlrun.get_run_db()
    event = schemas.Event(kind=_KIND, entity=config.entities, value_dict={"severity": "severe"})
    db.generate_event(str(_KIND), event, name)
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
    project.store_alert_config(_config(name, "of-the-loop", ENTITY, "drift", schemas.AlertSeverity.LOW))
    MlrunEvents(name).generate(told)
    found = mlrun.get_run_db().list_alert_activations(project=name, name="of-the-loop").activations
    return [each.entity_id for each in found]
