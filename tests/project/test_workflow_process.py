"""Processes that run a workflow, found again by project."""

import sys
import time

import pytest

from project.local.processes import start
from project.settings import Settings
from project.workflow_process import WorkflowProcess


def test_a_running_workflow_is_found_by_its_project_and_by_no_other(tmp_path):
    settings = Settings(home=tmp_path, token="secret")
    here = WorkflowProcess.here(settings, "mine", "main", {})
    for project, found in (("mine", [here]), ("", [here]), ("another", [])):
        assert WorkflowProcess.running(settings, project) == found


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys; sys.exit('no space')", "the workflow process ended: exited with code 1; no space"),
        (
            "import sys; sys.exit('Traceback ...\\n  File netops: /x: No space left on device')",
            "the workflow process ended: exited with code 1; /x: No space left on device",
        ),
        (
            "import os, signal; print('steps'); os.kill(os.getpid(), signal.SIGKILL)",
            "the workflow process ended: killed by signal 9 (SIGKILL)",
        ),
    ],
)
def test_a_process_that_ended_without_a_word_is_told_with_what_is_known(tmp_path, code, told):
    process = start([sys.executable, "-c", code], log=tmp_path / "log.txt")
    workflow = WorkflowProcess(process, tmp_path)
    while workflow.is_running():
        time.sleep(0.01)
    assert workflow.status() == {"run_id": "", "state": "failed", "error": told}


def test_a_request_that_a_loss_of_power_has_cut_is_empty(tmp_path):
    folder = tmp_path / "workflows" / "one"
    folder.mkdir(parents=True)
    (folder / "process.json").write_text("")
    (folder / "request.json").write_text('{"project": "p')
    (known,) = WorkflowProcess.all(Settings(home=tmp_path, token="secret"))
    assert known.request == {} and not known.is_running()
