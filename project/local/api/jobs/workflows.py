"""A workflow as a job: MLRun calls it a workflow runner, which loads the project and runs the workflow."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from project.local.api.documents import Document, get_in
from project.local.api.errors import InvalidError, NotFoundError

RUNNER_LABEL = "netops/workflow-runner"
"""Label of a project: the handler that runs its workflows, with the parameters of MLRun's own."""

JOB_TYPE, WORKFLOW_RUNNER = "job-type", "workflow-runner"
"""Label by which MLRun knows the run of a workflow runner, and its value."""

MLRUN_RUNNER = "mlrun.projects.load_and_run_workflow"
"""Handler of a runner where the project names none."""


def workflow_spec(project: Document, name: str, request: Document) -> Document:
    """The workflow to run: that of the project, changed by what the request says.

    :param project: the project's document.
    :param request: MLRun's ``WorkflowRequest``.
    :raises NotFoundError: if neither has it.
    """
    stored = _stored(project, name)
    asked: Document = request.get("spec") or {}
    spec = {**stored, **{key: value for key, value in asked.items() if value}}
    if asked and not asked.get("schedule"):
        spec.pop("schedule", None)
    if not spec.get("path") and not spec.get("code"):
        raise NotFoundError(f"Workflow {name} not found in project {get_in(project, 'metadata.name')}")
    spec["name"] = spec.get("name") or name
    spec["path"] = _path(spec.get("path"), stored.get("path"))
    spec["args"] = {
        **(stored.get("args") or {}),
        **(spec.get("args") or {}),
        **(request.get("arguments") or {}),
    }
    return spec


def _stored(project: Document, name: str) -> Document:
    workflows = get_in(project, "spec.workflows") or []
    return next((workflow for workflow in workflows if workflow.get("name") == name), {})


def runner_task(project: Document, spec: Document, request: Document) -> Document:
    """The task that runs a workflow.

    A runner of the project's own is given only what differs from the workflow's own arguments: it knows those
    as they are when it starts, which may be long after a schedule was made.

    :param spec: see ``workflow_spec``.
    :raises InvalidError: if the code of the workflow can not be found without a source, and there is none.
    """
    name = str(get_in(project, "metadata.name"))
    runner = (get_in(project, "metadata.labels") or {}).get(RUNNER_LABEL)
    arguments = spec["args"]
    if runner:
        known = _stored(project, spec["name"]).get("args") or {}
        arguments = {
            key: value for key, value in arguments.items() if key not in known or known[key] != value
        }
    parameters: dict[str, Any] = {
        "project_name": name,
        "workflow_name": spec["name"],
        "workflow_path": spec["path"],
        "workflow_arguments": arguments,
        "workflow_handler": spec.get("handler"),
        "artifact_path": request.get("artifact_path"),
        "namespace": request.get("namespace"),
        # There is no Kubeflow here.
        "engine": "local",
        "local": True,
        "dirty": True,
        "wait_for_completion": True,
        "subpath": get_in(project, "spec.subpath"),
    }
    source = request.get("source") or get_in(project, "spec.source")
    parameters |= {} if runner and not source else _source(source)
    return {
        "metadata": {
            "name": request.get("run_name") or f"workflow-runner-{spec['name']}",
            "project": name,
            "labels": {JOB_TYPE: WORKFLOW_RUNNER, "workflow": spec["name"], "kind": "job"},
        },
        "spec": {
            "handler": runner or MLRUN_RUNNER,
            "parameters": {key: value for key, value in parameters.items() if value is not None},
        },
    }


def _path(asked: str | None, stored: str | None) -> str | None:
    """Where the workflow's file is; the client makes an absolute path below its own folder a relative one."""
    if asked and stored and not asked.startswith("/") and stored.startswith("/"):
        return stored if PurePath(asked).name == PurePath(stored).name else asked
    return asked


def _source(source: str | None) -> Document:
    """Where MLRun's runner gets the project's code from, as parameters of it."""
    if source and "://" in source:
        return {"url": source}
    if source and source.startswith("/"):
        return {"project_context": source}
    raise InvalidError(
        "Project source is required. Either specify the source in the project or provide it in the request. "
        f"It must be an address or the path of the project's folder on this machine, got {source!r}; "
        "for example project.set_source('/path/of/the/folder')"
    )
