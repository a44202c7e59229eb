"""What a workflow runs with, whoever asked for it."""

import json
from types import SimpleNamespace

import pytest

from project import run_workflow
from project.memory import Memory, schema_digest
from project.run_lock import BusyError


@pytest.fixture
def request_file(tmp_path, monkeypatch):
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setenv("NETOPS_PROFILE", "local")
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"project": "demo", "workflow": "ingest", "arguments": {"ticks": 7}}))
    return path


def ran_with(request_file, monkeypatch, memory, **stored):
    """Arguments that the workflow is called with."""
    given = {}

    def run(arguments, **_):
        given.update(arguments)
        return SimpleNamespace(run_id="w1", state="Succeeded", exc=None)

    project = SimpleNamespace(workflows=[{"name": "ingest", "args": stored}, {"name": "serve"}], run=run)
    monkeypatch.setattr(run_workflow, "load_project", lambda *_: project)
    monkeypatch.setattr(run_workflow, "recall", lambda *_: memory)
    assert run_workflow.run(request_file) == 0
    return given


def test_given_before_remembered_before_what_is_set_on_the_workflow(request_file, monkeypatch):
    from feature_sets.telemetry.schema import TelemetrySchema

    schema = TelemetrySchema.load("").to_dict()
    remembered = {"devices": 4, "ticks": 5, "combinations": 3}
    memory = Memory(remembered, schema, schema_digest(schema), "r", "main", "2024-05-01T12:00:00+00:00")
    found = ran_with(request_file, monkeypatch, memory, devices=9, ticks=9, seed=9)
    assert found == {"devices": 4, "ticks": 7, "seed": 9}
    assert ran_with(request_file, monkeypatch, None, devices=9) == {"devices": 9, "ticks": 7}


def test_a_failure_in_the_middle_keeps_the_id_by_which_its_runs_are_found(request_file, monkeypatch):
    def load(*_):
        run_workflow.write_status(request_file.parent, "w1", "running", "")
        raise BusyError(SimpleNamespace(project="demo"))

    monkeypatch.setattr(run_workflow, "load_project", load)
    assert run_workflow.run(request_file) == 1
    status = run_workflow.read_status(request_file.parent)
    assert (status["run_id"], status["state"]) == ("w1", "failed")
    assert "one run at a time" in status["error"]


def test_an_error_that_nobody_expected_is_in_the_status_too(request_file, monkeypatch):
    def load(*_):
        raise RuntimeError("the API is gone")

    monkeypatch.setattr(run_workflow, "load_project", load)
    with pytest.raises(RuntimeError, match="the API is gone"):
        run_workflow.run(request_file)
    status = run_workflow.read_status(request_file.parent)
    assert (status["state"], status["error"]) == ("failed", "the API is gone")


def test_a_failed_deployment_names_its_cause_and_its_log(request_file, monkeypatch):
    def run(**_):
        error = RuntimeError("Function serving deployment failed")
        return SimpleNamespace(run_id="w1", state="Failed", exc=error)

    deployed = [
        SimpleNamespace(project=project, name=name, reason=f"killed in {project}", log="serving.log")
        for project, name in (("demo", "serving"), ("other", "serving"), ("demo", "runner"))
    ]
    project = SimpleNamespace(workflows=[], run=run)
    monkeypatch.setattr(run_workflow, "load_project", lambda *_: project)
    monkeypatch.setattr(run_workflow, "recall", lambda *_: None)
    monkeypatch.setattr(run_workflow, "local_stack", lambda _: SimpleNamespace(deployments=lambda: deployed))
    assert run_workflow.run(request_file) == 1
    told = "Function serving deployment failed: killed in demo; its log: serving.log"
    assert run_workflow.read_status(request_file.parent)["error"] == told
