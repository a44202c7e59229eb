import pytest

from project.local.api.errors import InvalidError, NotFoundError
from project.local.api.jobs.workflows import runner_task, workflow_spec

STORED = {
    "name": "main",
    "path": "/code/workflow.py",
    "engine": "local",
    "handler": "pipeline",
    "args": {"n": 1, "m": 2},
    "schedule": "0 3 * * *",
}


def project(labels=None, **spec):
    return {"metadata": {"name": "demo", "labels": labels}, "spec": {"workflows": [STORED], **spec}}


def test_the_request_goes_before_the_project_and_arguments_are_merged():
    spec = workflow_spec(
        project(), "main", {"spec": {"args": {"n": 5}, "handler": None}, "arguments": {"k": 7}}
    )
    assert spec["args"] == {"n": 5, "m": 2, "k": 7}
    assert spec["handler"] == "pipeline"


def test_a_schedule_of_the_project_counts_only_where_the_request_has_no_workflow_of_its_own():
    assert workflow_spec(project(), "main", {})["schedule"] == "0 3 * * *"
    assert "schedule" not in workflow_spec(project(), "main", {"spec": {"name": "main"}})
    assert workflow_spec(project(), "main", {"spec": {"schedule": "* * * * *"}})["schedule"] == "* * * * *"


def test_a_workflow_that_nobody_knows_is_not_found():
    with pytest.raises(NotFoundError, match="Workflow other not found in project demo"):
        workflow_spec(project(), "other", {})


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("./workflow.py", "/code/workflow.py"),  # the client cut off its own folder
        ("/elsewhere/workflow.py", "/elsewhere/workflow.py"),
        ("./another.py", "./another.py"),
    ],
)
def test_the_file_is_found_whatever_the_client_s_folder_is(asked, expected):
    assert workflow_spec(project(), "main", {"spec": {"path": asked}})["path"] == expected


def test_the_runner_is_mlruns_own_with_the_source_of_the_project():
    spec = workflow_spec(project(), "main", {})
    task = runner_task(project(source="git://x#main"), spec, {"run_name": "workflow-runner-main"})
    assert task["spec"]["handler"] == "mlrun.projects.load_and_run_workflow"
    assert task["spec"]["parameters"]["url"] == "git://x#main"
    assert task["spec"]["parameters"]["workflow_arguments"] == {"n": 1, "m": 2}
    assert (task["metadata"]["name"], task["metadata"]["project"]) == ("workflow-runner-main", "demo")
    assert task["metadata"]["labels"]["job-type"] == "workflow-runner"
    folder = runner_task(project(), spec, {"source": "/home/me/demo"})
    assert folder["spec"]["parameters"]["project_context"] == "/home/me/demo"


@pytest.mark.parametrize("source", [None, "./", "demo"])
def test_without_a_source_that_is_one_the_runner_is_refused(source):
    spec = workflow_spec(project(), "main", {})
    with pytest.raises(InvalidError, match="Project source is required") as raised:
        runner_task(project(source=source), spec, {})
    assert "project.set_source('/path/of/the/folder')" in raised.value.detail


def test_a_project_may_name_a_runner_of_its_own_which_needs_no_source():
    labels = {"netops/workflow-runner": "pkg.mod.run"}
    task = runner_task(project(labels), workflow_spec(project(), "main", {}), {})
    assert task["spec"]["handler"] == "pkg.mod.run"
    assert task["spec"]["parameters"]["workflow_path"] == "/code/workflow.py"


def test_a_runner_of_the_project_s_own_is_given_only_what_the_project_does_not_know():
    """Or a schedule would repeat for ever what the project remembered when it was made."""
    labels = {"netops/workflow-runner": "pkg.mod.run"}
    asked = {"spec": {"args": {"n": 1, "m": 5}}, "arguments": {"k": 7}}
    task = runner_task(project(labels), workflow_spec(project(labels), "main", asked), asked)
    assert task["spec"]["parameters"]["workflow_arguments"] == {"m": 5, "k": 7}
