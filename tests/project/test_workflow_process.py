"""Processes that run a workflow, found again by project."""

from project.settings import Settings
from project.workflow_process import WorkflowProcess


def test_a_running_workflow_is_found_by_its_project_and_by_no_other(tmp_path):
    settings = Settings(home=tmp_path, token="secret")
    here = WorkflowProcess.here(settings, "mine", "main", {})
    for project, found in (("mine", [here]), ("", [here]), ("another", [])):
        assert WorkflowProcess.running(settings, project) == found
