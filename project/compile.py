"""Compiles the workflow to the Argo workflow that Kubeflow Pipelines runs."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from project.project_setup import WORKFLOW_FILE, load_project
from project.settings import Settings


def compile_to(file: Path, project: str, settings: Settings) -> None:
    """Write the compiled workflow ``main`` of ``project`` to ``file``, YAML."""
    # MLRun reports on standard output; the command says in one line what it wrote.
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = load_project(project, settings)
        loaded.set_workflow("main", str(WORKFLOW_FILE), engine="kfp", handler="pipeline")
        loaded.save_workflow("main", str(file))
