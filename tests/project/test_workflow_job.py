"""What a schedule of the local control plane starts: one of our workflows, or a workflow of the user's."""

import json
import subprocess
import sys
from contextlib import contextmanager

import mlrun
import pytest

from project import run_workflow, workflow_job
from project.errors import NetopsError
from project.local.workflow_records import workflow_records, write_status
from project.project_setup import WORKFLOW_FILE
from project.run_lock import BusyError


class Context:
    """Remembers what is written down about the run."""

    def __init__(self):
        self.labels, self.results = {}, {}

    def set_label(self, key, value):
        self.labels[key] = value

    def log_result(self, key, value, commit=False):
        self.results[key] = value


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setenv("NETOPS_PROFILE", "local")
    return tmp_path


def _run(context, handler="ingest", path=WORKFLOW_FILE, **arguments):
    workflow_job.run_workflow_job(
        context,
        "demo",
        workflow_name="nightly",
        workflow_path=str(path),
        workflow_handler=handler,
        workflow_arguments=arguments,
        engine="local",
    )


HOLD = """
import sys
from pathlib import Path
from project.run_lock import COMMAND, held
with held(Path(sys.argv[1]), sys.argv[2], "netops run", COMMAND):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process_holds(home, project):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home), project], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            child.stdin.close()


def _outcome(monkeypatch, code, state, error):
    def run(request, announce):
        announce("w1")
        write_status(request.parent, "w1", state, error)
        return code

    monkeypatch.setattr(run_workflow, "run", run)


def test_a_workflow_of_ours_runs_in_this_process_and_is_found_by_others(home, monkeypatch):
    _outcome(monkeypatch, 0, "succeeded", "")
    context = Context()
    _run(context, seed=3)
    assert (context.labels, context.results) == ({"workflow-id": "w1"}, {"workflow_id": "w1"})
    (record,) = workflow_records(home)
    assert record.process.alive()
    request = json.loads((record.folder / "request.json").read_text())
    assert (request["project"], request["workflow"], request["arguments"]) == ("demo", "ingest", {"seed": 3})


def test_one_that_fails_is_a_failure_of_the_run(home, monkeypatch):
    _outcome(monkeypatch, 1, "failed", "no telemetry")
    with pytest.raises(NetopsError, match="workflow nightly failed: no telemetry"):
        _run(Context())


def test_a_project_that_a_command_holds_is_not_run_beside_it(home, monkeypatch):
    started = []
    monkeypatch.setattr(run_workflow, "run", lambda *given: started.append(given) or 0)
    with another_process_holds(home, "demo"), pytest.raises(BusyError, match="one run at a time"):
        _run(Context())
    assert (started, workflow_records(home)) == ([], [])
    _run(Context())
    assert len(started) == 1


def test_arguments_are_checked_before_anything_starts(home):
    with pytest.raises(ValueError, match="workflow parameter 'sead'"):
        _run(Context(), sead=3)
    assert workflow_records(home) == []


@pytest.mark.parametrize(("handler", "path"), [("ingest", "/home/me/workflow.py"), ("mine", WORKFLOW_FILE)])
def test_a_workflow_of_somebody_else_runs_as_mlrun_runs_it(home, monkeypatch, handler, path):
    given = {}
    monkeypatch.setattr(
        mlrun.projects, "load_and_run_workflow", lambda context, **options: given.update(options)
    )
    _run(Context(), handler, path, n=1)
    assert given == {
        "project_name": "demo",
        "workflow_name": "nightly",
        "workflow_path": str(path),
        "workflow_arguments": {"n": 1},
        "workflow_handler": handler,
        "engine": "local",
        "project_context": str(home / "projects" / "demo"),
    }
