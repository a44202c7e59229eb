"""``netops compile``: the workflow for Kubeflow."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from feature_sets.checks import InputError
from project import parameters
from project.cli.arguments import as_last_time, parse_assignments, project_name, source_arguments
from project.cli.known_project import check_begins
from project.cli.options import ProjectOption, SchemaOption, SetOption, TelemetryOption
from project.settings import NEEDED_BY_CLUSTERS, Settings


def compile_workflow(
    file: Annotated[Path, typer.Argument(help="Where to write the Argo workflow, YAML.")],
    telemetry: TelemetryOption = None,
    schema: SchemaOption = None,
    project: ProjectOption = None,
    assignments: SetOption = None,
) -> None:
    """Compile the workflow to Argo, for Kubeflow Pipelines.

    The defaults of its parameters are the arguments that 'netops run' would use for the project now. On a
    cluster --telemetry and --schema are paths in its pods.
    """
    from rich.console import Console

    from project.last_run import refuse_simulation, set_on_workflow
    from project.session import open_session

    if not file.resolve().parent.is_dir():
        raise InputError("FILE", "must be in a folder that exists", str(file))
    if file.is_dir():
        raise InputError("FILE", "must be a file to write", str(file))
    settings = Settings.from_environment()
    local, names = settings.profile == "local", parameters.NAMES["main"]
    source = source_arguments(telemetry, schema) if local else _paths_of_pods(telemetry, schema)
    given = {**source, **parse_assignments(assignments, names)}
    name = project_name(project, schema if local else None)
    session = open_session(settings)
    check_begins(name, settings, session, project, schema, given.get("telemetry"))
    console = Console()
    stored = set_on_workflow(session.mlrun_dbpath, name, "main")
    resolved = as_last_time(settings, session, name, names, {**stored, **given}, console)
    refuse_simulation(name, resolved)
    # Imports mlrun, which asks the API just found or started.
    from project.compiled_workflow import compile_workflow as write

    write(name, "main", resolved.arguments, settings, file.resolve())
    for where, values in (
        ("as set on the workflow", {key: value for key, value in stored.items() if key not in given}),
        ("as given", {key: resolved.arguments[key] for key in given}),
    ):
        if values:
            told = ", ".join(f"{key}={value}" for key, value in values.items())
            console.print(f"{where}: {told}", highlight=False, soft_wrap=True)
    console.print("all other arguments: the defaults of the workflow", highlight=False)
    if not resolved.value("telemetry"):
        simulated = f"the file simulates a network: project {name} remembers no telemetry, and none was given"
        console.print(simulated, highlight=False, soft_wrap=True)
    console.print(f"wrote {file}", highlight=False, soft_wrap=True)
    if local:
        print(_only_to_look_at(session.mlrun_dbpath), file=sys.stderr)


def _only_to_look_at(dbpath: str) -> str:
    """Why a file of profile local runs on no cluster, and what makes one that does."""
    return (
        "netops: this file is only to be looked at: its steps are those of profile local, of the MLRun API "
        f"{dbpath} and without an image. For one of a cluster, compile with NETOPS_PROFILE=kubernetes or "
        f"iguazio, and {', '.join(NEEDED_BY_CLUSTERS)} and NETOPS_IMAGE set"
    )


def _paths_of_pods(telemetry: Path | None, schema: Path | None) -> dict[str, Any]:
    """Where telemetry is in the pods of a cluster, as it was given: it need not be on this machine.

    :raises InputError: unless each path begins at the root.
    """
    given = {"telemetry": telemetry, "schema": schema}
    for name, path in given.items():
        if path is not None and not path.is_absolute():
            raise InputError(f"--{name}", "must be an absolute path in the pods of the cluster", str(path))
    return {name: str(path) for name, path in given.items() if path is not None}
