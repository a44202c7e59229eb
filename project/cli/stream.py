"""``netops stream``: live telemetry to the endpoint."""

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
from project.function_names import SERVING
from project.settings import Settings


def stream(
    telemetry: TelemetryOption = None,
    schema: SchemaOption = None,
    project: ProjectOption = None,
    seconds: SecondsOption = parameters.DEFAULTS["stream_seconds"],
    rate: Annotated[int, typer.Option(help="Events a second.", min=1)] = parameters.DEFAULTS["stream_rate"],
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stream telemetry and late labels to the live endpoint.

    Parameters for --set as with run.
    """
    from project.api_reader import ready_endpoint
    from project.session import existing_session

    session = existing_session(Settings.from_environment())
    address = ready_endpoint(session.mlrun_dbpath, project_name(project, schema), SERVING).address

    # Only now, because these take seconds to load.
    from rich.console import Console

    from project.streaming import StreamReport
    from project.telemetry_generator import GeneratorOptions, generate

    options = GeneratorOptions.from_arguments(
        {
            **source_arguments(telemetry, schema),
            "stream_seconds": seconds,
            "stream_rate": rate,
            **parse_assignments(assignments, parameters.STREAM),
        }
    )
    report = StreamReport()
    console = Console(stderr=True)
    with console.status(f"streaming to {address} for {seconds} s", spinner="dots"):
        generate(options, address, report)
    result = report.to_dict()
    if as_json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:18}{value}")
