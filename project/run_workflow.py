"""Runs a workflow to its end in this process, which ``project.start_workflow`` begins.

It does what ``mlrun project ./project -r main`` does, and keeps
``status.json`` beside the request up to date: run id first, then the final state.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlrun
from mlrun.projects.pipelines import pipeline_context

from feature_sets.checks import InputError
from project import run_lock
from project.disk_errors import disk_failure
from project.errors import NetopsError, without_repeats
from project.function_names import what_brings_back
from project.last_run import own_arguments, recall, resolve
from project.local.api.deployments.records import OFFLINE
from project.local.processes import this_process
from project.local.servers import ServerError
from project.local.workflow_records import (
    GIVEN_UP_FILE,
    PROCESS_FILE,
    read_status,
    write_process,
    write_status,
)
from project.parameters import NAMES
from project.project_setup import load_project, register_mapping
from project.retention.prune import prune_after_run
from project.run_state_json import read_notes_as_json
from project.session import local_stack
from project.settings import Settings
from project.workflow import WORKFLOWS
from project.workflow_process import TOLD
from project.workflow_run import finish

_DEPLOYMENT_FAILED = re.compile(r"Function (?P<name>\S+) deployment failed")


def run(request_path: Path, announce: Callable[[str], None] = lambda run_id: None) -> int:
    """Load the project and run its workflow in this process, with MLRun's local engine or Kubeflow.

    :param announce: told the run id before the first step.
    :returns: exit code: 0 if the workflow succeeded.
    """
    request = json.loads(request_path.read_text(encoding="utf-8"))
    folder = request_path.parent
    settings = Settings.from_environment()
    try:
        if not (folder / PROCESS_FILE).exists():
            # Whoever started this process may have been killed before it could write which one it is.
            write_process(folder, this_process())
        with run_lock.held(settings.home, request["project"], f"workflow {request['workflow']}"):
            if (folder / GIVEN_UP_FILE).exists():
                raise NetopsError("whoever started it has given it up before it began")
            return _run(request, folder, settings, announce)
    except (NetopsError, InputError) as error:
        # With its run id, if it has one: the runs that it leaves are found by that.
        write_status(folder, read_status(folder)["run_id"], "failed", str(error))
        return 1
    except OSError as error:
        failure = disk_failure(error, settings.home)
        if not failure:
            raise
        # The last line of the log; on a full disk there is no place for a status.
        print(f"{TOLD}{failure}", file=sys.stderr)
        return 1
    except Exception as error:
        # Such as an MLRun API that is gone. The log has the traceback, the status the reason.
        write_status(
            folder, read_status(folder)["run_id"], "failed", without_repeats(mlrun.errors.err_to_str(error))
        )
        raise


def _run(request: dict[str, Any], folder: Path, settings: Settings, announce: Callable[[str], None]) -> int:
    project = load_project(request["project"], settings)
    local, workflow = settings.profile == "local", request["workflow"]
    memory = recall(mlrun.mlconf.dbpath, request["project"])
    # What somebody has set on the workflow counts as given; what the project remembers, as remembered.
    given = own_arguments(project.workflows, workflow, memory) | request["arguments"]
    arguments = resolve(request["project"], NAMES[workflow], given, memory, local=local).arguments
    if "schema" in arguments:
        register_mapping(project, settings, arguments["schema"])

    def announced(**arguments: Any) -> None:
        # The local engine makes the run id just before it calls the handler and returns it at the end.
        write_status(folder, pipeline_context.workflow_id, "running", "")
        announce(pipeline_context.workflow_id)
        WORKFLOWS[workflow](**arguments)

    if local:
        read_notes_as_json()
        outcome = project.run(workflow_handler=announced, engine="local", arguments=arguments, watch=False)
    else:
        outcome = project.run(workflow, engine="kfp", arguments=arguments, watch=False)
        write_status(folder, outcome.run_id, "running", "")
        announce(outcome.run_id)
        outcome.wait_for_completion()
    succeeded = str(outcome.state).lower() in ("succeeded", "completed")
    if succeeded and not local:
        finish(project, workflow, arguments, outcome.run_id)
    if not local:
        prune_after_run(settings, mlrun.mlconf.dbpath, request["project"])
    error = "" if succeeded else without_repeats(mlrun.errors.err_to_str(outcome.exc)) or str(outcome.state)
    error += _why_not_deployed(settings, request["project"], error)
    write_status(folder, outcome.run_id, "succeeded" if succeeded else "failed", error)
    return 0 if succeeded else 1


def _why_not_deployed(settings: Settings, project: str, error: str) -> str:
    """What the local control plane knows of a failed deployment, of which MLRun only tells that it failed."""
    failed = _DEPLOYMENT_FAILED.search(error)
    if failed is None or settings.profile != "local":
        return ""
    try:
        deployed = local_stack(settings).deployments()
    except ServerError as gone:
        return f": {gone}"
    found = next((e for e in deployed if (e.project, e.name) == (project, failed["name"])), None)
    if found is None:
        return ""
    if found.state == OFFLINE:
        next_command = what_brings_back(project, found.name)
        return f": it is {OFFLINE}, as somebody stopped it meanwhile; next: {next_command}"
    return f": {found.reason}; its log: {found.log}"
