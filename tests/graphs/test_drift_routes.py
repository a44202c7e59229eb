"""Detectors on the labeled stream: attached, fed, reported, detached, and kept over a restart."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from drift.alert import Hysteresis
from drift.detectors.ddm import DDM
from drift.grouped_monitor import OTHERS, GroupedMonitor
from drift.monitor import DriftMonitor
from drift.performance import Performance
from drift.performance_watch import BasePerformance
from drift.recalibration import Recalibration
from graphs.state.serving_state import serving_state
from tests.graphs.conftest import Client, event, label, make_client

TOKEN = "a-token-of-the-test"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
DETECTORS = DriftMonitor([DDM()], cool_down=1000).to_dict()


@pytest.fixture
def guarded(package: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("TEST_TOKEN", TOKEN)
    return make_client(package, token_secret="TEST_TOKEN")


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    """An HTTP server that remembers what was posted to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.posted.append((self.headers["authorization"], body))
            self.send_response(server.status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.posted, server.status = [], 202
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def stream(client: Client, start: int, count: int, right: bool, apart: int = 10) -> None:
    """Predictions with labels that agree with them, or do not.

    :param apart: seconds from one to the next.
    """
    times = [10 * start + apart * n for n in range(count)]
    at_once = max(1, 500 // apart)  # Labels of what is long ago are late.
    for first in range(0, count, at_once):
        seconds = times[first : first + at_once]
        answered = client.post("/telemetry", [event(seconds=second) for second in seconds]).json
        labels = [
            label(seconds=second, is_error=row["prediction"] if right else 1 - row["prediction"])
            for second, row in zip(seconds, answered, strict=True)
        ]
        assert {row["status"] for row in client.post("/labels", labels).json} == {"joined"}


def callback_done(client: Client) -> None:
    assert client.step("detect_drift")._callbacks.wait()


def test_nothing_is_watched_until_detectors_are_attached(client: Client) -> None:
    stream(client, 0, 50, right=False)
    found = client.get("/drift").json
    assert "no detectors are attached" in found.pop("summary")
    assert found == {"attached": False, "state": "not_watched", "detectors": {}, "undelivered": 0}


def test_a_change_of_the_error_rate_is_found_and_counted(client: Client) -> None:
    assert client.send("PUT", "/drift/detectors", DETECTORS).json["state"] == "in_control"
    stream(client, 0, 200, right=True)
    assert client.get("/drift").json["state"] == "in_control"
    stream(client, 200, 100, right=False)
    status = client.get("/drift").json
    assert (status["attached"], status["state"], status["n"], status["errors"]) == (True, "drift", 300, 100)
    assert status["detectors"]["ddm"]["drifts"] >= 1
    metrics = client.get("/metrics").json
    assert 'netops_drift_events_total{detector="ddm",level="drift"} 1.0' in metrics
    assert 'netops_labeled_pairs_total{correct="no"} 100.0' in metrics


GROUPED = GroupedMonitor(
    DriftMonitor([DDM()], hysteresis=Hysteresis(batches=2, batch=50)),
    "company",
    [DriftMonitor([DDM(10, 4.0, 5.0)], 0, group=name) for name in ("c0", OTHERS)],
).to_dict()


def test_an_alert_is_told_once_and_told_again_when_it_is_cleared(package: Path, receiver: Any) -> None:
    client = make_client(package, callback_url=f"http://127.0.0.1:{receiver.server_port}/runs")
    client.send("PUT", "/drift/detectors", GROUPED)
    stream(client, 0, 200, right=True)
    stream(client, 200, 300, right=False)
    status = client.get("/drift").json
    assert (status["state"], status["alert"]["severity"]) == ("drift", "severe")
    assert 'netops_drift_alerts{severity="severe"}' in client.get("/metrics").json
    stream(client, 500, 200, right=True, apart=1000)
    callback_done(client)
    status = client.get("/drift").json
    assert (status["state"], status["alert"], status["last_drift"]) == ("in_control", None, None)
    told = [body["event"] for _, body in receiver.posted]
    of_all = [event for event in told if not event["group"]]
    assert [event["level"] for event in of_all] == ["drift", "cleared"]
    assert of_all[0]["alert"] == of_all[1]["alert"] == status["cleared_alert"]["id"]
    assert len({body["id"] for _, body in receiver.posted}) == len(told)
    assert {event["group"] for event in told} == {
        "",
        *(name for name, each in status["groups"].items() if each["n"]),
    }


def test_an_alert_names_the_device_that_the_model_is_wrong_about(package: Path, receiver: Any) -> None:
    client = make_client(package, callback_url=f"http://127.0.0.1:{receiver.server_port}/runs")
    client.send("PUT", "/drift/detectors", DETECTORS)
    stream(client, 0, 200, right=True)
    stream(client, 200, 100, right=False)
    callback_done(client)
    ((_, told),) = _events(receiver)
    (only,) = told["devices"]["named"]
    assert only["device"] == event()["device"] and told["devices"]["standing_out"] == 1
    assert only["wrong"] == told["devices"]["wrong"] > 0
    assert client.get("/drift").json["alert"]["devices"] == told["devices"]


def test_an_alert_ends_when_the_detectors_are_detached(package: Path, receiver: Any) -> None:
    client = make_client(package, callback_url=f"http://127.0.0.1:{receiver.server_port}/runs")
    client.send("PUT", "/drift/detectors", DETECTORS)
    stream(client, 0, 200, right=True)
    stream(client, 200, 100, right=False)
    client.send("DELETE", "/drift/detectors")
    callback_done(client)
    assert [(each["level"], each["detail"]) for _, each in _events(receiver)] == [
        ("drift", "error stream"),
        ("cleared", "the detectors are detached"),
    ]


def _events(receiver: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(body["id"], body["event"]) for _, body in receiver.posted]


def test_pairs_from_before_the_detectors_were_attached_are_not_fed(client: Client) -> None:
    stream(client, 0, 20, right=True)
    client.send("PUT", "/drift/detectors", DETECTORS)
    stream(client, 20, 7, right=True)
    assert client.get("/drift").json["n"] == 7


def test_detectors_can_be_detached(client: Client) -> None:
    client.send("PUT", "/drift/detectors", DETECTORS)
    assert client.send("DELETE", "/drift/detectors").json["attached"] is False
    assert client.get("/drift").json["attached"] is False


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        ({}, 422),
        ([], 422),
        ({**DETECTORS, "cool_down": -1}, 422),
        ({**DETECTORS, "detectors": [{}]}, 422),
    ],
)
def test_a_state_that_is_no_monitor_is_refused_and_the_old_one_stays(
    client: Client, body: object, status: int
) -> None:
    client.send("PUT", "/drift/detectors", DETECTORS)
    answered = client.send("PUT", "/drift/detectors", body)
    assert (answered.status, answered.json["error"]["field"]) == (status, "body")
    assert client.get("/drift").json["attached"] is True


