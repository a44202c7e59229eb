"""MLRun's hook: registers the functions, the serving graph and the workflow of the project.

``mlrun project ./project`` and ``mlrun.load_project`` call ``setup`` after loading ``project.yaml``.
"""

from __future__ import annotations

import mlrun

from graphs.serving_graph import build_serving_graph
from project.settings import GENERATOR, RUNNER, SERVING, SOURCE_ROOT, Settings
from project.workflow import WORKFLOWS

JOBS = {
    "ingest": "feature_sets.ingest.ingest",
    "explore": "training.explore.explore",
    "select-features": "training.select_features.select_features",
    "train": "training.train.train",
    "test": "training.evaluate.evaluate",
    "model-server-tester": "project.jobs.model_server_tester.test_model_server",
    "labeled-stream": "project.jobs.labeled_stream.watch_labeled_stream",
    "init-detectors": "project.jobs.init_detectors.init_detectors",
    "drift-magnitude": "project.jobs.drift_magnitude.measure_drift_magnitude",
}
"""Job functions of the workflow and the handler of each."""

HANDLERS = {
    GENERATOR: "project.telemetry_generator:handler",
    RUNNER: "project.runner:handler",
}
"""Nuclio functions and the handler of each."""


def setup(project: mlrun.projects.MlrunProject) -> mlrun.projects.MlrunProject:
    """Register everything on ``project``; the profile decides image and secrets, nothing else."""
    settings = Settings.from_environment()
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
    engine = "local" if settings.profile == "local" else "kfp"
    for name, workflow in WORKFLOWS.items():
        project.set_workflow(name, "workflow.py", engine=engine, handler=workflow.__name__)
    return project


def serving_function(project: str, settings: Settings) -> mlrun.runtimes.ServingRuntime:
    """The serving function with its graph; it serves the model that carries the tag ``production``."""
    function = mlrun.new_function(SERVING, kind="serving", image=settings.image, project=project)
    build_serving_graph(function)
    _configure(function, settings)
    return function


def _configure(function: mlrun.runtimes.BaseRuntime, settings: Settings) -> None:
    if function.kind != "job":
        function.set_env("NETOPS_PROJECT", function.metadata.project)
    if settings.profile == "local":
        if function.kind != "job":
            function.set_env("NETOPS_HOME", str(settings.home))
            function.set_env("NETOPS_TOKEN", settings.bearer_token())
        return
    function.with_source_archive(str(SOURCE_ROOT), pull_at_runtime=True)
    function.set_env_from_secret("NETOPS_TOKEN", secret="netops", secret_key="token")  # noqa: S106 - names
    function.set_env("NETOPS_PROFILE", settings.profile)
