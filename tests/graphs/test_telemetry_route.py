"""``POST /telemetry`` through the whole graph on MLRun's mock server."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from feature_sets.telemetry.label_form import LabelForm
from feature_sets.telemetry.schema import TelemetrySchema
from tests.graphs.conftest import START, Client, event, make_client, write_package
from tests.graphs.test_metrics import value


def test_one_event_is_answered_with_one_prediction(client: Client) -> None:
    answered = client.post("/telemetry", event())
    assert answered.status == 200
    assert set(answered.json) == {
        "device", "timestamp", "model", "version", "prediction", "probability", "threshold", "inputs",
        "missing_inputs", "status", "device_status",
    }  # fmt: skip
    assert answered.json["device"] == "a/1"
    assert answered.json["timestamp"] == "2023-11-14T22:13:20.000Z"
    assert (answered.json["model"], answered.json["version"]) == ("model", "v3")
    assert answered.json["status"] == "accepted"
    assert answered.json["prediction"] == int(answered.json["probability"] >= 0.5)


def test_an_event_whose_device_contradicts_its_columns_is_refused_alone_and_in_a_list(client: Client) -> None:
    two = {**event("a/1"), "site": "a", "box": "2"}
    alone = client.post("/telemetry", two)
    assert (alone.status, alone.json["error"]["field"]) == (422, "device")
    part = {**event("a/1"), "box": "2"}
    for wrong, field in ((two, "device"), (part, "box")):
        told = client.post("/telemetry", [*(event("a/1", at) for at in range(20)), wrong]).json["errors"]
        assert [(each["position"], each["field"]) for each in told] == [(20, field)]
    agreeing = client.post("/telemetry", {**event("a/1", 30), "site": "a", "box": "1"})
    assert (agreeing.status, agreeing.json["device"]) == (200, "a/1")


def test_the_answer_and_the_overview_tell_the_threshold(client: Client) -> None:
    counted, unread = client.post(
        "/telemetry", [event(), {**event(), "timestamp": "2100-01-01T00:00:00Z"}]
    ).json
    assert (counted["threshold"], unread["threshold"]) == (0.5, None)
    overview = client.get("/").json
    told = {name: overview[name] for name in ("model", "model_version", "threshold", "telemetry", "label")}
    assert told == {
        **{"model": counted["model"], "model_version": counted["version"]},
        **{"threshold": 0.5, "telemetry": "tiny", "label": "is_error"},
    }
    assert "/telemetry" in overview["paths"]
    assert client.get("/v2/models/model").json["parameters"]["threshold"] == overview["threshold"]


def test_the_answer_says_how_many_inputs_had_no_value(client: Client) -> None:
    sent = [
        event(),  # One reading has no standard deviation.
        event(seconds=10, latency=None),  # Its windows still hold the one before.
        event("a/2", cpu=None, latency=None),  # Only what the device is, is known.
        event(),
    ]
    answered = client.post("/telemetry", sent).json
    assert [row["missing_inputs"] for row in answered] == [1, 2, 5, 1]
    assert [row["inputs"] for row in answered] == [6, 6, 6, 6]


def test_a_list_is_answered_in_order(client: Client) -> None:
    sent = [event("a/1", 0), event("a/2", 0), event("a/1", 10)]
    answered = client.post("/telemetry", sent)
    assert answered.status == 200
    assert [row["device"] for row in answered.json] == ["a/1", "a/2", "a/1"]


def test_good_events_of_a_list_are_processed_and_the_bad_ones_reported_by_position(client: Client) -> None:
    answered = client.post(
        "/telemetry", [event(), event("nobody"), event(seconds=10, cpu="hot"), event(seconds=20)]
    )
    assert answered.status == 422
    assert [error["position"] for error in answered.json["errors"]] == [1, 2]
    assert [error["field"] for error in answered.json["errors"]] == ["device", "cpu"]
    assert answered.json["error"] == answered.json["errors"][0]
    results = answered.json["results"]
    assert results[1] is None and results[2] is None
    assert results[0]["status"] == results[3]["status"] == "accepted"


def test_every_status_of_an_event(client: Client) -> None:
    assert client.post("/telemetry", event(seconds=400)).json["status"] == "accepted"
    late = client.post("/telemetry", event(seconds=390)).json
    assert late["status"] == "late" and late["prediction"] is not None
    too_late = client.post("/telemetry", event(seconds=0)).json
    assert too_late["status"] == "too_late" and too_late["prediction"] is None
    quarantined = client.post("/telemetry", {**event(), "timestamp": "2100-01-01T00:00:00Z"}).json
    assert quarantined["status"] == "quarantined" and quarantined["probability"] is None


def test_an_event_that_the_windows_have_forgotten_is_answered_as_it_was_first(client: Client) -> None:
    first = client.post("/telemetry", event(seconds=0, cpu=90)).json
    client.post("/telemetry", event(seconds=900))  # Beyond the longest window, within the deadline.
    again = client.post("/telemetry", event(seconds=0, cpu=90)).json
    assert again == {**first, "status": "duplicate"} and again["probability"] is not None
    beside = [event(seconds=900 + number) for number in range(1, 9)]
    answers = client.post("/telemetry", [event(seconds=0, cpu=90), *beside]).json
    assert [one["status"] for one in answers] == ["duplicate", *["accepted"] * 8] and answers[0] == again
    assert client.post("/telemetry", event(seconds=1)).json["status"] == "too_late"  # It never came.


@pytest.mark.parametrize("alone", [False, True])
def test_a_backlog_that_is_sent_again_is_answered_as_accepted_before(package: Path, alone: bool) -> None:
    """It runs past the windows and past the ledger, whose deadline is an hour: the answer to it was lost."""
    client, now = make_client(package), [START + 12_000]
    client.step("ingress")._clock = lambda: now[0]
    backlog = [event(seconds=60 * number) for number in range(200)]

    def statuses() -> list[str]:
        sent = backlog if not alone else [backlog[0], backlog[50], backlog[-1]]
        answers = [client.post("/telemetry", one).json for one in sent] if alone else []
        return [one["status"] for one in answers or client.post("/telemetry", sent).json]

    assert {one["status"] for one in client.post("/telemetry", backlog).json} == {"accepted"}
    assert set(statuses()) == {"duplicate"}
    forgotten = client.post("/telemetry", backlog[0]).json
    assert (forgotten["status"], forgotten["prediction"]) == ("duplicate", None)
    assert client.post("/telemetry", event(seconds=61)).json["status"] == "too_late"  # It never came.
    for _ in range(18):  # A device that is silent for long begins anew.
        now[0] += 100
        client.post("/telemetry", backlog[-1])
    assert set(statuses()) == {"duplicate"}
    now[0] += 1  # Half the deadline after it was accepted.
    assert statuses()[0] == "too_late" and statuses()[-1] == "duplicate"
    assert client.get("/labeled").json["remembered"] == 61


@pytest.mark.parametrize("beside", [0, 9])
def test_an_event_of_a_device_that_was_forgotten_is_answered_as_it_was_first(
    package: Path, beside: int
) -> None:
    client, now = make_client(package), [START]
    client.step("ingress")._clock = lambda: now[0]
    client.post("/telemetry", event(seconds=-20, cpu=10))
    first = client.post("/telemetry", event(seconds=0, cpu=90)).json
    now[0] += 2000
    others = [event("a/2", 2000 - number) for number in range(beside, -1, -1)]
    client.post("/telemetry", others[-1])  # Now a/1 is forgotten, and its windows begin anew.
    assert "a/1" not in client.step("preprocess")._windows.devices
    given = [event(seconds=0, cpu=90), *others[:-1]]
    answers = client.post("/telemetry", given if beside else given[0]).json
    assert (answers[0] if beside else answers) == {**first, "status": "duplicate"}
    assert client.get("/labeled").json["remembered"] == 3 + beside
    counts = client.get("/metrics").json
    assert 'netops_events_total{status="duplicate"} 1.0' in counts


def test_a_repeated_event_is_answered_with_the_earlier_prediction(client: Client) -> None:
    first = client.post("/telemetry", event(cpu=90)).json
    again = client.post("/telemetry", event(cpu=90)).json
    assert again == {**first, "status": "duplicate"}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{bad", 400, "body"),
        (b"", 400, "body"),
        (b"\xff\xfe", 400, "body"),
        (b"[" * 200_000, 400, "body"),
        (b"7", 422, "event"),
        (b"{}", 422, "device"),
        ({"device": "a/1", "cpu": 1, "latency": 1}, 422, "timestamp"),
        ({**event(), "timestamp": "yesterday"}, 422, "timestamp"),
        ({"device": "a/1", "timestamp": 1.7e9, "cpu": 1}, 422, "latency"),
        (event(cpu="forty"), 422, "cpu"),
        (event(cpu=[1]), 422, "cpu"),
        (event(cpu=float("nan")), 422, "cpu"),
        (event(latency=float("-inf")), 422, "latency"),
        (event(latency=10**400), 422, "latency"),
        (event(device="nobody"), 422, "device"),
        (event(device=["a/1"]), 422, "device"),
        (b'{"device": "a/\\ud800", "timestamp": 1.7e9, "cpu": 1, "latency": 1}', 422, "device"),
        (b'{"device": "a/\\u0000", "timestamp": 1.7e9, "cpu": 1, "latency": 1}', 422, "device"),
        ([event()] * 10_001, 413, "body"),
        (b" " * 10_000_000, 413, "body"),
    ],
)
def test_bad_input_is_a_4xx_that_names_the_field(
    client: Client, body: object, status: int, field: str
) -> None:
    for content_type in ("application/json", "", "text/plain", "application/json; charset=utf-8"):
        answered = client.post("/telemetry", body, content_type=content_type)
        assert answered.status == status
        assert answered.json["error"]["field"] == field
        assert set(answered.json["error"]) == {"field", "rule", "got"}
    assert client.post("/telemetry", event()).status == 200


def test_an_empty_list_is_an_empty_answer(client: Client) -> None:
    answered = client.post("/telemetry", [])
    assert (answered.status, answered.json) == (200, [])


def test_the_columns_of_the_device_key_may_come_apart(client: Client) -> None:
    body = {"site": "a", "box": 1, "timestamp": "2023-11-14T23:13:20.0005+01:00", "cpu": None, "latency": 3}
    answered = client.post("/telemetry", body)
    assert answered.json["device"] == "a/1"
    assert answered.json["timestamp"] == "2023-11-14T22:13:20.000500Z"


@pytest.mark.parametrize("form", ["rows", "incidents"])
@pytest.mark.parametrize("snapshots", [True, False])
def test_an_event_that_contradicts_an_earlier_one_is_told_apart_and_counted_over_a_restart(
    schema: TelemetrySchema, tmp_path: Path, redis_url: str, form: str, snapshots: bool
) -> None:
    package = write_package(tmp_path, dataclasses.replace(schema, labels=LabelForm(form)))

    def started() -> Client:
        return make_client(
            package,
            redis_url=redis_url,
            journal_key=f"contradicting-{form}-{snapshots}",
            snapshot_directory=str(tmp_path / "snapshots") if snapshots else None,
        )

    def counted(client: Client) -> float:
        return value(client, "netops_ledger_outcomes_total", outcome="conflicting_reading")

    client = started()
    first = client.post("/telemetry", event(cpu=40)).json
    assert first["status"] == "accepted"
    for other in (event(cpu=41), event(cpu=None), event(cpu=40, latency=None)):
        again = client.post("/telemetry", other).json
        assert again == {**first, "status": "conflicting"}  # The first one counts, and so does its answer.
    assert client.post("/telemetry", event(cpu=40)).json == {**first, "status": "duplicate"}
    # Outside of its range it is no reading, as the null that it is compared with.
    client.post("/telemetry", event(seconds=10, cpu=None))
    assert client.post("/telemetry", event(seconds=10, cpu=1000)).json["status"] == "duplicate"
    assert counted(client) == 3
    client.shut_down()
    after = started()
    assert counted(after) == 3
    sent = [event(cpu=41), *(event(seconds=900 + number) for number in range(10)), event(seconds=10, cpu=5)]
    answers = after.post("/telemetry", sent).json
    assert [row["status"] for row in answers] == ["conflicting", *["accepted"] * 10, "conflicting"]
    assert counted(after) == 5
    after.shut_down()


def test_a_word_of_a_metric_is_answered_as_the_number_that_it_stands_for(
    schema: TelemetrySchema, tmp_path: Path
) -> None:
    content = schema.to_dict()
    content["metrics"]["latency"]["values"] = {"up": 5, "down": 90}
    package = write_package(tmp_path, TelemetrySchema.from_dict(content))
    client = make_client(package, devices={key: {"model_x": 1.0, "model_y": 0.0} for key in ("a/1", "a/2")})
    words = [("up", 5), ("DOWN", 90), ("up", 5)] * 4  # A list is read as columns where it can be.
    answers = [
        client.post("/telemetry", [event(device, 10.0 * at, latency=of[kind]) for at, of in enumerate(words)])
        for kind, device in enumerate(("a/1", "a/2"))
    ]
    said, sent = ([each["probability"] for each in answer.json] for answer in answers)
    alone = [client.post("/telemetry", event("a/1", 200.0, latency="down")).json["probability"]]
    assert client.post("/telemetry", event("a/2", 200.0, latency=90)).json["probability"] == alone[0]
    assert said == sent and len(set(said)) > 1
    refused = client.post("/telemetry", event(seconds=210.0, latency="testing"))
    error = refused.json["error"]
    assert (refused.status, error["field"], error["got"]) == (422, "latency", "testing")
    assert error["rule"] == "must be a finite number, among up, down or null"
