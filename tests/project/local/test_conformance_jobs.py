"""MLRun's unmodified client: jobs, schedules and workflows of the server, and runs that are aborted."""

import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from project.local.stack import Stack
from tests.conftest import SOURCE_ROOT
from tests.project.local.conformance import local_only, new_project

pytestmark = pytest.mark.slow


@local_only
def test_a_job_runs_on_the_server_and_its_log_and_results_come_back(client):
    run = client("jobs.job", new_project())
    assert (run["state"], run["outputs"], run["artifact"]) == ("completed", 8, "n is 4")
    assert "training with 4\n" in run["log"]
    assert run["labels"]["kind"] == "job"


@local_only
def test_an_aborted_job_ends_and_stays_aborted(client):
    found = client("jobs.aborted_job", new_project())
    assert found["task"] == "succeeded"
    assert (found["status"]["state"], found["status"]["status_text"]) == ("aborted", "enough")
    assert "already in terminal state" in found["again"]


@local_only
def test_an_aborted_run_of_another_process_stays_aborted_and_keeps_what_it_made(client):
    found = client("jobs.aborted_local_run", new_project())
    assert found["listed"] == ["aborted"]
    stored = found["stored"]
    assert (stored["state"], stored["status_text"]) == ("aborted", "enough")
    assert stored["results"] == {"task": "succeeded", "score": 1}


@local_only
def test_a_job_on_a_schedule_is_listed_changed_started_and_deleted(client):
    assert client("jobs.schedule", new_project()) == {
        "first": ("*/5 * * * *", 0, None),
        "changed": "0 3 1 1 *",
        "berlin": True,
        "label": "nightly",
        "results": {"score": 6},
        "uri": True,
        "last": "completed",
        "left": ["nightly"],
    }


@local_only
def test_a_workflow_runs_on_the_server_from_the_project_s_folder(client):
    found = client("jobs.remote_workflow", new_project())
    assert "Project source is required" in found["refused"]
    assert found["state"] in {"Succeeded", "completed"}
    assert found["runner"] == ("completed", "workflow-runner")
    assert found["steps"] == [{"score": 2}, {"score": 4}]
    assert found["artifact"] == "n is 2"


@local_only
def test_aborting_a_step_ends_the_workflow_and_all_its_runs(client):
    found = client("jobs.aborted_workflow", new_project())
    assert found["first"] == ("completed", None)
    assert found["second"][0] == "aborted"
    state, error = found["workflow-runner-main"]
    assert state == "aborted"
    assert error.startswith("its process was ended: run ")


@local_only
def test_a_workflow_for_kubeflow_says_which_engine_there_is(client):
    assert "run the workflow with engine='local'" in client("jobs.default_engine", new_project())


@pytest.fixture(scope="module")
def our_project(local_stack):
    """A project of ours as 'netops' registers it, without a run."""
    name = new_project()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NETOPS_")}
    program = (
        "import sys; from project.project_setup import load_project; from project.settings import Settings\n"
        "load_project(sys.argv[1], Settings.from_environment())"
    )
    subprocess.run(
        [sys.executable, "-c", program, name],
        cwd=SOURCE_ROOT,
        env={
            **environment,
            "NETOPS_HOME": str(local_stack.stack.home),
            "MLRUN_DBPATH": local_stack.info.mlrun_dbpath,
        },
        check=True,
        timeout=120,
    )
    return name


@local_only
def test_a_project_of_ours_runs_from_another_folder_and_on_a_schedule(client, our_project):
    found = client("jobs.our_project", our_project)
    assert found["state"] in {"Succeeded", "completed"}
    assert (found["cron"], found["next"], found["arguments"]) == ("*/5 * * * *", 0, {"seed": 3})
    assert found["step"] == ("ingest", "completed", 3)
    assert found["last"] is True
    assert found["artifact"] == "metrics:"
    assert found["listed"] == ["ingest", "live-history", "workflow-runner-ingest"]


@local_only
def test_a_workflow_of_ours_is_aborted_whole_and_the_next_one_works(client, our_project):
    found = client("jobs.our_project_aborted", our_project)
    assert "one workflow at a time: " in found["refused"]
    assert found["step_state"] == "aborted"
    reason = f"its process was ended: run {found['step']} was aborted"
    assert found["runner"] == ("aborted", reason)
    assert found["again"] in {"Succeeded", "completed"}


def _until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


@local_only
def test_a_job_outlives_kill_9_of_the_control_plane_and_what_died_meanwhile_is_told(tmp_path):
    stack = Stack(tmp_path / "home", SOURCE_ROOT)
    try:
        info = stack.up()
        api = f"{info.mlrun_dbpath}/api/v1"
        httpx.post(f"{api}/projects", json={"metadata": {"name": "demo"}}).raise_for_status()

        def submit(name):
            task = {
                "metadata": {"project": "demo", "name": name},
                "spec": {"handler": "time.sleep", "parameters": {"seconds": 300}},
            }
            answer = httpx.post(f"{api}/submit_job", json={"task": task}).raise_for_status()
            return answer.json()["data"]["metadata"]["uid"]

        def status(uid):
            return httpx.get(f"{api}/projects/demo/runs/{uid}").json()["data"]["status"]

        lives, dies = submit("lives"), submit("dies")
        schedule = {"name": "often", "cron_trigger": "0 3 1 1 *", "scheduled_object": {"task": {}}}
        httpx.post(f"{api}/projects/demo/schedules", json=schedule).raise_for_status()
        os.kill(info.api_pid, signal.SIGKILL)
        processes = _pids_of(tmp_path, lives, dies)
        os.kill(processes[dies], signal.SIGKILL)
        assert stack.up().mlrun_dbpath == info.mlrun_dbpath
        assert status(dies)["state"] == "aborted"
        assert status(dies)["error"].startswith("its process ended: the process is gone")
        assert status(lives)["state"] in {"pending", "running"}
        (kept,) = httpx.get(f"{api}/projects/demo/schedules").json()["schedules"]
        assert kept["next_run_time"]
        os.kill(processes[lives], signal.SIGKILL)
        _until(lambda: status(lives)["state"] == "aborted")
        # What runs when everything is stopped is told, too.
        stopped = submit("stopped")
        stack.stop()
        assert [schedule["name"] for schedule in stack.waiting_schedules()] == ["often"]
        stack.up()
        assert (status(stopped)["state"], status(stopped)["error"]) == (
            "aborted",
            "the control plane was stopped",
        )
    finally:
        stack.stop()


def _pids_of(tmp_path, *uids):
    from project.local.api.jobs.records import find_process
    from project.local.api.records.store import Store
    from project.local.api.settings import database_file

    store = Store(database_file(tmp_path / "home"))
    try:
        return {uid: find_process(store, "demo", uid).process.pid for uid in uids}
    finally:
        store.close()
