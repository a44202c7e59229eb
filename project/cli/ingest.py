"""``netops ingest``: telemetry into the feature sets."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feature_sets.checks import InputError
from project import parameters
from project.cli.arguments import (
    as_last_time,
    parse_assignments,
    project_name,
    schema_argument,
    source_arguments,
)
from project.cli.known_project import check_begins, known_project
from project.cli.options import JsonOption, ProjectOption, SchemaOption, SetOption, TelemetryOption
from project.settings import Settings
from project.summary.live_labels import contradiction_lines

if TYPE_CHECKING:
    from rich.console import Console

_COUNTS = (
    *("rows_read", "rows_rejected", "rows_too_late", "rows_quarantined", "rows_known", "rows_new"),
    *("rows_rewritten", "rows_dropped", "rows_conflicting", "rows_ingested"),
    *("label_rows", "labels_changed", "devices"),
)
_ALWAYS = ("rows_read", "rows_rejected", "rows_new", "rows_ingested", "label_rows", "devices")
_WIDTH = 17


def ingest(
    telemetry: TelemetryOption = None,
    schema: SchemaOption = None,
    project: ProjectOption = None,
    assignments: SetOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the history instead of adding to it; asks first.")
    ] = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Add only what the endpoint accepted since the last time; read no files."
        ),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Confirm --replace without a question; what is lost is still printed."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Add telemetry to the feature sets.

    The telemetry comes from a folder, or is simulated. Rows are added by device and time: rows already there
    change nothing, and unchanged files are not read again. What arrived live since the last time is added as
    well. With --replace the history is replaced. Exits with 1 if no row of a file was accepted, or one rule
    left out half of its rows; other files are still added.
    """
    from rich.console import Console

    from project.cli.workflow_progress import run_to_end
    from project.run_lock import COMMAND, held
    from project.session import open_session

    settings = Settings.from_environment()
    if live and (telemetry is not None or replace):
        raise InputError("--live", "must be given without --telemetry and --replace", True)
    workflow = "live" if live else "ingest"
    given = source_arguments(telemetry, schema) if not live else schema_argument(schema)
    names = parameters.NAMES["live"] if live else (*parameters.SOURCE, "live")
    arguments = {**given, **parse_assignments(assignments, names)}
    if replace and not yes and not sys.stdin.isatty():
        rule = "must be confirmed: add --yes, or run it on a terminal, which asks"
        raise InputError("--replace", rule, "no terminal")
    console = Console(stderr=as_json)
    name = project_name(project, schema)
    if schema is None and (live or (telemetry is not None and not replace)):
        # It adds to a history that there is: of a folder, only a project that remembers a schema can.
        name = known_project(project, settings, open_session(settings))
    if replace:
        arguments["replace"] = True
    with held(settings.home, name, "netops ingest", COMMAND):
        session = open_session(settings)
        check_begins(name, settings, session, live, project, schema, arguments.get("telemetry"))
        resolved = as_last_time(settings, session, name, parameters.NAMES[workflow], arguments, console)
        if replace:
            of_live = _of_live(settings, name, str(resolved.arguments.get("schema", "")))
            said = _replacement(name, session.mlrun_dbpath, is_asked=not yes) + of_live
            _confirm(said, yes, as_json, console)
        run_id = run_to_end(settings, session, name, workflow, resolved.arguments, console)
    results = _results(session.mlrun_dbpath, name, run_id)
    if as_json:
        print(json.dumps(results, default=str))
    else:
        _print_results(results, live, console)
    _check_files(results)


def _confirm(said: str, yes: bool, as_json: bool, console: Console) -> None:
    """Tell what a replacement loses and ask whether to go on, unless that was answered already."""
    if yes:
        console.print(said, highlight=False, soft_wrap=True)
    elif not typer.confirm(said, default=False, err=as_json):
        console.print("nothing was changed", highlight=False)
        raise typer.Exit(1)


def _print_results(results: dict[str, Any], live: bool, console: Console) -> None:
    """Counts of the rows, and what became of them in words; of live rows alone there are no counts."""
    if not live:
        for key in _COUNTS:
            if key in _ALWAYS or results.get(key):
                console.print(f"{key:{_WIDTH}}{results[key]:,}", highlight=False)
        events = f"{results['first_event']} to {results['last_event']}"
        console.print(f"{'events':{_WIDTH}}{events}", highlight=False)
    for line in [*results.get("report_lines", ()), *_live_lines(results["live"], always=live)]:
        console.print(line, highlight=False, soft_wrap=True)


def _check_files(results: Mapping[str, Any]) -> None:
    """Raise TelemetryError if no row of a file was accepted, or few; what is usable is in the history."""
    from feature_sets.telemetry.ingest_report import refused_error

    refused, mostly = (results.get(name) or {} for name in ("files_refused", "files_mostly_refused"))
    if refused or mostly:
        raise refused_error(refused, mostly)


def _results(dbpath: str, project: str, run_id: str) -> dict[str, Any]:
    """Results of the ingestion, with those of what arrived live as ``live``."""
    from project.summary.facts import read_steps, step_results

    steps = read_steps(dbpath, project, run_id)
    return {**step_results(steps, "ingest"), "live": step_results(steps, "live-history")}


def _live_lines(results: dict[str, Any], *, always: bool) -> list[str]:
    """What became of what arrived live; nothing of a time in which nothing came, unless it was asked for.

    That the endpoint did not take over the devices is told in any case.
    """
    failure = [*contradiction_lines(results)]
    failure += [results["reload_failure"]] if results.get("reload_failure") else []
    arrived = ("readings", "labels", "incidents", "maintenance_changes")
    if not always and not any(results.get(name) for name in arrived):
        return failure
    return [*results.get("report_lines", ()), *failure]


def _replacement(project: str, dbpath: str, *, is_asked: bool) -> str:
    """What is to be confirmed, or was, with what the newest ingestion says of the history."""
    begin, end = ("Replace", "?") if is_asked else ("Replacing", ".")
    from project.api_reader import projects, runs

    found = runs(dbpath, project) if project in projects(dbpath) else []
    results: list[dict[str, Any]] = [run["status"].get("results") or {} for run in found]
    last = next((result for result in results if "rows_ingested" in result), None)
    # What arrived live does not tell it.
    first = next((result["first_event"] for result in results if "first_event" in result), None)
    if last is None or first is None:
        return f"{begin} what project '{project}' has ingested, if anything{end}"
    rows, labels = f"{last['rows_ingested']:,} rows", f"{last.get('label_rows', 0):,} labels"
    # A folder of one day has fewer, and so has one of which old files were deleted.
    in_files = next((result["rows_read"] for result in results if "rows_read" in result), None)
    less = ""
    if in_files is not None and in_files < last["rows_ingested"]:
        less = (
            f" The files that were read last had {in_files:,} rows: readings that are in none of the files "
            "now, and did not arrive live, are gone then."
        )
    return (
        f"{begin} the history of project '{project}', {rows} and {labels} from {first} to "
        f"{last['last_event']}{end} This cannot be undone.{less}"
    )


def _of_live(settings: Settings, project: str, schema: str) -> str:
    """What the new history will have of what arrived live, with a space before it; empty of nothing."""
    # Only now, because these take seconds to load.
    from feature_sets.telemetry.schema import TelemetrySchema
    from graphs.state.accepted_entries import requests_by_columns
    from project.live_history import LiveJournal
    from project.schema_change_text import expected

    journal = LiveJournal.of(project, settings)
    requests = requests_by_columns(journal.url, journal.key, journal.archive)
    said = expected(requests, TelemetrySchema.load(schema))
    return f" {said}" if said else ""
