"""Drift is told to MLRun's alerts by its own client; a server without them is told of once."""

import logging
from types import SimpleNamespace

import mlrun
import pytest
from mlrun.common.schemas.alert import AlertsModes

from project.errors import NetopsError
from project.retraining.mlrun_events import ENTITY, MlrunEvents
from tests.project.retraining.test_policy import told


@pytest.fixture
def server(monkeypatch):
    """What is generated; ``error`` is raised first."""
    found = SimpleNamespace(events=[], error=None)

    def generate(name, event, project):
        if found.error:
            raise found.error
        found.events.append((name, event, project))

    monkeypatch.setattr(mlrun, "get_run_db", lambda: SimpleNamespace(generate_event=generate))
    before = mlrun.mlconf.alerts.mode
    mlrun.mlconf.alerts.mode = AlertsModes.enabled
    yield found
    mlrun.mlconf.alerts.mode = before


def test_an_event_has_all_that_is_known_of_the_drift(server):
    MlrunEvents("p").generate(told())
    ((name, event, project),) = server.events
    assert (name, project, event.entity.ids) == ("concept-drift-detected", "p", [ENTITY])
    assert event.is_valid()
    assert event.value_dict["id"] == told()["id"] and event.value_dict["source"] == "glr"


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_events_is_told_of_once_and_fails_nothing(server, caplog, status):
    response = SimpleNamespace(status_code=status)
    known = mlrun.errors.STATUS_ERRORS.get(status, mlrun.errors.MLRunHTTPError)
    server.error = known("no such route", response=response)
    events = MlrunEvents("p")
    with caplog.at_level(logging.WARNING, "netops.retraining"):
        for _ in range(3):
            events.generate(told())
    assert [record.getMessage() for record in caplog.records] == [
        f"drift of project p is told to no MLRun alerts: {server.error}"
    ]


def test_disabled_alerts_are_such_a_server(server, caplog):
    mlrun.mlconf.alerts.mode = AlertsModes.disabled
    with caplog.at_level(logging.WARNING, "netops.retraining"):
        MlrunEvents("p").generate(told())
    assert "its alerts are disabled" in caplog.text and server.events == []


@pytest.mark.parametrize(
    "error",
    [
        mlrun.errors.MLRunInternalServerError("down"),
        mlrun.errors.MLRunUnauthorizedError("old token", response=SimpleNamespace(status_code=401)),
        mlrun.errors.MLRunHTTPError("later", response=SimpleNamespace(status_code=429)),
        mlrun.errors.MLRunRuntimeError("away"),
        ConnectionError(),
    ],
)
def test_a_server_that_is_away_is_tried_again(server, error):
    server.error, events = error, MlrunEvents("p")
    with pytest.raises(NetopsError, match="must take an event"):
        events.generate(told())
    server.error = None
    events.generate(told())
    assert len(server.events) == 1
