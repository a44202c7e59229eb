"""Jobs and workflows over HTTP. What they run is a module that is not there."""

import time

import pytest

from tests.project.local.api.routes.test_runs import RUNS

WORKFLOWS = "/api/v1/projects/demo/workflows"


@pytest.fixture
def project(api):
    """A project that names a runner of its own, with one workflow."""
    workflow = {"name": "main", "path": "/code/workflow.py", "handler": "pipeline", "args": {"n": 1}}
    document = {
        "metadata": {"name": "demo", "labels": {"netops/workflow-runner": "no.such.runner"}},
        "spec": {"workflows": [workflow]},
    }
    api.put("/api/v1/projects/demo", json=document)
    return api


def test_a_job_whose_process_dies_is_an_error_with_its_last_words_as_log(api, monkeypatch):
    # The process ends before it imports anything: MLRun takes seconds for that.
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    task = {"metadata": {"project": "demo", "name": "job"}, "spec": {"handler": "pkg.mod.f"}}
    run = api.post("/api/v1/submit_job", json={"task": task}).json()["data"]
    monkeypatch.undo()
    uid = run["metadata"]["uid"]
    deadline = time.monotonic() + 30
    while (status := api.get(f"{RUNS}/{uid}").json()["data"]["status"])["state"] == "pending":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status["state"] == "error"
    assert "exited with code 1 before the run had ended" in status["error"]
    log = api.get(f"/api/v1/projects/demo/logs/{uid}")
    assert (log.headers["x-mlrun-run-state"], "encodings" in log.text) == ("error", True)
    assert api.get(f"/api/v1/projects/demo/logs/{uid}", params={"offset": 5, "size": 3}).text == log.text[5:8]
    assert api.get(f"/api/v1/projects/demo/logs/{uid}/size").json()["size"] == len(log.content)
    answer = api.get(f"{WORKFLOWS}/main/runs/{uid}")
    assert (answer.status_code, "Failed to run workflow main, state: error" in answer.text) == (412, True)


def test_aborting_a_job_ends_its_process(api):
    task = {"metadata": {"project": "demo", "name": "job"}, "spec": {"handler": "pkg.mod.f"}}
    uid = api.post("/api/v1/submit_job", json={"task": task}).json()["data"]["metadata"]["uid"]
    # While its process imports MLRun.
    assert api.get(f"{WORKFLOWS}/main/runs/{uid}").status_code == 404
    assert api.post(f"{RUNS}/{uid}/abort", json={}).status_code == 202
    status = api.get(f"{RUNS}/{uid}").json()["data"]["status"]
    assert (status["state"], status["status_text"]) == ("aborted", "aborted by a client")


def test_a_workflow_with_a_schedule_keeps_it_under_its_name(project):
    request = {"spec": {"schedule": "0 3 1 1 *", "args": {"n": 5}}, "run_name": "workflow-runner-main"}
    answer = project.post(f"{WORKFLOWS}/main/submit", json=request)
    assert answer.status_code == 202
    assert answer.json() == {
        "project": "demo",
        "name": "main",
        "status": "scheduled",
        "run_id": None,
        "schedule": "0 3 1 1 *",
    }
    schedule = project.get("/api/v1/projects/demo/schedules/main").json()
    task = schedule["scheduled_object"]["task"]
    assert (task["metadata"]["name"], task["spec"]["handler"]) == ("workflow-runner-main", "no.such.runner")
    assert task["spec"]["parameters"]["workflow_arguments"] == {"n": 5}
    assert project.delete("/api/v1/projects/demo/schedules/main").status_code == 204


def test_a_workflow_runs_in_a_process_of_its_own_one_at_a_time(project):
    answer = project.post(f"{WORKFLOWS}/main/submit", json={"spec": {"name": "main"}})
    assert (answer.status_code, answer.json()["status"]) == (202, "Running")
    uid = answer.json()["run_id"]
    refused = project.post(f"{WORKFLOWS}/main/submit", json={"spec": {"name": "main"}})
    assert refused.status_code == 409
    assert f"one workflow at a time: run {uid} has gone on since" in refused.json()["detail"]
    project.post(f"{RUNS}/{uid}/abort", json={})
    # The runner's own id stands for that of the workflow; its process tells the run id later.
    project.post(f"{RUNS}/u2", json={"metadata": {"name": "runner"}, "status": {"state": "running"}})
    assert project.get(f"{WORKFLOWS}/main/runs/u2").json() == {"workflow_id": "u2"}


def test_a_workflow_that_is_not_there_or_has_no_source_is_refused(api):
    answer = api.post(f"{WORKFLOWS}/other/submit", json={"spec": {"name": "other"}})
    assert answer.status_code == 404
    answer = api.post(f"{WORKFLOWS}/own/submit", json={"spec": {"name": "own", "path": "./own.py"}})
    assert (answer.status_code, "Project source is required" in answer.text) == (400, True)
