"""A project that lives on after its first run.

What once broke on the second day, and where else it is held, below ``tests/``:

- The empty request to the runner brought the simulated network into a project of real telemetry: here, and
  ``project/test_runner.py``, ``project/test_last_run.py``.
- A second run waited for pairs that nobody sent, and its cause was in a log only:
  ``project/test_labeled_stream.py``, ``project/test_telemetry_generator.py``.
- Nothing live reached training: ``project/test_live_history.py``, and here.
- The newest day replaced the history: ``feature_sets/ingestion/test_telemetry_append.py``.
- Recorded rows were sent to the endpoint as if they were live: ``integration/test_rehearsal.py``.
- Numbers of earlier runs were in the summary: ``project/test_summary.py``.
- A model was promoted although a rule was better, or the one in production:
  ``training/evaluation/test_promotion_gate.py``, ``training/test_evaluate_handler.py``.
- A new device could not be added: ``feature_sets/ingestion/test_device_registry.py``, and here.
- Two runs at once both succeeded, by half; interrupted steps ran for ever; a terminal state changed:
  ``project/test_run_lock.py``, ``project/test_interruption.py``, ``project/local/test_orphaned_runs.py``,
  ``project/local/test_conformance_jobs.py``.
- MLRun's client found no workflow in the project: here, and ``project/local/test_conformance_jobs.py``.
- A status line said two things at once: ``project/test_summary.py``.
"""

import json
import subprocess
import sys
import time

import httpx
import pandas as pd
import pytest

from project.run_lock import COMMAND, held
from tests.integration.made_networks import write_network

BY_MLRUN = """
import os, sys, mlrun
project = mlrun.load_project(sys.argv[1], "netops-own", "netops-own")
run = project.run("ingest", watch=False)
print("state", run.state)
"""
"""What a user writes outside the repository."""


def hold_back(folder, name, ticks):
    """Make a file a folder, its last ticks left out; returns the file for them and their rows."""
    file = folder / f"{name}.parquet"
    rows = pd.read_parquet(file)
    file.unlink()
    (folder / name).mkdir()
    later = rows["at"] >= rows["at"].max() - pd.Timedelta(seconds=10 * (ticks - 1))
    rows[~later].to_parquet(folder / name / "first.parquet")
    return folder / name / "later.parquet", rows[later]


def ended(address, run_id):
    """What the runner tells of a run when it is over."""
    while True:
        try:
            state = httpx.get(f"{address}/runs/{run_id}", timeout=150).json()
        except httpx.TransportError:
            pass  # The run deploys the runner anew, at the same address.
        else:
            if state["state"] not in ("starting", "running"):
                return state
        time.sleep(0.3)


@pytest.fixture(scope="module")
def own(installation, tmp_path_factory):
    """A project of telemetry of one's own, in which ingestion ran once."""
    folder = tmp_path_factory.mktemp("telemetry") / "own"
    schema = write_network(folder, devices=4, metrics=2, ticks=300, tick_seconds=10, errors="shown")
    done = installation.netops("ingest", "--telemetry", str(folder), "--schema", str(schema), "--json")
    return folder, schema, json.loads(done.stdout)


def test_ingestion_with_nothing_given_takes_the_same_telemetry_again(installation, own):
    folder, _, first = own
    done = installation.netops("ingest", "--project", "netops-own", "--json")
    assert json.loads(done.stdout)["rows_read"] == first["rows_read"] == 1200
    assert f"telemetry={folder}" in done.stderr
    assert done.stderr.startswith("as in run ")


