"""``netops stop``: ends what runs on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from feature_sets.checks import InputError
from project.cli.known_project import known_project
from project.cli.options import ProjectOption
from project.errors import NetopsError
from project.settings import Settings


def stop(
    function: Annotated[str | None, typer.Argument(help="Stop this endpoint only.")] = None,
    project: ProjectOption = None,
) -> None:
    """Stop everything of this installation, or one endpoint.

    Servers and endpoints of other installations are left alone.
    """
    from project.api_reader import check_endpoint
    from project.session import find_session, local_stack
    from project.workflow_process import WorkflowProcess

    settings = Settings.from_environment()
    session = find_session(settings)
    if session is not None and not session.owned:
        rule = "must not be set: stop ends local processes, and another MLRun API is not ours to stop"
        raise InputError("MLRUN_DBPATH", rule, session.mlrun_dbpath)
    stack = local_stack(settings)
    if function is None:
        workflows = WorkflowProcess.running(settings)
        for workflow in workflows:
            workflow.end("ended by 'netops stop'")
        print("stopped" if stack.stop() or workflows else "nothing was running")
        return
    if session is None:
        raise NetopsError("nothing is running; 'netops status' tells what runs")
    name = known_project(project, settings, session)
    check_endpoint(session.mlrun_dbpath, name, function)
    stack.stop_function(name, function)
    print(f"stopped {function}")
