"""``netops compile``: the workflow for Kubeflow."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Annotated

import typer

from feature_sets.checks import InputError
from project.cli.arguments import project_name
from project.cli.options import ProjectOption
from project.settings import Settings


def compile_workflow(
    file: Annotated[Path, typer.Argument(help="Where to write the Argo workflow, YAML.")],
    project: ProjectOption = None,
) -> None:
    """Compile the workflow to an Argo workflow for Kubeflow Pipelines."""
    from project.session import open_session

    if not file.resolve().parent.is_dir():
        raise InputError("FILE", "must be in a folder that exists", str(file))
    if file.is_dir():
        raise InputError("FILE", "must be a file to write", str(file))
    settings = Settings.from_environment()
    open_session(settings)
    # Imports mlrun, which asks the API just found or started.
    from project.project_setup import WORKFLOW_FILE, load_project

    # MLRun reports on standard output; the command says in one line what it wrote.
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = load_project(project_name(project), settings)
        loaded.set_workflow("main", str(WORKFLOW_FILE), engine="kfp", handler="pipeline")
        loaded.save_workflow("main", str(file.resolve()))
    print(f"wrote {file}")
