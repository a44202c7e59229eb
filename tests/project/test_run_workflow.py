"""What a workflow runs with, whoever asked for it."""

import json
from types import SimpleNamespace

import pytest

from project import run_workflow
from project.last_run import LastRun, schema_digest
from project.run_lock import BusyError, Holder


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
    memory = LastRun(remembered, schema, schema_digest(schema), "r", "main", "2024-05-01T12:00:00+00:00")
    found = ran_with(request_file, monkeypatch, memory, devices=9, ticks=9, seed=9)
    assert found == {"devices": 4, "ticks": 7, "seed": 9}
    assert ran_with(request_file, monkeypatch, None, devices=9) == {"devices": 9, "ticks": 7}


def test_a_failure_in_the_middle_keeps_the_id_by_which_its_runs_are_found(request_file, monkeypatch):
    def load(*_):
        run_workflow.write_status(request_file.parent, "w1", "running", "")
        raise BusyError(Holder("demo", "netops run", 7, "now"))

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


def error_of(request_file, monkeypatch, failed, deployed):
    """What the status of a workflow says whose deployment failed."""

    def run(**_):
        return SimpleNamespace(run_id="w1", state="Failed", exc=RuntimeError(failed))

    project = SimpleNamespace(workflows=[], run=run)
    monkeypatch.setattr(run_workflow, "load_project", lambda *_: project)
    monkeypatch.setattr(run_workflow, "recall", lambda *_: None)
    monkeypatch.setattr(run_workflow, "local_stack", lambda _: SimpleNamespace(deployments=lambda: deployed))
    assert run_workflow.run(request_file) == 1
    return run_workflow.read_status(request_file.parent)["error"]


def test_a_failed_deployment_names_its_cause_and_its_log(request_file, monkeypatch):
    deployed = [
        SimpleNamespace(project=project, name=name, state="error", reason=f"killed in {project}", log="a.log")
        for project, name in (("demo", "serving"), ("other", "serving"), ("demo", "runner"))
    ]
    failed = "Function serving deployment failed"
    told = "Function serving deployment failed: killed in demo; its log: a.log"
    assert error_of(request_file, monkeypatch, failed, deployed) == told
    assert error_of(request_file, monkeypatch, failed, []) == failed


@pytest.mark.parametrize(("name", "command"), [("serving", "serve"), ("serving-staging", "run")])
def test_a_deployment_that_was_stopped_names_state_and_next_command(request_file, monkeypatch, name, command):
    deployed = [SimpleNamespace(project="demo", name=name, state="offline", reason="stopped", log="a.log")]
    told = error_of(request_file, monkeypatch, f"Function {name} deployment failed", deployed)
    end = f"it is offline, as somebody stopped it meanwhile; next: netops {command} --project demo"
    assert told == f"Function {name} deployment failed: {end}"
