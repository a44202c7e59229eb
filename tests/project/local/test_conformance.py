"""MLRun's unmodified client against the API: projects, runs, artifacts, functions, features, workflows."""

import subprocess
import sys

import pytest

from tests.project.local.conformance import local_only, new_project
from tests.project.local.mlrun_client import Client, clean_environment

pytestmark = pytest.mark.slow


@local_only
def test_a_client_takes_its_settings_from_the_server(client, local_stack):
    home, settings = local_stack.stack.home, client("projects.settings")
    assert settings["redis_url"] == local_stack.info.redis_url
    assert settings["artifact_path"].startswith(f"{home}/artifacts/")
    assert settings["prefix"].startswith(f"{home}/feature-store/")
    assert settings["targets"] == "parquet,redisnosql"
    assert settings["nuclio"]


def test_a_project_is_made_changed_and_loaded_again(client):
    assert client("projects.project_twice", new_project()) == {
        "params": {"a": 1},
        "description": "about",
        "listed": True,
        "created": True,
    }


def test_a_local_run_is_there_with_results_artifacts_and_log(client):
    run = client("runs.run_once", new_project())
    assert run["state"] == "completed"
    assert run["outputs"]["score"] == run["stored_results"]["score"] == 1.0
    assert run["outputs"]["data"].startswith("store://datasets/")
    assert run["rows"] == 10
    assert run["model"] == {"score": 1.0}
    assert run["listed"] == [run["uid"]]
    assert run["parameters"] == {"n": 10}
    assert (run["log"], run["log_state"]) == ("training with 10\n", "completed")


def test_artifacts_of_a_run_are_stored_under_run_and_key(client):
    run = client("runs.run_once", new_project(), "my-run")
    assert run["db_keys"] == ["my-run_data", "my-run_model"]
    assert run["stored_artifacts"] == ["data", "model"]
    assert run["models"] == [("model", "my-run_model", "10")]


def test_a_run_that_fails_says_why(client):
    run = client("runs.run_that_fails", new_project())
    assert run["state"] == "error"
    assert "failed on purpose" in run["error"]


def test_an_artifact_is_found_by_uri_key_and_tree_but_not_by_its_short_key(client):
    found = client("artifacts.artifact_names", new_project())
    assert found["by_uri"] == (3, 4)
    assert found["by_key"] == (4, True)
    assert found["by_tree"]
    assert "not found" in found["short"]
    assert (found["latest"], found["all"]) == (1, 2)


def test_tags_are_given_listed_and_taken(client):
    found = client("artifacts.tags", new_project())
    assert found["tree"]
    assert found["listed"] == ["train_model"]
    assert found["before"] == ["champion", "latest"]
    assert found["after"] == ["latest"]


def test_a_hyper_parameter_run_has_iterations_and_a_best_one(client):
    run = client("runs.hyper_parameters", new_project())
    assert run["results"] == {"best_iteration": 2, "score": 2.0}
    assert [row[1] for row in run["table"][1:]] == [1, 2, 3]
    assert run["children"] == [(1, 0.5), (2, 2.0), (3, 1.0)]
    assert (run["best"], run["second"], run["root"]) == ([2], [1], 2)
    assert run["rows"] == 20
    assert run["listed"] == 1


def test_functions_are_saved_and_imported_by_uri_tag_and_hash(client):
    found = client("functions.functions", new_project())
    assert found["old"] == ("job", "mlrun/mlrun")
    assert found["new"] == ("my-job", "other")
    assert found["listed"] == ["my-job"]
    assert found["deleted"] == []


def test_a_feature_set_with_windows_is_ingested_and_read_offline(client):
    found = client("feature_sets.feature_sets", new_project())
    assert found["ingested"] == 3
    assert found["columns"] == ["cpu", "cpu_avg_1h", "cpu_max_1h", "site"]
    assert sorted(found["averages"]) == [10.0, 20.0, 20.0]
    assert (found["listed"], found["features"]) == (["metrics"], ["cpu"])
    assert (found["after"], found["vectors"]) == ([], ["features"])


@local_only
def test_default_targets_are_local_and_online_features_come_from_valkey(client, local_stack):
    found = client("feature_sets.online_features", new_project())
    assert found["kinds"] == ["parquet", "redisnosql"]
    assert any(path.startswith(str(local_stack.stack.home)) for path in found["paths"])
    assert found["online"] == [{"cpu": 30.0, "site": "x"}, {"cpu": 20.0, "site": "y"}]
    assert found["offline"] == 3


