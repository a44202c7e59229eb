"""MLRun's hook: registers the functions, the serving graph and the workflow of the project.

``mlrun project ./project`` and ``mlrun.load_project`` call ``setup`` after loading ``project.yaml``.
"""

from __future__ import annotations

from pathlib import Path

import mlrun

from feature_sets import device_metrics, devices
from graphs.serving_graph import build_serving_graph
from project.function_names import GENERATOR, MODEL, RUNNER, SERVING
from project.settings import Settings
from project.workflow import WORKFLOWS

WORKFLOW_FILE = Path(__file__).with_name("workflow.py")

JOBS = {
    "ingest": "feature_sets.ingestion.ingest.ingest",
    "explore": "training.explore.explore",
    "select-features": "training.select_features.select_features",
    "train": "training.train.train",
    "evaluate": "training.evaluate.evaluate",
    "report": "training.report.report",
    "model-server-tester": "project.jobs.model_server_tester.test_model_server",
    "labeled-stream": "project.jobs.labeled_stream.watch_labeled_stream",
    "init-detectors": "project.jobs.init_detectors.init_detectors",
    "drift-magnitude": "project.jobs.drift_magnitude.measure_drift_magnitude",
}
"""Job functions of the workflow and the handler of each."""

PRODUCTION_MODEL = "evaluate_model:production"
"""The model that the run ``evaluate`` registered last: MLRun prefixes a key with the name of its run."""

HANDLERS = {
    GENERATOR: "project.telemetry_generator:handler",
    RUNNER: "project.runner:handler",
}
"""Nuclio functions and the handler of each."""


def setup(project: mlrun.projects.MlrunProject) -> mlrun.projects.MlrunProject:
    """Register everything on ``project``; MLRun calls this."""
    return register(project, Settings.from_environment())


def load_project(name: str, settings: Settings) -> mlrun.projects.MlrunProject:
    """The MLRun project ``name`` with everything registered.

    MLRun writes a ``project.yaml`` into a project's folder, so it gets one under home, not the checkout.
    """
    return register(
        mlrun.get_or_create_project(name, context=str(settings.home / "projects" / name)), settings
    )


def register(project: mlrun.projects.MlrunProject, settings: Settings) -> mlrun.projects.MlrunProject:
    """Register everything; the profile decides image, source, secrets and engine, nothing else."""
    for name, handler in JOBS.items():
        function = mlrun.new_function(name, kind="job", image=settings.image, project=project.metadata.name)
        function.spec.default_handler = handler
        _configure(function, settings)
        project.set_function(function, name=name)
    for name, handler in HANDLERS.items():
        function = mlrun.new_function(
            name, kind="nuclio", image=settings.image, project=project.metadata.name
        )
        function.spec.function_handler = handler
        _configure(function, settings)
        project.set_function(function, name=name)
    project.set_function(serving_function(project.metadata.name, settings), name=SERVING)
    # Relative where MLRun loaded this folder as the project, so that it may be moved or archived.
    beside = (Path(project.spec.context or ".") / WORKFLOW_FILE.name).is_file()
    workflow_file = WORKFLOW_FILE.name if beside else str(WORKFLOW_FILE)
    engine = "local" if settings.profile == "local" else "kfp"
    for name, workflow in WORKFLOWS.items():
        project.set_workflow(name, workflow_file, engine=engine, handler=workflow.__name__)
    return project


def serving_function(project: str, settings: Settings) -> mlrun.runtimes.ServingRuntime:
    """The serving function with its graph; it serves the model that carries the tag ``production``."""
    function = mlrun.new_function(SERVING, kind="serving", image=settings.image, project=project)
    build_serving_graph(
        function,
        model_name=MODEL,
        model_path=f"store://models/{project}/{PRODUCTION_MODEL}",
        devices=f"store://feature-sets/{project}/{devices.NAME}",
        history=f"store://feature-sets/{project}/{device_metrics.NAME}",
        redis_url=settings.redis_url or mlrun.mlconf.redis.url or None,
        labeled_directory=str(settings.labeled_streams / project / "labeled"),
        callback_url=settings.drift_callback or None,
        callback_body={"workflow": "main"},
        token_secret="NETOPS_TOKEN",  # noqa: S106 - the name of a variable
    )
    _configure(function, settings)
    return function


def _configure(function: mlrun.runtimes.BaseRuntime, settings: Settings) -> None:
    for name, value in settings.function_environment(function.metadata.project).items():
        function.set_env(name, value)
    if settings.profile == "local":
        if function.kind != "job":  # A job runs in a process of ours, which can read the token file.
            function.set_env("NETOPS_TOKEN", settings.bearer_token())
        return
    function.with_source_archive(settings.source)
    function.set_env_from_secret("NETOPS_TOKEN", secret="netops", secret_key="token")  # noqa: S106 - names
