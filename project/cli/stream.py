"""``netops stream``: live telemetry to the endpoint."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from graphs.protocol.roles import Role
from project import parameters
from project.cli.arguments import as_last_time, parse_assignments, project_name, source_arguments
from project.cli.known_project import known_project
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
    seconds: SecondsOption = None,
    rate: Annotated[
        int | None, typer.Option(help="Events a second. Default: as last time, otherwise 300.", min=1)
    ] = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stream telemetry and late labels to the live endpoint.

    Anything not given is as in the project's last successful run. --set takes seed, devices,
    ticks, stream_seconds and stream_rate.
    """
    from project.api_reader import ready_endpoint
    from project.session import existing_session

    settings = Settings.from_environment()
    session = existing_session(settings)
    name = known_project(project, settings, session) if schema is None else project_name(project, schema)
    address = ready_endpoint(session.mlrun_dbpath, name, SERVING).address

    # Only now, because these take seconds to load.
    from rich.console import Console

    from project.run_lock import COMMAND, held
    from project.streaming import StreamReport
    from project.telemetry_generator import GeneratorOptions, generate

    arguments = {
        **source_arguments(telemetry, schema),
        **{key: value for key, value in (("stream_seconds", seconds), ("stream_rate", rate)) if value},
        **parse_assignments(assignments, parameters.STREAM),
    }
    console = Console(stderr=True)
    resolved = as_last_time(settings, session, name, parameters.STREAM, arguments, console)
    options = GeneratorOptions.from_arguments(resolved.arguments)
    report = StreamReport()
    waiting = console.status(f"streaming to {address} for {options.stream_seconds} s", spinner="dots")
    with held(settings.home, name, "netops stream", COMMAND), waiting:
        generate(options, address, report, headers=settings.bearer(Role.WRITE))
    result = report.to_dict()
    if as_json:
        print(json.dumps(result))
        return
    del result["before"]
    for key, value in result.items():
        print(f"{key:18}{value}")
