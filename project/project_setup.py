"""MLRun's hook: registers the functions, the serving graph and the workflow of the project.

``mlrun project ./project`` and ``mlrun.load_project`` call ``setup`` after loading ``project.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlrun
from mlrun.runtimes.mounts import mount_pvc

from feature_sets import device_labels, device_metrics, devices
from feature_sets.model_package.tags import PRODUCTION
from feature_sets.model_package.tags import STAGING as STAGING_TAG
from feature_sets.secret_files import FILE
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.schema_content import TOOL
from graphs.protocol.function_secrets import CALLBACK_SECRET, TOKEN, role_secret
from graphs.protocol.roles import Role
from graphs.serving_graph import build_serving_graph
from graphs.state.clocks import ARRIVAL
from project.code_digest import CODE, code_digest
from project.function_names import GENERATOR, MODEL, RUNNER, SERVING, STAGING
from project.job_handlers import JOBS
from project.last_run import LastRun, recall, workflow_arguments
from project.model_addresses import model_address
from project.settings import Settings
from project.token_files import CALLBACK_FILE, keep, token_file
from project.unchanged_endpoint import DIGEST, digest_of
from project.workflow import WORKFLOWS

WORKFLOW_FILE = Path(__file__).with_name("workflow.py")

RUNNER_LABEL, WORKFLOW_JOB = "netops/workflow-runner", "project.workflow_job.run_workflow_job"
"""Label by which the local control plane knows the handler that runs our workflows."""

HANDLERS = {
    GENERATOR: "project.telemetry_generator:handler",
    RUNNER: "project.runner:handler",
}
"""Nuclio functions and the handler of each."""

ON_STREAMS = frozenset({SERVING, STAGING, RUNNER, "ingest", "live-history", "audit", "drift-magnitude"})
"""Functions that write or read the folder of the labeled stream; the others ask the endpoint."""

ACT_ON_ROUTES = frozenset({SERVING, STAGING, RUNNER, GENERATOR, "live-history", "rehearse", "init-detectors"})
"""Functions that guard a route of an endpoint, or ask for one: on a cluster these alone have the token."""


def setup(project: mlrun.projects.MlrunProject) -> mlrun.projects.MlrunProject:
    """Register everything on ``project``; MLRun calls this."""
    name = project.metadata.name
    return register(project, Settings.from_environment(), recall(mlrun.mlconf.dbpath, name))


def load_project(name: str, settings: Settings) -> mlrun.projects.MlrunProject:
    """The MLRun project ``name`` with everything registered, as the API has it from then on.

    MLRun writes a ``project.yaml`` into a project's folder, so it gets one under home, not the checkout.
    """
    context = str(project_folder(name, settings))
    project = mlrun.get_or_create_project(name, context=context)
    register(project, settings, recall(mlrun.mlconf.dbpath, name))
    # Not its project.yaml: what is registered is known to the API alone.
    project.save_to_db()
    return project


def project_folder(name: str, settings: Settings) -> Path:
    """Folder of the MLRun project ``name``."""
    return settings.home / "projects" / name


def register(
    project: mlrun.projects.MlrunProject, settings: Settings, memory: LastRun | None = None
) -> mlrun.projects.MlrunProject:
    """Register everything; the profile decides image, source, secrets and engine, nothing else.

    :param memory: what the project stands on; its arguments become those of the workflows.
    """
    _pin_image_of_steps()
    mapping = memory.schema.get(TOOL, {}) if memory and memory.schema else None
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
        # As the endpoint: what each of them is doing is known to its one process.
        function.spec.min_replicas = function.spec.max_replicas = 1
        _configure(function, settings)
        project.set_function(function, name=name)
    for function in (
        serving_function(project.metadata.name, settings, mapping),
        staging_function(project.metadata.name, settings),
    ):
        project.set_function(function, name=function.metadata.name)
    _register_workflows(project, settings, memory)
    return project


def register_mapping(project: mlrun.projects.MlrunProject, settings: Settings, schema: str) -> None:
    """Register the serving function anew, with the ``incident_mapping`` of a schema.

    :param schema: path of its file; empty for the simulated network's. On a cluster it is one of a pod.
    """
    if schema and not Path(schema).is_file():
        return
    mapping = TelemetrySchema.load(schema).to_dict().get(TOOL, {})
    project.set_function(serving_function(project.metadata.name, settings, mapping), name=SERVING)


def _register_workflows(
    project: mlrun.projects.MlrunProject, settings: Settings, memory: LastRun | None
) -> None:
    """Register the workflows with the arguments that the project remembers.

    A schedule that somebody has set on one stays, and so do arguments of which the project remembers none.
    """
    local = settings.profile == "local"
    # Relative where MLRun loaded this folder as the project, so that it may be moved or archived. On a laptop
    # another client must find the file wherever it runs.
    beside = not local and (Path(project.spec.context or ".") / WORKFLOW_FILE.name).is_file()
    file = WORKFLOW_FILE.name if beside else str(WORKFLOW_FILE)
    before = {workflow["name"]: workflow for workflow in project.workflows}
    for name, workflow in WORKFLOWS.items():
        project.set_workflow(name, file, engine="local" if local else "kfp", handler=workflow.__name__)
    project.workflows = [
        _as_before(workflow, before.get(workflow["name"], {}), memory) for workflow in project.workflows
    ]
    if local:
        project.metadata.labels = {**(project.metadata.labels or {}), RUNNER_LABEL: WORKFLOW_JOB}


def _as_before(workflow: dict[str, Any], before: dict[str, Any], memory: LastRun | None) -> dict[str, Any]:
    if workflow["name"] not in WORKFLOWS:
        return workflow
    args = {**(before.get("args") or {}), **workflow_arguments(memory, workflow["name"])}
    kept = {"args": args, "schedule": before.get("schedule")}
    return {**workflow, **{key: value for key, value in kept.items() if value}}


def serving_function(
    project: str, settings: Settings, incident_mapping: Mapping[str, Any] | None = None
) -> mlrun.runtimes.ServingRuntime:
    """The serving function with its graph; it serves the model that carries the tag ``production``.

    :param incident_mapping: as it is by now; None is that of the model.
    """
    return _serving(
        SERVING,
        project,
        settings,
        model_path=model_address(project, PRODUCTION),
        redis_url=settings.redis_url or mlrun.mlconf.redis.url or None,
        archive_directory=str(settings.accepted_events(project)),
        snapshot_directory=str(settings.snapshots(project)),
        labeled_directory=str(settings.labeled_pairs(project)),
        callback_url=settings.drift_callback or None,
        callback_body={"workflow": "main"},
        incident_mapping=incident_mapping,
        requests_per_second=settings.rate_limit,
        clock=settings.clock,
        arrival_clock_in_production=settings.clock == ARRIVAL,
    )


def staging_function(project: str, settings: Settings) -> mlrun.runtimes.ServingRuntime:
    """The same graph for rehearsals, of the model with the tag ``staging``.

    It shares nothing with the other: it has no journal and calls nobody, its pairs go to a folder of their
    own, and it takes its clock from what is played.
    """
    return _serving(
        STAGING,
        project,
        settings,
        model_path=model_address(project, STAGING_TAG),
        clock=ARRIVAL,
        tells_labels=False,
        labeled_directory=str(settings.rehearsed_pairs(project)),
        labeled_anew=True,
        batch_seconds=0.5,
    )


def replay_function(project: str, settings: Settings, model: str) -> mlrun.runtimes.ServingRuntime:
    """The same graph for a replay in this process. It keeps nothing, and is never registered or deployed.

    :param model: address of the model.
    """
    return _serving(
        "serving-replay",
        project,
        settings,
        model_path=model,
        clock=ARRIVAL,
        tells_labels=False,
        token_secret=None,
    )


def _serving(name: str, project: str, settings: Settings, **graph: Any) -> mlrun.runtimes.ServingRuntime:
    function = mlrun.new_function(name, kind="serving", image=settings.image, project=project)
    build_serving_graph(
        function,
        model_name=MODEL,
        devices=f"store://feature-sets/{project}/{devices.NAME}",
        unknown_devices=settings.unknown_devices,
        label_deadline_seconds=settings.label_deadline_seconds,
        request_log=settings.request_log,
        history=f"store://feature-sets/{project}/{device_metrics.NAME}",
        labels=f"store://feature-sets/{project}/{device_labels.NAME}",
        **{"token_secret": TOKEN, "anonymous": settings.anonymous, **graph},
        verify_key=settings.trusted_keys,
    )
    _configure(function, settings)
    return function


def _configure(function: mlrun.runtimes.BaseRuntime, settings: Settings) -> None:
    for name, value in settings.function_environment(function.metadata.project).items():
        function.set_env(name, value)
    if settings.profile == "local":
        if function.kind != "job":  # A job runs in a process of ours, which can read the token file.
            files = _set_secrets(function, settings)
            function.set_env(CODE, code_digest())
            function.set_env(DIGEST, digest_of(function, files))
        return
    function.with_source_archive(settings.source)
    if settings.streams_claim and function.metadata.name in ON_STREAMS:
        mount = mount_pvc(settings.streams_claim, "netops-streams", str(settings.labeled_streams))
        # Not by ``apply``: MLRun would then no longer mount what the cluster mounts by itself.
        mount(function)
    if function.metadata.name in ACT_ON_ROUTES:
        function.set_env_from_secret(TOKEN, secret="netops", secret_key="token")  # noqa: S106 - names


def _pin_image_of_steps() -> None:
    """Have the steps that deploy run in the image of MLRun's release that is installed, not of any.

    MLRun names that image without a tag, unless its API has another one. The client that deploys would be
    whichever is the newest.
    """
    image = str(mlrun.mlconf.kfp_image)
    name = image.rpartition("/")[2]
    if ":" not in name and "@" not in name:
        mlrun.mlconf.kfp_image = f"{image}:{mlrun.__version__}"


def _set_secrets(function: mlrun.runtimes.BaseRuntime, settings: Settings) -> list[Path]:
    """Tell a local function where its secrets are; its document, which others can read, has none of them.

    :returns: the files.
    """
    files = []
    for role in Role:
        path = keep(token_file(settings.home, role), "\n".join(settings.tokens(role)))
        function.set_env(f"{role_secret(TOKEN, role)}{FILE}", str(path))
        files.append(path)
    if settings.callback_secret:
        path = keep(settings.home / CALLBACK_FILE, settings.callback_secret)
        function.set_env(f"{CALLBACK_SECRET}{FILE}", str(path))
        files.append(path)
    return files
