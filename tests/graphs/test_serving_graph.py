"""Wiring: the steps in order, what a start refuses, what failures of our own look like."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlrun
import pytest
from mlrun.serving.server import MockEvent, v2_serving_init

from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.files import MODEL_FILE
from feature_sets.model_package.schema import SCHEMA_FILE
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.serving_graph import build_serving_graph
from project.local.http_host.events import make_context
from tests.graphs.conftest import DEVICES, Client, event, label, make_client, write_package


def test_the_steps_are_in_order_and_the_spec_is_plain_json(package: Path) -> None:
    function = mlrun.new_function("serving", kind="serving", image="mlrun/mlrun", project="tests")
    build_serving_graph(function, model_path=str(package))
    spec = json.loads(function._get_serving_spec())
    steps = spec["graph"]["steps"]
    between = ["journal", "preprocess", "device_states", "model_router", "labeled_join", "detect_drift"]
    assert list(steps) == ["ingress", *between, "respond", "error_handler"]
    assert spec["graph"]["engine"] == "sync"
    assert spec["graph"]["on_error"] == "error_handler"
    assert list(steps["model_router"]["routes"]) == ["model"]
    assert function.spec.config["spec.triggers.http"]["maxWorkers"] == 1
    assert (function.spec.min_replicas, function.spec.max_replicas) == (1, 1)


def test_the_settings_are_passed_once_and_a_misspelt_one_is_refused(package: Path) -> None:
    function = mlrun.new_function("serving", kind="serving", image="mlrun/mlrun", project="tests")
    build_serving_graph(function, model_path=str(package), batch_rows=7)
    spec = json.loads(function._get_serving_spec())
    assert spec["parameters"]["serving_settings"]["batch_rows"] == 7
    assert spec["parameters"]["serving_settings"]["journal_key"] == "netops:tests:serving"
    assert spec["graph_initializer"] == "graphs.initializer.initialize"
    assert not any(step.get("class_args") for step in spec["graph"]["steps"].values())
    with pytest.raises(TypeError, match="batch_row"):
        build_serving_graph(function, model_path=str(package), batch_row=7)


def test_a_graph_without_its_initializer_does_not_start(package: Path) -> None:
    function = mlrun.new_function("serving", kind="serving", image="mlrun/mlrun", project="tests")
    build_serving_graph(function, model_path=str(package))
    function.spec.graph_initializer = None
    with pytest.raises(RuntimeError, match=r"graph_initializer must be graphs\.initializer\.initialize"):
        function.to_mock_server()


def test_nuclio_runs_the_shutdown_hooks_before_it_ends_a_worker(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks: list[Callable[[], None]] = []
    context = make_context()
    monkeypatch.setattr(context.platform, "set_termination_callback", hooks.append)
    function = mlrun.new_function("serving", kind="serving", image="mlrun/mlrun", project="tests")
    build_serving_graph(
        function,
        model_path=str(package),
        devices=DEVICES,
        labeled_directory=str(tmp_path),
        batch_seconds=3600,
    )
    monkeypatch.setenv("SERVING_SPEC_ENV", function._get_serving_spec())
    v2_serving_init(context, {})
    for path, body in (("/telemetry", event()), ("/labels", label())):
        sent = MockEvent(body=json.dumps(body).encode(), path=path, method="POST")
        assert context.mlrun_handler(context, sent).status_code == 200
    assert not list(tmp_path.glob("*.parquet"))
    (hook,) = hooks
    hook()
    assert len(list(tmp_path.glob("*.parquet"))) == 1


def test_a_changed_model_file_is_not_served(schema: TelemetrySchema, tmp_path: Path) -> None:
    write_package(tmp_path, schema)
    with (tmp_path / MODEL_FILE).open("ab") as file:
        file.write(b"more")
    with pytest.raises(ModelPackageError, match=r"model\.onnx: SHA-256: must be .* to be served, got"):
        make_client(tmp_path)


@pytest.mark.parametrize("missing", [MODEL_FILE, SCHEMA_FILE])
def test_an_incomplete_package_is_not_served(schema: TelemetrySchema, tmp_path: Path, missing: str) -> None:
    write_package(tmp_path, schema)
    (tmp_path / missing).unlink()
    with pytest.raises(ModelPackageError, match=f"must hold {missing}"):
        make_client(tmp_path)


def test_a_model_is_not_served_without_its_static_features(package: Path) -> None:
    with pytest.raises(ModelPackageError, match="input 'model_x': must be a feature of live events"):
        make_client(package, devices=None)


def test_without_known_devices_every_device_is_accepted(schema: TelemetrySchema, tmp_path: Path) -> None:
    client = make_client(write_package(tmp_path, schema, inputs=("cpu", "cpu_avg_1m")), devices=None)
    assert client.post("/telemetry", event("new/device")).json["status"] == "accepted"
    half = client.post("/telemetry", event("new/\ud800"))
    assert (half.status, half.json["error"]["field"]) == (422, "device")
    assert half.json["error"]["got"] == "new/?"


def test_a_failure_of_our_own_is_a_500_with_an_error_object(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = client.step("preprocess")

    def fail(*args: Any) -> None:
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(step, "handle", fail)
        answered = client.post("/telemetry", event())
        assert answered.status == 500
        assert answered.json["error"]["field"] == "server"
        assert "a defect" not in str(answered.json)
    assert client.post("/telemetry", event(seconds=10)).status == 200
    assert 'netops_requests_total{kind="telemetry",status="500"} 1.0' in client.get("/metrics").json


def test_bodies_that_a_trigger_has_parsed_are_taken_as_they_are(client: Client) -> None:
    for path, body in (("/telemetry", event()), ("/telemetry", [event(seconds=1)]), ("/labels", label())):
        response = client.server.test(path, body=body, method="POST", get_body=False)
        assert response.status_code == 200
    refused = client.server.test("/telemetry", body=event(cpu=float("nan")), method="POST", silent=True)
    assert json.loads(refused.body)["error"] == {
        "field": "cpu",
        "rule": "must be a finite number or null",
        "got": "nan",
    }


def test_metrics_count_what_happened(client: Client) -> None:
    client.post("/telemetry", [event(cpu=500), event(cpu=500), event("nobody")])
    client.post("/labels", label())
    answered = client.get("/metrics")
    assert answered.content_type.startswith("text/plain; version=")
    for line in (
        'netops_requests_total{kind="telemetry",status="422"} 1.0',
        'netops_events_total{status="accepted"} 1.0',
        'netops_events_total{status="duplicate"} 1.0',
        'netops_events_total{status="refused"} 1.0',
        'netops_out_of_range_total{metric="cpu"} 2.0',
        'netops_labels_total{status="joined"} 1.0',
        'netops_ledger_size{state="joined"} 1.0',
        'netops_request_seconds_count{kind="telemetry"} 1.0',
    ):
        assert line in answered.json.splitlines()
    assert 'netops_predictions_total{model="model",prediction=' in answered.json


def test_each_event_of_a_list_is_counted(client: Client) -> None:
    client.post("/telemetry", [event(), event(), event(), event(seconds=10)])
    client.post("/labels", [label(), label(), label(), label(seconds=10)])
    lines = client.get("/metrics").json.splitlines()
    for name, first in (("events", "accepted"), ("labels", "joined")):
        assert f'netops_{name}_total{{status="{first}"}} 2.0' in lines
        assert f'netops_{name}_total{{status="duplicate"}} 2.0' in lines
