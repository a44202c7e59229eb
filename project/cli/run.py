"""``netops run``: the main job."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from project import parameters
from project.cli.arguments import parse_assignments, project_name, source_arguments
from project.cli.options import (
    JsonOption,
    ProjectOption,
    SchemaOption,
    SecondsOption,
    SetOption,
    TelemetryOption,
)
from project.settings import Settings


def run(
    telemetry: TelemetryOption = None,
    schema: SchemaOption = None,
    project: ProjectOption = None,
    assignments: SetOption = None,
    seconds: SecondsOption = parameters.DEFAULTS["stream_seconds"],
    keep: Annotated[bool, typer.Option("--keep", help="Leave the endpoints up afterwards.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the main job: train, serve and stream; then a summary.

    Ingests, selects features, trains, evaluates, serves, streams and watches for drift.

    Without --telemetry the network is simulated. Parameters for --set are those of the workflow, such as
    seed=1, devices=20, ticks=50000, train_rows=20000, deploy_streaming=false, deploy_concept_drift=false.
    """
    from rich.console import Console

    from project.cli.main_job import run_main_job
    from project.cli.passing_session import passing_session
    from project.summary.lines import summary_lines

    settings = Settings.from_environment()
    arguments = {
        **source_arguments(telemetry, schema),
        "stream_seconds": seconds,
        **parse_assignments(assignments, parameters.NAMES["main"]),
    }
    console = Console(stderr=as_json)
    name = project_name(project, schema)
    with passing_session(settings, keep) as session:
        console.print(f"netops run: project {name}, MLRun API {session.mlrun_dbpath}", highlight=False)
        result = run_main_job(settings, session, name, arguments, console)
        if as_json:
            print(json.dumps(result, default=str))
        else:
            console.print()
            for line in summary_lines(result):
                console.print(line, highlight=False, soft_wrap=True)
            if result["endpoint"] is not None and not keep:
                console.print("the endpoints are stopped now; --keep leaves them up", highlight=False)
