"""What is done around every run of a workflow in this process, whoever started it.

``netops``, the runner, ``mlrun project -r main`` and ``project.run("main")`` all call the same handler. On a
cluster Kubeflow runs the steps, and ``project.run_workflow`` does the same around waiting for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlrun
from kfp.dsl import PipelineParam
from mlrun.projects.pipelines import pipeline_context

from project import parameters, run_lock
from project.api_reader import runs
from project.http_json import UnreachableError
from project.last_run import after_run, recall, remember, resolve
from project.latest_report import link_report
from project.retention.prune import prune_after_run
from project.settings import Settings


def is_compiled(given: Mapping[str, Any]) -> bool:
    """Whether Kubeflow compiles a workflow with these arguments, and does not run it yet."""
    return any(isinstance(value, PipelineParam) for value in given.values())


@contextmanager
def workflow_run(workflow: str, given: Mapping[str, Any]) -> Iterator[None]:
    """Hold the project, refuse another schema before anything is written, and remember what succeeded.

    While Kubeflow compiles the workflow, nothing is done.

    :param given: all arguments of the workflow, defaults among them.
    :raises InputError: see ``resolve``.
    :raises BusyError: if another run holds the project.
    """
    if is_compiled(given):
        yield
        return
    settings = Settings.from_environment()
    project = mlrun.get_current_project()
    name, run_id = project.metadata.name, pipeline_context.workflow_id
    # MLRun's command line gives text.
    arguments = {
        key: parameters.parse(parameters.NAMES[workflow], key, value) if isinstance(value, str) else value
        for key, value in given.items()
    }
    with run_lock.held(settings.home, name, f"workflow {workflow}"):
        run_lock.tell_run_id(settings.home, name, run_id)
        memory = recall(mlrun.mlconf.dbpath, name)
        resolved = resolve(name, parameters.NAMES[workflow], arguments, memory)
        with _pruned_afterwards(settings, name):
            try:
                yield
            finally:
                _link_report(settings, name, run_id)
            finish(project, workflow, resolved.arguments, run_id)


@contextmanager
def champion_held(workflow: str, given: Mapping[str, Any]) -> Iterator[None]:
    """Let nobody else change the champion while this run does; on Kubeflow nothing holds it.

    :raises BusyError: if somebody else holds it for minutes.
    """
    if is_compiled(given):
        yield
        return
    home, name = Settings.from_environment().home, mlrun.get_current_project().metadata.name
    what = f"workflow {workflow} deploys the champion"
    with run_lock.held(home, name, what, run_lock.SWAP, run_lock.PATIENCE_SECONDS):
        yield


@contextmanager
def _pruned_afterwards(settings: Settings, project: str) -> Iterator[None]:
    """Delete data of old runs at the end, also where a step has failed; not where somebody ends the run."""
    try:
        yield
    except Exception:
        prune_after_run(settings, mlrun.mlconf.dbpath, project)
        raise
    prune_after_run(settings, mlrun.mlconf.dbpath, project)


def _link_report(settings: Settings, project: str, run_id: str) -> None:
    """Let the project's path of its newest report lead to that of this run, if it made one here."""
    with suppress(UnreachableError):  # What failed with it says so.
        results = [run["status"].get("results") or {} for run in runs(mlrun.mlconf.dbpath, project, run_id)]
        page = next((Path(each["report_path"]) for each in results if each.get("report_path")), None)
        if page is not None and page.is_file():
            link_report(settings.home, project, page)


def finish(project: Any, workflow: str, arguments: Mapping[str, Any], run_id: str) -> None:
    """Remember a run that succeeded, if it read telemetry.

    :param project: an ``MlrunProject``.
    :param arguments: of the run; what is absent had its default.
    """
    if workflow not in parameters.REMEMBERED:
        return
    memory = recall(mlrun.mlconf.dbpath, project.metadata.name)
    every = {name: arguments.get(name, parameters.DEFAULTS[name]) for name in parameters.NAMES[workflow]}
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    remember(project, after_run(memory, workflow, every, run_id, finished))
