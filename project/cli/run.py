"""``netops run``: the main job."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from feature_sets.checks import InputError
from graphs.protocol.roles import Role
from project import parameters
from project.cli.arguments import as_last_time, parse_assignments, project_name, source_arguments
from project.cli.options import (
    IS_OPEN,
    JsonOption,
    OpenOption,
    ProjectOption,
    SchemaOption,
    SecondsOption,
    SetOption,
    TelemetryOption,
)
from project.cli.scenario import SCENARIOS, run_scenario
from project.settings import Settings


def run(
    telemetry: TelemetryOption = None,
    schema: SchemaOption = None,
    project: ProjectOption = None,
    assignments: SetOption = None,
    seconds: SecondsOption = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="Put the model into production whatever the gate says.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the endpoints up afterwards.")] = False,
    scenario: Annotated[
        str | None,
        typer.Option(help=f"Play a scenario instead, in a project of its own: {', '.join(SCENARIOS)}."),
    ] = None,
    is_open: OpenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the main job: train, serve and stream; print a summary.

    Ingests, selects features, trains, evaluates, serves, streams and watches for drift.

    Anything not given is as in the project's last successful run. A project's first run without --telemetry
    simulates the network. --set takes parameters of the workflow, such as seed=1, devices=20,
    ticks=50000, train_rows=20000, deploy_streaming=false, deploy_concept_drift=false.
    """
    from rich.console import Console

    from project.cli.known_project import check_begins
    from project.cli.main_job import run_main_job
    from project.cli.passing_session import passing_session
    from project.run_lock import COMMAND, held
    from project.summary.lines import summary_lines

    settings = Settings.from_environment()
    if scenario is not None:
        if telemetry or schema or seconds or promote:
            raise InputError("--scenario", "must be given without the options of a run", scenario)
        run_scenario(settings, scenario, project, assignments, keep, as_json)
        return
    arguments = {
        **source_arguments(telemetry, schema),
        **({} if seconds is None else {"stream_seconds": seconds}),
        **parse_assignments(assignments, parameters.NAMES["main"]),
        **({"promote": True} if promote else {}),
    }
    console = Console(stderr=as_json)
    name = project_name(project, schema)
    with (
        held(settings.home, name, "netops run", COMMAND),
        passing_session(settings, keep, {name}) as session,
    ):
        check_begins(name, settings, session, project, schema, arguments.get("telemetry"))
        console.print(f"netops run: project {name}, MLRun API {session.mlrun_dbpath}", highlight=False)
        if settings.anonymous == Role.WRITE:
            console.print(IS_OPEN, highlight=False)
        resolved = as_last_time(settings, session, name, parameters.NAMES["main"], arguments, console, keep)
        result = run_main_job(settings, session, name, resolved, console)
        if as_json:
            print(json.dumps(result, default=str))
        else:
            console.print()
            for line in summary_lines(result):
                console.print(line, highlight=False, soft_wrap=True)
    if not as_json and result["endpoint"] is not None:
        console.print(what_stays(settings, name), highlight=False)


def what_stays(settings: Settings, project: str) -> str:
    """Whether the endpoints are up after the run: kept, or because they were up before it."""
    from project.api_reader import endpoints
    from project.session import find_session

    session = find_session(settings)
    found = endpoints(session.mlrun_dbpath, project) if session else []
    if any(each.state == "ready" for each in found):
        return "the endpoints are up; 'netops status' tells where, 'netops stop' ends everything"
    return "the endpoints are stopped now; --keep leaves them up"
