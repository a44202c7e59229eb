"""Every route of the live endpoint over HTTP, with good input and bad."""

import json
from datetime import datetime, timedelta

import httpx
import pytest

from project.local.api.app import build_app
from project.local.api.settings import Settings

GOOD = {
    "cpu_utilization": 50.0,
    "throughput": 250.0,
    "latency": 9.0,
    "packet_loss": 1.0,
}


@pytest.fixture(scope="module")
def endpoint(installation):
    address, headers = installation.endpoint()["address"], installation.bearer("write")
    with httpx.Client(base_url=address, timeout=30, headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def seconds_later(endpoint):
    """Times behind all that other tests have streamed to the endpoint."""
    newest = datetime.fromisoformat(endpoint.get("/labeled").json()["newest_event_time"])
    return lambda seconds: (newest + timedelta(seconds=seconds)).isoformat()


@pytest.fixture(scope="module")
def event(installation, seconds_later):
    static = sorted((installation.home / "feature-store" / "netops" / "devices").rglob("*.parquet"))
    import pandas as pd

    frame = pd.read_parquet(static[0]).reset_index()
    return {"device": frame["device"].iloc[0], "timestamp": seconds_later(1), **GOOD}


def bad(event, **changes):
    return {key: value for key, value in {**event, **changes}.items() if value is not ...}


def assert_refused(answer, status, field):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["field"] == field
    assert {"field", "rule", "got"} <= set(error)


def test_an_event_is_predicted_and_a_repeat_gets_the_same_answer(endpoint, event):
    first = endpoint.post("/telemetry", json=event).json()
    assert set(first) == {
        *("device", "timestamp", "model", "version", "prediction", "probability", "threshold"),
        *("inputs", "missing_inputs", "status", "device_status"),
    }
    assert first["status"] == "accepted"
    again = endpoint.post("/telemetry", json=[event]).json()[0]
    assert again == {**first, "status": "duplicate"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cpu_utilization": ...}, "cpu_utilization"),
        ({"cpu_utilization": "high"}, "cpu_utilization"),
        ({"latency": [9.0]}, "latency"),
        ({"device": "nobody"}, "device"),
        ({"device": ...}, "device"),
        ({"timestamp": ...}, "timestamp"),
        ({"timestamp": "2024-06-01T00:00:00"}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
    ],
)
def test_a_bad_event_is_refused_by_field(endpoint, event, changes, field):
    assert_refused(endpoint.post("/telemetry", json=bad(event, **changes)), 422, field)


@pytest.mark.parametrize("path", ["/telemetry", "/labels", "/v2/models/model/infer"])
@pytest.mark.parametrize("body", [b"", b"null", b" null\n", b"{", b"\xff\xfe", b'{"device"', b"[" * 100_000])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_malformed_json_is_refused(endpoint, path, body, content_type):
    answer = endpoint.post(path, content=body, headers={"content-type": content_type})
    assert_refused(answer, 400, "body")


def test_a_number_that_is_none_is_refused(endpoint, event):
    text = json.dumps(bad(event, latency=float("nan")))
    answer = endpoint.post("/telemetry", content=text, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["field"] in ("latency", "body")


def test_in_a_list_the_good_events_are_processed_and_the_bad_reported_by_position(
    endpoint, event, seconds_later
):
    later = bad(event, timestamp=seconds_later(2))
    answer = endpoint.post("/telemetry", json=[bad(event, latency="x"), later, 7])
    assert_refused(answer, 422, "latency")
    content = answer.json()
    assert [error["position"] for error in content["errors"]] == [0, 2]
    assert content["results"][0] is None
    assert content["results"][1]["status"] == "accepted"


def test_ten_megabytes_are_refused_and_the_endpoint_lives(endpoint, event):
    answer = endpoint.post("/telemetry", content=b"[" + b" " * 10_000_000 + b"]")
    assert_refused(answer, 413, "body")
    assert endpoint.get("/v2/health/ready").status_code == 200


def test_labels_join_and_bad_labels_are_refused(endpoint, event, seconds_later):
    later = seconds_later(3)
    assert endpoint.post("/telemetry", json=bad(event, timestamp=later)).json()["status"] == "accepted"
    label = {"device": event["device"], "timestamp": later, "is_error": 0}
    assert endpoint.post("/labels", json=label).json()["status"] == "joined"
    assert endpoint.post("/labels", json=label).json()["status"] == "duplicate"
    assert endpoint.post("/labels", json={**label, "is_error": 1}).json()["status"] == "conflicting"
    assert_refused(endpoint.post("/labels", json={**label, "is_error": 2}), 422, "is_error")
    assert_refused(endpoint.post("/labels", json={**label, "device": "nobody"}), 422, "device")


def test_the_open_inference_protocol(endpoint):
    assert endpoint.get("/v2/health/live").status_code == 200
    assert endpoint.get("/v2/models/model/ready").status_code == 200
    metadata = endpoint.get("/v2/models/model").json()
    width = metadata["inputs"][0]["shape"][1]
    tensor = {"name": "input", "shape": [2, width], "datatype": "FP32", "data": [0.5] * (2 * width)}
    answer = endpoint.post("/v2/models/model/infer", json={"inputs": [tensor]}).json()
    outputs = {output["name"]: output for output in answer["outputs"]}
    assert outputs["prediction"]["shape"] == [2]
    assert outputs["probability"]["data"][0] == outputs["probability"]["data"][1]
    assert_refused(endpoint.get("/v2/models/other"), 404, "model")
    wrong = {**tensor, "shape": [2, 1]}
    assert_refused(endpoint.post("/v2/models/model/infer", json={"inputs": [wrong]}), 422, "inputs[0].shape")


def test_the_rest_of_the_routes(endpoint):
    assert "netops_requests_total" in endpoint.get("/metrics").text
    document = endpoint.get("/openapi.json").json()
    assert {"/telemetry", "/labels", "/metrics"} <= set(document["paths"])
    assert_refused(endpoint.get("/nothing"), 404, "path")
    assert_refused(endpoint.get("/telemetry"), 405, "method")
    assert_refused(endpoint.put("/drift/detectors", json={}), 403, "authorization")


ROUTING = """
import contextlib, dataclasses, io, json, os, subprocess, tempfile
from pathlib import Path
from project.session import open_session
from project.settings import Settings

settings = Settings.from_environment()
open_session(settings)
import mlrun
from feature_sets.model_package.package import fetch_model_package
from project.cli.models import models
from project.cli.routing import canary, shadow
from training.packaging.model_artifact import log_model_package
from training.packaging.package_writer import model_version, write_files

mlrun.get_or_create_project("netops", str(settings.home / "projects" / "netops"))
package = fetch_model_package("store://models/netops/evaluate_model:production")
schema = dataclasses.replace(package.schema, threshold=0.99)
schema = dataclasses.replace(schema, version=model_version(package.graph, schema))
context = mlrun.get_or_create_ctx("evaluate", project="netops")
context.artifact_path = str(settings.home / "registered")
with tempfile.TemporaryDirectory() as folder:
    key, public = Path(folder, "key.pem"), Path(folder, "key.pub")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    os.environ["NETOPS_SIGNING_KEY_FILE"] = str(key)
    files = Path(folder, "package")
    files.mkdir()
    write_files(files, schema, package.graph, package.golden)
    address = log_model_package(
        context, files, schema, algorithm="copy", parameters=package.parameters, feature_vector=""
    )
    del os.environ["NETOPS_SIGNING_KEY_FILE"]
    signed = fetch_model_package(address, public.read_text()).schema.version == schema.version

def told(command, *arguments, **options):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        command(*arguments, as_json=True, **options)
    return json.loads(said.getvalue().splitlines()[-1])

print(json.dumps({
    "version": schema.version,
    "golden": package.golden is not None,
    "signed": signed,
    "shadow": told(shadow, schema.version[:6], why="a try"),
    "canary": told(canary, schema.version[:6], share=0.3, why="a larger try"),
    "models": told(models),
    "off": told(canary, schema.version[:6], off=True),
}))
"""
"""Registers a copy of the model in production as another version, and tries it beside that."""


def test_a_version_is_tried_beside_the_champion_by_commands(installation, endpoint):
    told = installation.python(ROUTING)
    assert told["signed"]
    version, champion = told["version"], endpoint.get("/").json()["model_version"]
    assert told["golden"]
    roles = {each["version"]: each for each in told["models"]["versions"]}
    assert (roles[champion]["role"], "production" in roles[champion]["tags"]) == ("champion", True)
    # 8 devices: the smallest whole number that is at least 2.4.
    assert (roles[version]["role"], roles[version]["share"], roles[version]["devices"]) == ("canary", 0.3, 3)
    assert [change["why"] for change in told["models"]["changes"]][-2:] == ["a try", "a larger try"]
    routing = endpoint.get("/routing", headers=installation.bearer()).json()
    assert [(each["version"], each["role"]) for each in routing["versions"]] == [(champion, "champion")]
    for method in ("GET", "PUT"):
        assert_refused(endpoint.request(method, "/routing", json={}), 403, "authorization")
        alone = httpx.request(method, f"{endpoint.base_url}/routing", json={})
        assert_refused(alone, 401, "authorization")
        assert alone.headers["www-authenticate"] == "Bearer"


def test_nobody_can_ask_the_control_plane_for_a_token(installation):
    """Every route that is asked with GET, whatever its path is filled with."""
    secrets = [installation.bearer(role)["Authorization"].split()[1] for role in ("read", "write", "admin")]
    uid = installation.api("projects/netops/runs")["runs"][0]["metadata"]["uid"]
    filled = {"project": "netops", "name": "serving", "uid": uid, "key": "model", "function": "serving"}
    asked = 0
    for route in build_app(Settings(installation.home / "other", installation.home, "")).routes:
        if "GET" in route.methods and set(route.param_convertors) <= {*filled, "path"}:
            path = route.path_format.format_map({**filled, "path": ""})
            answer = httpx.get(f"{installation.dbpath}{path}", timeout=60)
            assert not any(secret in answer.text for secret in secrets), path
            asked += answer.status_code == 200
    assert asked >= 12
    deployed = installation.api("projects/netops/functions/serving")["func"]["spec"]["env"]
    assert {"NETOPS_TOKEN_FILE", "NETOPS_TOKEN_WRITE_FILE"} <= {each["name"] for each in deployed}


def test_the_runner_guards_its_route(installation):
    address = installation.endpoint("runner")["address"]
    assert_refused(httpx.post(f"{address}/runs", json={}), 401, "authorization")
    headers = installation.bearer()
    refused = httpx.post(f"{address}/runs", json={"arguments": {"sead": 1}}, headers=headers)
    assert_refused(refused, 422, "arguments.sead")


def test_the_runner_starts_one_workflow_at_a_time(installation):
    address = installation.endpoint("runner")["address"]
    headers = installation.bearer()
    body = {"workflow": "serve"}
    started = httpx.post(f"{address}/runs", json=body, headers=headers, timeout=60)
    assert started.status_code == 202, started.text
    run_id = started.json()["run_id"]
    second = httpx.post(f"{address}/runs", json=body, headers=headers, timeout=60)
    assert_refused(second, 409, "workflow")
    assert second.json()["error"]["got"] == run_id
    import time

    for _ in range(240):
        state = httpx.get(f"{address}/runs/{run_id}").json()["state"]
        if state not in ("starting", "running"):
            break
        time.sleep(0.5)
    assert state == "succeeded"