@pytest.mark.parametrize("headers", [None, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}])
def test_without_the_token_the_detectors_cannot_be_changed(
    guarded: Client, headers: dict[str, str] | None
) -> None:
    for method, body in (("PUT", DETECTORS), ("DELETE", None)):
        answered = guarded.send(method, "/drift/detectors", body, headers=headers)
        assert (answered.status, answered.json["error"]["field"]) == (401, "authorization")
        assert TOKEN not in str(answered.json) and "wrong" not in str(answered.json)
    assert guarded.get("/drift").json["attached"] is False


def test_with_the_token_they_can(guarded: Client) -> None:
    assert guarded.send("PUT", "/drift/detectors", DETECTORS, headers=BEARER).status == 200
    lower_case = {"authorization": f"Bearer {TOKEN}"}
    assert guarded.send("DELETE", "/drift/detectors", headers=lower_case).status == 200


def test_a_guard_without_its_token_does_not_start(package: Path) -> None:
    with pytest.raises(ValueError, match="secret 'NO_SUCH_SECRET': must hold the token"):
        make_client(package, token_secret="NO_SUCH_SECRET")


def test_a_drift_is_reported_once_with_token_and_body(
    package: Path, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TOKEN", TOKEN)
    client = make_client(
        package,
        token_secret="TEST_TOKEN",
        callback_url=f"http://127.0.0.1:{receiver.server_port}/runs",
        callback_body={"workflow": "main"},
    )
    client.headers = BEARER
    client.send("PUT", "/drift/detectors", DETECTORS, headers=BEARER)
    stream(client, 0, 200, right=True)
    stream(client, 200, 150, right=False)
    callback_done(client)
    assert len(receiver.posted) == 1
    authorization, body = receiver.posted[0]
    assert authorization == f"Bearer {TOKEN}"
    assert body["workflow"] == "main"
    assert (body["event"]["source"], body["event"]["level"]) == ("ddm", "drift")
    assert 'netops_drift_callbacks_total{outcome="delivered"} 1.0' in client.get("/metrics").json


def test_a_signed_callback_does_not_get_the_token(
    package: Path, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TOKEN", TOKEN)
    monkeypatch.setenv("NETOPS_CALLBACK_SECRET", "a secret")
    address = f"http://127.0.0.1:{receiver.server_port}"
    client = make_client(package, token_secret="TEST_TOKEN", callback_url=f"{address}/runs")
    client.headers = BEARER
    client.send("PUT", "/drift/detectors", DETECTORS, headers=BEARER)
    client.send("PUT", "/drift/callback", {"url": f"{address}/drift"}, headers=BEARER)
    stream(client, 0, 200, right=True)
    stream(client, 200, 150, right=False)
    callback_done(client)
    assert {authorization for authorization, _ in receiver.posted} == {None, f"Bearer {TOKEN}"}


def test_a_callback_that_fails_is_tried_again_and_harms_nobody(package: Path, receiver: Any) -> None:
    receiver.status = 409
    client = make_client(package, callback_url=f"http://127.0.0.1:{receiver.server_port}/runs")
    client.send("PUT", "/drift/detectors", DETECTORS)
    stream(client, 0, 200, right=True)
    stream(client, 200, 100, right=False)
    while not receiver.posted:
        time.sleep(0.01)
    assert client.get("/drift").json["undelivered"] == 1
    assert client.post("/telemetry", event(seconds=10_000)).status == 200
    receiver.status = 202
    callback_done(client)
    assert len({body["id"] for _, body in receiver.posted}) == 1 < len(receiver.posted)
    metrics = client.get("/metrics").json
    assert 'netops_drift_callbacks_total{outcome="failed"}' in metrics
    assert 'netops_drift_callbacks_total{outcome="delivered"} 1.0' in metrics


def test_an_attached_callback_is_told_and_kept_with_what_it_was_not_told(
    package: Path, redis_url: str, receiver: Any
) -> None:
    def start() -> Client:
        return make_client(package, redis_url=redis_url, journal_key="drift-callback")

    url = f"http://127.0.0.1:{receiver.server_port}/drift"
    client = start()
    refused = client.send("PUT", "/drift/callback", {"url": url})
    assert (refused.status, refused.json["error"]["field"]) == (422, "url")
    client.send("PUT", "/drift/detectors", DETECTORS)
    assert client.send("PUT", "/drift/callback", {"url": url}).json["callback"] == url
    receiver.status = 503
    stream(client, 0, 200, right=True)
    stream(client, 200, 100, right=False)
    while not receiver.posted:
        time.sleep(0.01)
    client.shut_down()
    receiver.status = 202
    again = start()
    assert again.get("/drift").json["callback"] == url
    callback_done(again)
    assert len({body["id"] for _, body in receiver.posted}) == 1
    body = receiver.posted[-1][1]
    assert (body["version"], body["event"]["level"]) == (
        serving_state(again.server.context).package.schema.version,
        "drift",
    )
    assert body["event"]["onset"] <= body["event"]["event_time"]
    assert again.send("PUT", "/drift/callback", {"url": None}).json["callback"] is None


def wait_for_a_post(receiver: Any) -> None:
    while not receiver.posted:
        time.sleep(0.01)


@pytest.mark.parametrize("end", ["detached", "nobody", "killed"])
def test_an_alert_is_delivered_though_its_detectors_are_detached_and_the_endpoint_restarts(
    package: Path, redis_url: str, receiver: Any, end: str
) -> None:
    def start() -> Client:
        return make_client(package, redis_url=redis_url, journal_key=f"drift-detached-{end}")

    client = start()
    client.send("PUT", "/drift/detectors", DETECTORS)
    client.send("PUT", "/drift/callback", {"url": f"http://127.0.0.1:{receiver.server_port}/drift"})
    receiver.status = 503
    stream(client, 0, 200, right=True)
    stream(client, 200, 100, right=False)
    wait_for_a_post(receiver)
    if end == "nobody":
        assert client.send("PUT", "/drift/callback", {"url": None}).json["callback"] is None
    left = client.send("DELETE", "/drift/detectors").json
    assert (left["attached"], left["undelivered"] >= 1) == (False, True)
    if end != "killed":
        client.shut_down()
    client.step("detect_drift")._callbacks.close()  # A process that is gone posts nothing.
    receiver.posted.clear()
    receiver.status = 202
    again = start()
    callback_done(again)
    levels = [body["event"]["level"] for _, body in receiver.posted]
    assert levels[0] == "drift" and len(levels) == left["undelivered"]
    assert again.get("/drift").json["undelivered"] == 0
    deadline, kept = time.monotonic() + 30, {"left": None}
    seconds = itertools.count(9000)
    while kept["left"] != [] and time.monotonic() < deadline:  # What was delivered is noted a moment later.
        again.post("/telemetry", event(seconds=next(seconds)))
        kept = serving_state(again.server.context).journal.load("drift")
    assert (kept["monitor"], kept["left"], any(kept["undelivered"].values())) == (None, [], False)


def test_an_alert_of_an_address_that_the_settings_name_no_more_is_dropped_by_name(
    package: Path, redis_url: str, receiver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def start(**settings: Any) -> Client:
        return make_client(package, redis_url=redis_url, journal_key="drift-unnamed", **settings)

    client = start(callback_url=f"http://127.0.0.1:{receiver.server_port}/runs")
    client.send("PUT", "/drift/detectors", DETECTORS)
    receiver.status = 503
    stream(client, 0, 200, right=True)
    stream(client, 200, 100, right=False)
    wait_for_a_post(receiver)
    client.shut_down()
    again = start()
    dropped = 'netops_drift_callbacks_total{outcome="dropped"} 1.0'
    assert dropped in again.get("/metrics").json
    assert receiver.posted[0][1]["id"] in caplog.text


@pytest.mark.parametrize("body", [{}, [], {"url": "ftp://x"}, {"url": 1}, {"url": None, "more": 1}])
def test_a_callback_that_is_none_is_refused(client: Client, body: object) -> None:
    client.send("PUT", "/drift/detectors", DETECTORS)
    assert client.send("PUT", "/drift/callback", body).status == 422


def test_detectors_go_on_after_a_restart_and_stay_detached(package: Path, redis_url: str) -> None:
    def start() -> Client:
        return make_client(package, redis_url=redis_url, journal_key="drift-restart")

    client = start()
    client.send("PUT", "/drift/detectors", DETECTORS)
    stream(client, 0, 80, right=True)
    client.shut_down()
    saved = serving_state(client.server.context).journal.load("drift")
    assert saved is not None and saved["monitor"]["n_seen"] == 80
    stream(client, 80, 20, right=True)
    client = start()
    assert client.get("/drift").json["n"] == 100
    client.send("DELETE", "/drift/detectors")
    assert start().get("/drift").json["attached"] is False


@pytest.mark.parametrize("last", ["PUT", "DELETE"])
def test_what_one_process_attached_or_detached_last_stays_though_another_one_ends_after_it(
    package: Path, redis_url: str, tmp_path: Path, last: str
) -> None:
    def start() -> Client:
        return make_client(package, redis_url=redis_url, journal_key=str(tmp_path))

    before = start()
    if last == "DELETE":
        before.send("PUT", "/drift/detectors", DETECTORS)
    after = start()
    body = DETECTORS if last == "PUT" else None
    assert after.send(last, "/drift/detectors", body).json["attached"] is (last == "PUT")
    stream(before, 0, 10, right=True)
    before.shut_down()
    assert start().get("/drift").json["attached"] is (last == "PUT")


def test_a_snapshot_of_before_a_detachment_gives_no_detectors_back(
    package: Path, redis_url: str, tmp_path: Path
) -> None:
    settings = {"redis_url": redis_url, "journal_key": str(tmp_path), "snapshot_directory": str(tmp_path)}
    client = make_client(package, **settings)
    client.send("PUT", "/drift/detectors", DETECTORS)
    stream(client, 0, 10, right=True)
    client.shut_down()
    client = make_client(package, **settings)
    client.send("DELETE", "/drift/detectors")
    again = make_client(package, **settings)
    assert again.get("/drift").json["attached"] is False


def test_an_alert_of_a_process_that_ends_is_delivered_though_detectors_were_attached_elsewhere(
    package: Path, redis_url: str, tmp_path: Path, receiver: Any
) -> None:
    def start() -> Client:
        return make_client(package, redis_url=redis_url, journal_key=str(tmp_path))

    one = start()
    one.send("PUT", "/drift/detectors", DETECTORS)
    one.send("PUT", "/drift/callback", {"url": f"http://127.0.0.1:{receiver.server_port}/drift"})
    receiver.status = 503
    other = start()
    stream(one, 0, 200, right=True)
    stream(one, 200, 100, right=False)
    wait_for_a_post(receiver)
    other.send("PUT", "/drift/detectors", DETECTORS)
    waiting = one.get("/drift").json["undelivered"]
    assert waiting > 0
    for client in (one, other):
        client.shut_down()
        client.step("detect_drift")._callbacks.close()
    receiver.posted.clear()
    receiver.status = 202
    again = start()
    callback_done(again)
    assert receiver.posted[0][1]["event"]["level"] == "drift"
    assert len(receiver.posted) >= waiting
    stream(again, 300, 10, right=True)
    again.shut_down()
    kept = serving_state(again.server.context).journal.load("drift")
    assert (kept["left"], any(kept["undelivered"].values())) == ([], False)


BASE = BasePerformance(Performance(900, 90.0, 0.9, 0.8, 0.7, 0.7, 0.7), Recalibration()).to_dict()


def test_where_errors_are_rare_the_summary_tells_how_many_of_them_were_predicted(client: Client) -> None:
    client.send("PUT", "/drift/detectors", DETECTORS)
    client.send("PUT", "/drift/performance", BASE)
    watch = client.step("detect_drift")._watch
    for number in range(2000):  # 20 errors, of which 5 are predicted; and no false alarm.
        is_error = number % 100 == 0
        watch.add_pair(0.9 if is_error and number < 500 else 0.1, int(is_error and number < 500), is_error)
    assert "were predicted" not in client.get("/drift").json["summary"], "no label was watched yet"
    stream(client, 0, 50, right=True)
    summary = client.get("/drift").json["summary"]
    assert summary.startswith("in control: no drift was found; ")
    assert "; of the 20 errors among the newest 2,050 labels 5 were predicted (25%, 70% where" in summary
    for _ in range(200):
        watch.add_pair(0.9, 1, 1)
    assert "errors among the newest" not in client.get("/drift").json["summary"], "they are not rare"


def test_scores_are_told_of_the_newest_predictions_and_labels(client: Client) -> None:
    refused = client.send("PUT", "/drift/performance", BASE)
    assert (refused.status, refused.json["error"]["field"]) == (422, "body")
    client.send("PUT", "/drift/detectors", DETECTORS)
    assert client.get("/drift").json["performance"] is None
    refused = client.send("PUT", "/drift/performance", {**BASE, "reference": 1})
    assert (refused.status, refused.json["error"]["field"]) == (422, "body.reference")
    assert client.send("PUT", "/drift/performance", BASE).json["performance"]["reference"]["f1"] == 0.7
    stream(client, 0, 50, right=True)
    client.post("/telemetry", event(seconds=10))  # A duplicate.
    found = client.get("/drift").json["performance"]
    assert (found["estimated"]["rows"], found["realized"]["rows"]) == (50, 50)
    assert "not_enough_data" in found["realized"]
    metrics = client.get("/metrics").json
    assert 'netops_performance{of="reference",score="f1"} 0.7' in metrics
    assert 'netops_performance{of="realized",score="f1"} NaN' in metrics
    client.send("PUT", "/drift/performance", BASE)
    assert client.get("/drift").json["performance"] == found
    client.send("DELETE", "/drift/detectors")
    assert "netops_performance{" not in client.get("/metrics").json