def test_a_workflow_runs_on_the_local_engine_and_its_runs_are_listed_with_it(client):
    status = client("workflows.workflow", new_project())
    assert status["state"] in {"Succeeded", "completed"}
    assert status["runs"] == {
        "first": ("completed", {"score": 8}),
        "second": ("completed", {"rows": 4, "score": 8}),
    }


def test_the_mlrun_command_shows_runs_and_runs_a_workflow(client):
    name = new_project()
    client("workflows.workflow", name)
    command = ("project", name, "-n", name, "-r", "main", "--engine", "local", "-w", "-a", "n=6")
    client.mlrun(*command)
    table = client("command.output", "get", "runs", "-p", name)
    assert table.count("completed") >= 2
    assert "first" in table
    assert "first:latest" in client("command.output", "get", "functions", "-p", name)
    assert "first_data" in client("command.output", "get", "artifacts", "-p", name)
    results = {tuple(run) for run in client("runs.all_results", name, "first")}
    assert results == {(("score", 8),), (("score", 12),)}


def test_things_and_then_the_project_are_deleted(client):
    found = client("projects.notify_and_delete", new_project())
    assert found["artifacts"] == ["train_model"]
    assert found["runs"] == 0
    assert "can not be deleted since related resources found" in found["refused"]
    assert found["left"] is False


def test_several_clients_at_once_lose_nothing(client, dbpath, tmp_path):
    project = new_project()
    clients = [client, Client(dbpath, tmp_path)]
    try:
        waiting = [other.submit("runs.many_runs", project, f"job-{n}", 6) for n, other in enumerate(clients)]
        expected = {(f"job-{n}", uid, "completed") for n, job in enumerate(waiting) for uid in job.result()}
    finally:
        clients[1].close()
    found = client("runs.all_runs", project)
    assert len(found) == 12
    assert set(found) == expected


@local_only
def test_what_needs_a_cluster_says_which_call_and_which_profile(client):
    message = client("projects.unsupported")
    assert "GET /api/v1/hub/sources is not available on the local control plane" in message
    assert "the kubernetes profile has it" in message


PLAIN_SESSION = """
import mlrun, mlrun.feature_store as fstore, pandas as pd, sys
from mlrun.datastore.targets import ParquetTarget

def train(context, n=3):
    context.log_dataset("data", df=pd.DataFrame({"a": range(n)}))
    context.log_model("model", body=b"weights", model_file="model.bin")

project = mlrun.get_or_create_project(sys.argv[1], "./context")
run = mlrun.new_function("job", project=project.name).run(handler=train, name="train", local=True)
frame = pd.DataFrame({"device": ["a"], "cpu": [1.0], "time": pd.to_datetime(["2024-01-01"])})
features = fstore.FeatureSet("metrics", entities=[fstore.Entity("device")], timestamp_key="time")
features.add_aggregation("cpu", ["avg"], ["1h"], "10m")
features.set_targets([ParquetTarget(path="./features.parquet")], with_defaults=False)
features.ingest(frame)
vector = fstore.FeatureVector("vector", ["metrics.*"])
print("rows", len(vector.get_offline_features().to_dataframe()))
print("runs", [item["status"]["state"] for item in project.list_runs()])
print("artifacts", sorted(item["metadata"]["key"] for item in project.list_artifacts()))
print("ours", sorted({"project", "feature_sets", "graphs"} & set(sys.modules)))
"""


def test_a_plain_session_elsewhere_needs_nothing_but_the_address(dbpath, tmp_path):
    name = new_project()
    (tmp_path / "session.py").write_text(PLAIN_SESSION)
    done = subprocess.run(
        [sys.executable, "session.py", name],
        cwd=tmp_path,
        env=clean_environment(dbpath),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith(("rows", "runs", "artifacts", "ours"))] == [
        "rows 1",
        "runs ['completed']",
        "artifacts ['data', 'model']",
        "ours []",
    ]
    # MLRun puts a folder for each ingestion before the name.
    assert list(tmp_path.glob("*/features.parquet"))


@local_only
def test_an_event_activates_the_alerts_that_are_on_it(client):
    assert client("alerts.activated", new_project(), "model") == {
        "activated": [("drift", "model", "high")],
        "listed": ["drift"],
        "severity": "high",
        "left": [],
    }


@local_only
def test_the_drift_of_the_loop_activates_alerts(client):
    event = {"source": "glr", "level": "drift", "event_time": "2024-05-01T00:00:00+00:00", "n_seen": 9}
    told = {"id": "e1", "version": "v1", "event": event}
    assert client("alerts.generated", new_project(), told) == ["model.drift.result.error_rate"]
