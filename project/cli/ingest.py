"""``netops ingest``: telemetry into the feature sets."""

from __future__ import annotations

import json

from project import parameters
from project.cli.arguments import parse_assignments, project_name, source_arguments
from project.cli.options import JsonOption, ProjectOption, SchemaOption, SetOption, TelemetryOption
from project.settings import Settings


def ingest(
    telemetry: TelemetryOption = None,
    schema: SchemaOption = None,
    project: ProjectOption = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill the feature sets from a folder, or by simulation."""
    from rich.console import Console

    from project.api_reader import runs
    from project.cli.workflow_progress import run_to_end
    from project.session import open_session

    settings = Settings.from_environment()
    arguments = {
        **source_arguments(telemetry, schema),
        **parse_assignments(assignments, parameters.NAMES["ingest"]),
    }
    console = Console(stderr=as_json)
    name = project_name(project, schema)
    session = open_session(settings)
    run_id = run_to_end(settings, session, name, "ingest", arguments, console)
    results = runs(session.mlrun_dbpath, name, run_id)[0]["status"]["results"]
    if as_json:
        print(json.dumps(results, default=str))
        return
    for key in ("rows_read", "rows_rejected", "rows_ingested", "label_rows", "devices"):
        console.print(f"{key:14}{results[key]:,}", highlight=False)
    console.print(f"{'events':14}{results['first_event']} to {results['last_event']}", highlight=False)
    for line in results["report_lines"]:
        console.print(line, highlight=False, soft_wrap=True)
