"""Runs a workflow to its end in this process, for ``project.workflow_process``.

``python -m project.run_workflow REQUEST.json`` does what ``mlrun project ./project -r main`` does, and keeps
``status.json`` beside the request up to date: run id first, then the final state.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import mlrun
from mlrun.projects.pipelines import pipeline_context

from project.project_setup import load_project
from project.settings import Settings
from project.workflow import WORKFLOWS
from project.workflow_process import STATUS_FILE


def _write_status(path: Path, **status: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(status), encoding="utf-8")
    temporary.replace(path)


def run(request_path: Path) -> int:
    """Load the project and run its workflow in this process, with MLRun's local engine or Kubeflow.

    :returns: exit code: 0 if the workflow succeeded.
    """
    request = json.loads(request_path.read_text(encoding="utf-8"))
    status_path = request_path.with_name(STATUS_FILE)
    settings = Settings.from_environment()
    project = load_project(request["project"], settings)

    def announced(**arguments: Any) -> None:
        # The local engine makes the run id just before it calls the handler and returns it at the end.
        _write_status(status_path, run_id=pipeline_context.workflow_id, state="running", error="")
        WORKFLOWS[request["workflow"]](**arguments)

    if settings.profile == "local":
        outcome = project.run(
            workflow_handler=announced, engine="local", arguments=request["arguments"], watch=False
        )
    else:
        outcome = project.run(request["workflow"], engine="kfp", arguments=request["arguments"], watch=False)
        _write_status(status_path, run_id=outcome.run_id, state="running", error="")
        outcome.wait_for_completion()
    succeeded = str(outcome.state).lower() in ("succeeded", "completed")
    error = "" if succeeded else mlrun.errors.err_to_str(outcome.exc) or str(outcome.state)
    _write_status(
        status_path, run_id=outcome.run_id, state="succeeded" if succeeded else "failed", error=error
    )
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
