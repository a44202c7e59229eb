"""Missed incidents of the labeled stream: found, told, cleared, and kept over a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drift.detectors.ddm import DDM
from drift.grouped_monitor import OFF, GroupedMonitor
from drift.incident_outcomes import IncidentOutcomes
from drift.missed_incidents import MissedIncidents
from drift.missed_limit import Base
from drift.monitor import DriftMonitor
from graphs.state.serving_state import serving_state
from tests.graphs.conftest import Client, event, label, make_client
from tests.graphs.test_drift_routes import _events, callback_done, receiver

__all__ = ["receiver"]  # A fixture.

QUIET = DriftMonitor([DDM(min_instances=100_000)])


def detectors() -> dict[str, Any]:
    missed = MissedIncidents(IncidentOutcomes(gap=60.0, together=5.0, wait=0.0), Base(30, 27))
    return GroupedMonitor(QUIET, missed=missed).to_dict()


def incidents(client: Client, start: int, count: int, caught: bool) -> None:
    """One incident of a reading every 200 seconds, with a healthy reading behind it.

    :param start: number of the first.
    """
    for number in range(start, start + count):
        at = 200.0 * number
        sent = [event(seconds=at, cpu=99.0 if caught else 10.0), event(seconds=at + 100, cpu=10.0)]
        answered = client.post("/telemetry", sent).json
        assert [row["prediction"] for row in answered] == [int(caught), 0]
        client.post("/labels", [label(seconds=at, is_error=1), label(seconds=at + 100)])


def test_a_model_that_catches_none_is_told_and_its_end_too(package: Path, receiver: Any) -> None:
    client = make_client(package, callback_url=f"http://127.0.0.1:{receiver.server_port}/runs")
    assert (
        client.send("PUT", "/drift/detectors", detectors()).json["missed_incidents"]["state"] == "in_control"
    )
    incidents(client, 0, 10, caught=True)
    assert client.get("/drift").json["state"] == "in_control"
    incidents(client, 10, 10, caught=False)
    status = client.get("/drift").json
    missed = status["missed_incidents"]
    assert (status["state"], missed["state"], status["alert"]) == ("drift", "drift", None)
    assert status["summary"].startswith(
        "drift: catches fewer incidents than on its test data: of the newest "
    )
    assert (missed["incidents"], missed["caught"], missed["alert"]["caught"]) == (20, 10, 0)
    metrics = client.get("/metrics").json
    assert 'netops_drift_events_total{detector="missed_incidents",level="drift"} 1.0' in metrics
    assert 'netops_drift_alerts{severity="severe"} 1.0' in metrics
    incidents(client, 20, 20, caught=True)
    callback_done(client)
    status = client.get("/drift").json
    assert (status["state"], status["missed_incidents"]["alert"]) == ("in_control", None)
    assert 'netops_drift_alerts{severity="severe"} 0.0' in client.get("/metrics").json
    told = _events(receiver)
    assert [(each["source"], each["level"]) for _, each in told] == [
        ("missed_incidents", "drift"),
        ("missed_incidents", "cleared"),
    ]
    assert len({name for name, _ in told}) == 2
    assert told[0][1]["alert"] == told[1][1]["alert"] == status["missed_incidents"]["cleared_alert"]["id"]


def test_caught_incidents_are_told_beside_the_alarms_that_this_takes(package: Path) -> None:
    client = make_client(package)
    client.send("PUT", "/drift/detectors", detectors())
    incidents(client, 0, 10, caught=True)
    status = client.get("/drift").json
    assert status["alarms"] == {"healthy": 10, "alarms": 0, "share": None}
    caught = status["missed_incidents"]["summary"]
    assert caught.startswith("in control: of the newest 10 incidents 10 were caught")
    watch = client.step("detect_drift")._watch
    for number in range(390):
        watch.add_pair(0.1, int(number % 100 == 0), 0)
    status = client.get("/drift").json
    calm = f"{caught}; it alarms on 1.0% of the newest 400 healthy rows"
    assert status["missed_incidents"]["summary"] == calm
    for _ in range(400):
        watch.add_pair(0.9, 1, 0)
    status = client.get("/drift").json
    assert status["alarms"] == {"healthy": 800, "alarms": 404, "share": 0.505}
    assert status["missed_incidents"]["state"] == "in_control"
    assert status["missed_incidents"]["summary"].startswith(
        "SAYS NOTHING OF THE MODEL: it alarms on 50.5% of"
    )
    # With an alert it says that incidents are missed, whatever the alarms.
    incidents(client, 10, 10, caught=False)
    assert client.get("/drift").json["missed_incidents"]["summary"].startswith("catches fewer incidents than")


def test_its_alert_ends_with_the_detectors(package: Path, receiver: Any) -> None:
    client = make_client(package, callback_url=f"http://127.0.0.1:{receiver.server_port}/runs")
    client.send("PUT", "/drift/detectors", detectors())
    incidents(client, 0, 10, caught=False)
    client.send("DELETE", "/drift/detectors")
    callback_done(client)
    assert [(each["level"], each["detail"]) for _, each in _events(receiver)][1:] == [
        ("cleared", "the detectors are detached")
    ]


@pytest.mark.parametrize("cut", [0, 3, 8, 12, 25])
@pytest.mark.parametrize("is_killed", [True, False])
def test_after_a_restart_it_goes_on_as_if_nothing_had_been(
    package: Path, redis_url: str, cut: int, is_killed: bool
) -> None:
    def lived(key: str, ends_at: int) -> Client:
        client = make_client(package, redis_url=redis_url, journal_key=key)
        client.send("PUT", "/drift/detectors", detectors())
        for number in range(35):
            if number == ends_at:
                if not is_killed:
                    client.shut_down()
                client = make_client(package, redis_url=redis_url, journal_key=key)
            incidents(client, number, 1, caught=number < 5 or number >= 12)
        return client

    found = [lived(f"missed-{cut}-{is_killed}-{at}", at).get("/drift").json for at in (cut, -1)]
    assert found[0] == found[1]
    assert found[0]["missed_incidents"]["cleared_alert"]


def test_detectors_of_before_say_that_they_do_not_watch_it(package: Path, redis_url: str) -> None:
    def start() -> Client:
        return make_client(package, redis_url=redis_url, journal_key="missed-older")

    client = start()
    status = client.send("PUT", "/drift/detectors", QUIET.to_dict()).json
    incidents(client, 0, 3, caught=False)
    client.shut_down()
    kept = serving_state(client.server.context).journal.load("drift")
    assert "missed_incidents" not in kept["monitor"]
    again = start().get("/drift").json
    assert again["missed_incidents"] == status["missed_incidents"]
    assert again["missed_incidents"]["summary"].startswith("not watched until the next training")
    assert (again["n"], again["state"]) == (6, "in_control")


def test_it_can_be_switched_off(client: Client) -> None:
    off = GroupedMonitor(QUIET, missed=OFF).to_dict()
    assert off["missed_incidents"] == "off"
    client.send("PUT", "/drift/detectors", off)
    incidents(client, 0, 20, caught=False)
    status = client.get("/drift").json
    assert (status["state"], status["missed_incidents"]["state"]) == ("in_control", "off")


@pytest.mark.parametrize("saved", ["on", [], {"format": 1}])
def test_a_state_that_is_none_is_refused(client: Client, saved: object) -> None:
    answered = client.send("PUT", "/drift/detectors", {**detectors(), "missed_incidents": saved})
    assert (answered.status, answered.json["error"]["field"]) == (422, "body")
    assert "saved missed incidents: itself: must be a mapping" in str(answered.json)
