"""``netops compile``: the workflow for Kubeflow."""

from __future__ import annotations

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
    from project.compile import compile_to

    compile_to(file.resolve(), project_name(project), settings)
    print(f"wrote {file}")
