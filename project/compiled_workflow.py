"""The workflow as a file for Kubeflow Pipelines, with the arguments of a project as its defaults."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mlrun
import mlrun_pipelines.utils
from mlrun.projects.pipelines import pipeline_context

from project.project_setup import load_project, register_mapping
from project.settings import Settings
from project.workflow import WORKFLOWS


def compile_workflow(
    project: str, workflow: str, arguments: Mapping[str, Any], settings: Settings, file: Path
) -> None:
    """Write the Argo workflow of a project, whose parameters have these arguments as their defaults.

    :param workflow: its name, such as ``main``.
    :param arguments: what is absent keeps the default of the workflow.
    :param file: YAML.
    """
    # MLRun reports on standard output; the command says itself what it took and wrote.
    mlrun.utils.logger.set_logger_level("WARNING")
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = load_project(project, settings)
        if "schema" in arguments:
            register_mapping(loaded, settings, arguments["schema"])
        loaded.sync_functions()
        # As ``save_workflow`` of MLRun, which knows no arguments.
        spec = mlrun.projects.pipelines.WorkflowSpec(engine="kfp", name=workflow)
        pipeline_context.set(loaded, spec)
        try:
            mlrun_pipelines.utils.compile_pipeline(
                artifact_path=loaded.spec.artifact_path,
                cleanup_ttl=None,
                ops=None,
                pipeline=with_defaults(WORKFLOWS[workflow], arguments),
                pipe_file=str(file),
                type_check=True,
            )
        finally:
            pipeline_context.clear()


def with_defaults(pipeline: Callable[..., None], arguments: Mapping[str, Any]) -> Callable[..., None]:
    """The same workflow with other defaults of its parameters, which Kubeflow reads from the signature.

    :raises ValueError: for a name that is no parameter.
    """
    signature = inspect.signature(pipeline)
    if unknown := set(arguments) - set(signature.parameters):
        raise ValueError(f"arguments: must be parameters of the workflow, got {sorted(unknown)}")

    @functools.wraps(pipeline)
    def compiled(*values: Any, **named: Any) -> None:
        pipeline(*values, **named)

    changed = [
        parameter.replace(default=arguments.get(name, parameter.default))
        for name, parameter in signature.parameters.items()
    ]
    compiled.__signature__ = signature.replace(parameters=changed)  # type: ignore[attr-defined]
    return compiled
