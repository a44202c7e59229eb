"""A workflow of ours as a job of the MLRun API: what ``project.run("main", schedule=...)`` starts each time.

The project carries the name of this handler as a label. The local control plane calls it where MLRun's server
calls its own ``load_and_run_workflow``, whose parameters it takes.
"""

# Type hints are real objects here: MLRun reads those of a handler, and refuses most texts.
from pathlib import Path
from typing import Any

import mlrun

from project import parameters, run_lock, run_workflow
from project.errors import NetopsError
from project.local.workflow_records import REQUEST_FILE
from project.project_setup import WORKFLOW_FILE, project_folder
from project.settings import Settings
from project.workflow import WORKFLOWS
from project.workflow_process import WorkflowProcess


def run_workflow_job(
    context: mlrun.MLClientCtx,
    project_name: str,
    workflow_name: str = "",
    workflow_path: str = "",
    workflow_arguments: dict[str, Any] | None = None,
    workflow_handler: str = "",
    **others: Any,
) -> None:
    """Run a workflow of the project to its end in this process, as ``netops run`` does.

    A workflow that is not one of ours runs as MLRun's own handler runs it.

    :param workflow_path: file of the workflow.
    :param workflow_handler: function in that file.
    :param others: further parameters of MLRun's handler.
    :raises BusyError: if another run holds the project.
    :raises NetopsError: if the workflow does not succeed.
    """
    settings = Settings.from_environment()
    ours = next((name for name, pipeline in WORKFLOWS.items() if pipeline.__name__ == workflow_handler), "")
    if not ours or Path(workflow_path).resolve() != WORKFLOW_FILE.resolve():
        if not others.get("url"):
            others.setdefault("project_context", str(project_folder(project_name, settings)))
        mlrun.projects.load_and_run_workflow(
            context,
            project_name=project_name,
            workflow_name=workflow_name,
            workflow_path=workflow_path,
            workflow_arguments=workflow_arguments,
            workflow_handler=workflow_handler,
            **others,
        )
        return
    arguments = parameters.check(parameters.NAMES[ours], workflow_arguments or {})

    def announce(run_id: str) -> None:
        context.set_label("workflow-id", run_id)
        context.log_result("workflow_id", run_id, commit=True)

    # As a command does: one that streams after its workflow is still under way.
    with run_lock.held(settings.home, project_name, f"job {workflow_name}", run_lock.COMMAND):
        process = WorkflowProcess.here(settings, project_name, ours, arguments)
        if run_workflow.run(process.folder / REQUEST_FILE, announce) != 0:
            raise NetopsError(f"workflow {workflow_name} failed: {process.status()['error']}")
