"""Runs of a workflow process that died, ended by the command that looks next."""

import json
import sys

import pytest

from project.local.processes import start
from project.local.workflow_records import WorkflowRecord, write_process, write_status
from project.orphaned_runs import settle
from project.session import Session
from project.settings import Settings

RUNS = "/api/v1/projects/demo/runs"


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path)


@pytest.fixture
def session(api):
    return Session(str(api.base_url).rstrip("/"), "", owned=True, started=False)


def _store(api, uid, state="running", workflow="w1"):
    run = {
        "metadata": {"name": uid, "uid": uid, "labels": {"workflow": workflow}},
        "status": {"state": state},
    }
    api.post(f"{RUNS}/{uid}", json=run)


def _status(api, uid):
    return api.get(f"{RUNS}/{uid}").json()["data"]["status"]


def _workflow(home, dbpath, state="running"):
    folder = home / "workflows" / "20240101T000000-abcdef"
    folder.mkdir(parents=True)
    (folder / "request.json").write_text(json.dumps({"project": "demo", "mlrun_dbpath": dbpath}))
    process = start([sys.executable, "-c", "import time; time.sleep(60)"], log=folder / "log.txt")
    write_process(folder, process)
    write_status(folder, "w1", state, "")
    return WorkflowRecord(folder, process)


def test_runs_of_a_living_workflow_are_left_alone_and_of_a_dead_one_are_aborted(api, settings, session):
    for uid, state, workflow in (("a", "running", "w1"), ("b", "completed", "w1"), ("c", "running", "w2")):
        _store(api, uid, state, workflow)
    record = _workflow(settings.home, session.mlrun_dbpath)
    assert settle(settings, session) == 0
    assert _status(api, "a")["state"] == "running"
    record.process.stop(0)
    assert settle(settings, session) == 1
    status = _status(api, "a")
    assert status["state"] == "aborted"
    assert status["error"] == status["status_text"]
    assert status["error"].startswith("its process ended: killed by signal ")
    assert [_status(api, uid)["state"] for uid in "bc"] == ["completed", "running"]
    assert record.status == {"run_id": "w1", "state": "failed", "error": status["error"]}
    assert settle(settings, session) == 0


def test_a_workflow_that_said_how_it_ended_is_believed(api, settings, session):
    record = _workflow(settings.home, session.mlrun_dbpath, "succeeded")
    record.process.stop(0)
    assert settle(settings, session) == 0
    assert record.status["state"] == "succeeded"


def test_one_that_could_not_reach_the_api_any_more_has_left_runs_all_the_same(api, settings, session):
    _store(api, "a")
    record = _workflow(settings.home, session.mlrun_dbpath, "failed")
    write_status(record.folder, "w1", "failed", "connection refused")
    record.process.stop(0)
    assert settle(settings, session) == 1
    assert _status(api, "a")["state"] == "aborted"
    assert _status(api, "a")["error"] == "its workflow failed: connection refused"
    assert record.status["error"] == "connection refused"


def test_runs_in_another_api_wait_until_that_one_is_asked(api, settings, session):
    _store(api, "a")
    record = _workflow(settings.home, session.mlrun_dbpath)
    record.process.stop(0)
    elsewhere = Session("http://127.0.0.1:9", "", owned=False, started=False)
    assert settle(settings, elsewhere) == 0
    unreachable = Session("http://127.0.0.1:9", "", owned=True, started=False)
    assert settle(settings, unreachable) == 0
    assert record.status["state"] == "running"
    foreign = Session(session.mlrun_dbpath, "", owned=False, started=False)
    assert settle(settings, foreign) == 1


def test_on_a_cluster_a_run_goes_on_without_the_process_that_submitted_it(api, tmp_path, session):
    _store(api, "a")
    _workflow(tmp_path, session.mlrun_dbpath).process.stop(0)
    cluster = Settings.from_environment(
        {
            "NETOPS_HOME": str(tmp_path),
            "NETOPS_PROFILE": "kubernetes",
            "NETOPS_SOURCE": "git://x",
            "NETOPS_STREAMS": "/streams",
            "MLRUN_DBPATH": session.mlrun_dbpath,
        }
    )
    assert settle(cluster, session) == 0
    assert _status(api, "a")["state"] == "running"