def test_mlruns_own_client_loads_the_project_and_repeats_the_run(installation, own, tmp_path):
    environment = installation.environment(MLRUN_DBPATH=installation.status()["mlrun_dbpath"])
    done = subprocess.run(
        [sys.executable, "-c", BY_MLRUN, str(tmp_path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert "state Succeeded" in done.stdout, done.stdout + done.stderr
    found = installation.api("projects/netops-own/runs")["runs"]
    newest = next(run for run in found if run["metadata"]["name"] == "ingest")
    assert newest["status"]["results"]["rows_read"] == 1200


def test_another_schema_is_refused_before_anything_is_written(installation, own):
    before = installation.api("projects/netops-own/runs")["runs"]
    done = installation.netops("ingest", "--project", "netops-own", "--set", "schema=", check=False)
    assert done.returncode == 2
    assert "must be the schema 'own' that project 'netops-own' stands on" in done.stderr
    assert installation.api("projects/netops-own/runs")["runs"] == before


def test_an_empty_request_to_the_runner_retrains_on_the_projects_own_telemetry_grown_since(
    installation, tmp_path
):
    folder = tmp_path / "grown"
    schema = write_network(folder, devices=4, metrics=2, ticks=900, tick_seconds=10, errors="shown")
    held_back = [hold_back(folder, name, ticks=300) for name in ("metrics", "labels")]
    few = ("--set", "combinations=4", "--set", "deploy_concept_drift=false", "--seconds", "2")
    source = ("--telemetry", str(folder), "--schema", str(schema))
    # Whatever the gate says: the runner is deployed with the model.
    done = installation.netops("run", *source, *few, "--promote", "--keep", "--json")
    first = json.loads(done.stdout)
    for path, rows in held_back:
        rows.to_parquet(path)

    address = installation.endpoint("runner", "netops-grown")["address"]
    headers = installation.bearer()
    body = {"workflow": "main", "arguments": {}}
    started = httpx.post(f"{address}/runs", json=body, headers=headers, timeout=150)
    assert started.status_code == 202
    run_id = started.json()["run_id"]
    state = ended(address, run_id)
    assert state["state"] == "succeeded", state
    newest = httpx.get(f"{address}/runs", headers=headers).json()["runs"][0]
    assert newest == {"workflow": "main", **state}

    found = installation.api("projects/netops-grown/runs", label=f"workflow={run_id}")["runs"]
    results = {run["metadata"]["name"]: run["status"]["results"] for run in found}
    assert results["ingest"]["rows_ingested"] == 900 * 4
    assert results["ingest"]["rows_new"] == 300 * 4
    assert results["train"]["train_end"] > first["trained"]["train_end"]
    # The reason is told where the gate decided, and in the list of the runs.
    decided = {**results["evaluate"], **results["promote"]}
    gate = f"{decided['promotion']}: {decided['promotion_reason']}"
    assert gate.startswith(("promoted: better: ", "not promoted: ", "already in production: "))
    assert gate in installation.netops("runs", "--project", "netops-grown").stdout
    installation.netops("stop", "runner", "--project", "netops-grown")
    installation.netops("stop", "serving", "--project", "netops-grown")


def test_an_empty_request_to_the_runner_repeats_the_arguments(installation):
    address = installation.endpoint("runner")["address"]
    headers = installation.bearer()
    with held(installation.home, "netops", "netops run", COMMAND):
        refused = httpx.post(f"{address}/runs", json={"workflow": "ingest", "arguments": {}}, headers=headers)
        also = installation.netops("ingest", check=False)
        installation.netops("ingest", "--project", "netops-elsewhere", "--set", "ticks=60")
    assert refused.status_code == 409
    assert also.returncode == 1
    assert "has one run at a time, and netops run (pid " in also.stderr
    body = {"workflow": "ingest", "arguments": {}}
    started = httpx.post(f"{address}/runs", json=body, headers=headers, timeout=150)
    assert started.status_code == 202
    run_id = started.json()["run_id"]
    assert ended(address, run_id)["state"] == "succeeded"
    found = installation.api("projects/netops/runs", label=f"workflow={run_id}")["runs"]
    runs = {run["metadata"]["name"]: run for run in found}
    # Those of the first run, not the defaults of 20 devices and 50,000 ticks.
    given = runs["ingest"]["spec"]["parameters"]
    assert (given["devices"], given["ticks"]) == (8, 700)
    # What the endpoint was sent is history now, and taken once.
    live = runs["live-history"]["status"]["results"]
    streamed = installation.summary["stream"]
    assert live["readings_new"] >= streamed["statuses"]["accepted"], live
    assert live["labels_new"] >= installation.summary["labeled"]["joined"]
    again = json.loads(installation.netops("ingest", "--live", "--json").stdout)["live"]
    assert (again["readings"], again["labels"]) == (0, 0)
    found = json.loads(installation.netops("audit", "--json").stdout)
    assert found["compared"] == found["pairs"] >= installation.summary["labeled"]["joined"]
    assert found["mismatches"] == 0


def test_a_device_joins_and_is_retired_while_the_endpoint_runs(installation):
    address = installation.endpoint()["address"]
    event = {"device": "Newcomer/new-1/dev-9", "timestamp": "2024-01-01T01:56:40Z"}
    event |= {"cpu_utilization": 61.5, "throughput": 412.0, "latency": 9.1, "packet_loss": 0.2}

    def sent(second: int) -> tuple[int, str]:
        answer = httpx.post(
            f"{address}/telemetry",
            json={**event, "timestamp": f"2024-01-01T01:57:{second}Z"},
            headers=installation.bearer("write"),
        )
        return answer.status_code, answer.json().get("device_status", "")

    assert sent(10) == (422, "")
    attributes = ("--attribute", "model=edge-400", "--attribute", "country=Norway")
    added = installation.netops("devices", "add", event["device"], *attributes)
    assert added.stdout.splitlines() == [f"{event['device']} joined", "the endpoint knows 9 devices"]
    assert sent(20) == (200, "known")
    installation.netops("devices", "retire", event["device"], "--from", "2024-01-01T01:57:30Z")
    assert sent(25) == (200, "known")
    assert sent(30) == (422, "")
    assert json.loads(installation.netops("ingest", "--live", "--json").stdout)["live"]["readings_new"] == 2
    listed = json.loads(installation.netops("devices", "--json").stdout)
    mine = next(one for one in listed if one["device"] == event["device"])
    assert (mine["state"], mine["state_since"]) == ("retired", "2024-01-01T01:57:30Z")
    assert (mine["first"], mine["last"]) == ("2024-01-01T01:57:20Z", "2024-01-01T01:57:25Z")
    assert len(listed) == 9
