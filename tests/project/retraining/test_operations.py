"""What the loop sees of runs in a home, of the champion and of its arguments."""

import json
import os
import subprocess
import sys

import psutil
import pytest

from project.errors import NetopsError
from project.local.processes import Process
from project.local.workflow_records import GIVEN_UP_FILE, write_process, write_status
from project.memory import Memory, schema_digest
from project.retraining import operations as module
from project.retraining.loop import ABSENT, ENDED, KILLED, RUNNING, RunLook
from project.retraining.operations import LocalOperations
from project.run_lock import RUN, held
from project.settings import Settings

DEAD = Process(2**22 - 1, 1.0)


@pytest.fixture
def operations(tmp_path):
    return LocalOperations(Settings(home=tmp_path), "p", "http://127.0.0.1:9")


def folder(home, name="key", process=None, **status):
    path = home / "workflows" / name
    path.mkdir(parents=True)
    (path / "request.json").write_text(json.dumps({"project": "p", "arguments": {"seed": 7}}))
    if process is not None:
        write_process(path, process)
    if status:
        write_status(path, status.get("run_id", "r"), status["state"], status.get("error", ""))
    return path


@pytest.mark.parametrize(
    ("state", "error", "look"),
    [
        ("succeeded", "", ENDED),
        ("failed", "step train: no rows", ENDED),
        ("failed", "its process ended: killed by signal 9", KILLED),
        ("aborted", "ended by 'netops stop'", KILLED),
    ],
)
def test_a_run_that_is_over(operations, tmp_path, state, error, look):
    folder(tmp_path, process=DEAD, state=state, error=error)
    assert operations.look("key") == RunLook(look, "r", state == "succeeded", error)


def test_a_run_that_was_killed_before_it_could_say_so(operations, tmp_path):
    folder(tmp_path, process=DEAD, state="running")
    found = operations.look("key")
    assert (found.state, found.run_id, found.succeeded) == (KILLED, "r", False)
    assert "the workflow process ended" in found.error


def test_a_run_that_goes_on(operations, tmp_path):
    here = Process(os.getpid(), psutil.Process().create_time())
    folder(tmp_path, process=here, state="running")
    assert operations.look("key") == RunLook(RUNNING, "r")


def test_a_run_without_a_folder_never_began(operations):
    assert operations.look("key") == RunLook(ABSENT)


def test_a_run_that_was_cut_off_while_it_started_is_kept_from_beginning(operations, tmp_path):
    path = folder(tmp_path)
    with held(tmp_path, "p", "workflow main", RUN):
        pass  # The file of the lock is there.
    assert operations.look("key") == RunLook(ABSENT)
    assert (path / GIVEN_UP_FILE).exists()
    command = [sys.executable, "-m", "project.run_workflow", str(path / "request.json")]
    request = {"project": "p", "workflow": "main", "arguments": {}, "mlrun_dbpath": ""}
    (path / "request.json").write_text(json.dumps(request))
    environment = {**os.environ, "NETOPS_HOME": str(tmp_path), "MLRUN_DBPATH": ""}
    assert subprocess.run(command, env=environment, check=False).returncode == 1
    status = json.loads((path / "status.json").read_text())
    assert (status["state"], status["error"]) == (
        "failed",
        "whoever started it has given it up before it began",
    )


def test_while_another_run_holds_the_project_it_may_be_that_one(operations, tmp_path):
    folder(tmp_path)
    with held(tmp_path, "p", "workflow main", RUN):
        assert operations.look("key") == RunLook(RUNNING)


def champion(monkeypatch, workflow=""):
    artifact = {"metadata": {"labels": {"version": "v1"}}, "spec": {"producer": {"workflow": workflow}}}
    monkeypatch.setattr(module, "production_artifact", lambda _dbpath, _project: artifact)


def remembered(monkeypatch, arguments):
    from feature_sets.telemetry.schema import TelemetrySchema

    schema = TelemetrySchema.load().to_dict()
    memory = Memory(arguments, schema, schema_digest(schema), "m", "main", "2024-05-01T12:00:00+00:00")
    monkeypatch.setattr(module, "recall", lambda _dbpath, _project: memory)


def test_the_arguments_are_those_of_the_run_that_made_the_champion(operations, tmp_path, monkeypatch):
    path = folder(tmp_path, process=DEAD, state="succeeded", run_id="made-it")
    given = {"seed": 7, "train_rows": 300, "promote": True, "approve": True}
    given |= {"live": False, "training_window": "since 2024-01-01T00:00:00Z"}
    (path / "request.json").write_text(json.dumps({"project": "p", "arguments": given}))
    remembered(monkeypatch, {"seed": 1, "devices": 5})
    champion(monkeypatch, "made-it")
    assert operations.arguments() == {"seed": 7, "train_rows": 300, "devices": 5}
    champion(monkeypatch, "gone")
    assert operations.arguments() == {"seed": 1, "devices": 5}


def test_without_a_successful_run_nothing_is_trained(operations, monkeypatch):
    monkeypatch.setattr(module, "recall", lambda _dbpath, _project: None)
    with pytest.raises(NetopsError, match="project 'p' must remember a successful run"):
        operations.arguments()
