"""The ``netops`` command line."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from feature_sets.telemetry.frames import TelemetryError
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.schema_rules import SchemaError
from project import parameters
from project.api_reader import Endpoint, endpoints, ready_endpoint, redis_url, runs
from project.errors import NetopsError
from project.run_workflow import WorkflowProcess
from project.session import Session, find_session, local_stack, open_session
from project.settings import ENDPOINTS, SERVING, Settings, SettingsError

app = typer.Typer(
    name="netops",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Predicts network device errors from live telemetry, and notices when its own model goes stale.\n\n"
    "State lives in $NETOPS_HOME (default: .netops in the checkout). With MLRUN_DBPATH set, that MLRun API "
    "is used; otherwise a local one is started when needed.",
)

TelemetryOption = Annotated[
    Path | None,
    typer.Option(help="Folder with metrics, labels and static files (Parquet or CSV). Default: simulate."),
]
SchemaOption = Annotated[
    Path | None, typer.Option(help="Telemetry schema, YAML. Default: the simulated network's.")
]
ProjectOption = Annotated[
    str | None,
    typer.Option(help="MLRun project. Default: netops, or netops-NAME with a schema called NAME."),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Workflow parameter as name=value; repeatable.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


class UsageError(NetopsError):
    """An argument that breaks a rule; the message names it, the rule and what came."""


def main() -> None:
    """Entry point: a known failure prints one clear message and exits with 1, bad usage with 2."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except (UsageError, SchemaError, SettingsError, parameters.ParameterError) as error:
        print(f"netops: {error}", file=sys.stderr)
        sys.exit(2)
    except (NetopsError, TelemetryError, httpx.HTTPError) as error:
        print(f"netops: {error}", file=sys.stderr)
        sys.exit(1)


def _interrupt(_signal: int, _frame: object) -> None:
    # A terminated command cleans up like an interrupted one.
    raise KeyboardInterrupt


@app.command()
def run(
    telemetry: TelemetryOption = None,
    schema: SchemaOption = None,
    project: ProjectOption = None,
    assignments: SetOption = None,
    seconds: Annotated[int, typer.Option(help="How long to stream live telemetry, wall time.", min=1)] = 30,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the endpoints up afterwards.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the main job: ingest, select, train, test, serve, stream, watch for drift; then a summary.

    Without --telemetry the network is simulated. Parameters for --set are those of the workflow, such as
    seed=1, devices=20, ticks=50000, train_rows=20000, deploy_streaming=false, deploy_concept_drift=false.
    """
    from project import summary
    from project.run_command import run as run_main

    settings = Settings.from_environment()
    arguments = {
        **_source_arguments(telemetry, schema),
        "stream_seconds": seconds,
        **parse_assignments(assignments, parameters.NAMES["main"]),
    }
    console = Console(stderr=as_json)
    name = _project(project, schema)
    with _session(settings, keep, name) as session:
        console.print(f"netops run: project {name}, MLRun API {session.mlrun_dbpath}", highlight=False)
        result = run_main(settings, session, name, arguments, console)
        if as_json:
            print(json.dumps(result, default=str))
        else:
            console.print()
            for line in summary.lines(result):
                console.print(line, highlight=False, soft_wrap=True)
            if result["endpoint"] is not None and not keep:
                console.print("the endpoints are stopped now; --keep leaves them up", highlight=False)


@app.command()
def ingest(
    telemetry: TelemetryOption = None,
    schema: SchemaOption = None,
    project: ProjectOption = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill the feature sets from a folder of telemetry, or from the simulated network."""
    from project.run_command import run_to_end

    settings = Settings.from_environment()
    arguments = {
        **_source_arguments(telemetry, schema),
        **parse_assignments(assignments, parameters.NAMES["ingest"]),
    }
    console = Console(stderr=as_json)
    name = _project(project, schema)
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


@app.command()
def up(as_json: JsonOption = False) -> None:
    """Start the local control plane and Valkey, or find them running."""
    settings = Settings.from_environment()
    session = open_session(settings)
    _print_status(session, endpoints(session.mlrun_dbpath), as_json)


@app.command()
def serve(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Serve the registered production model; brings a stopped or killed endpoint back."""
    from project.run_command import run_to_end

    settings = Settings.from_environment()
    session = open_session(settings)
    run_to_end(settings, session, _project(project, None), "serve", {}, Console(stderr=as_json))
    _print_status(session, endpoints(session.mlrun_dbpath), as_json)


@app.command()
def stream(
    telemetry: TelemetryOption = None,
    schema: SchemaOption = None,
    project: ProjectOption = None,
    seconds: Annotated[int, typer.Option(help="How long to stream, wall time.", min=1)] = 30,
    rate: Annotated[int, typer.Option(help="Events a second.", min=1)] = 300,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stream telemetry, and its late labels, to the live endpoint. Parameters for --set as with run."""
    from project.streaming import StreamReport
    from project.telemetry_generator import GeneratorOptions, generate

    settings = Settings.from_environment()
    session = _existing_session(settings)
    name = _project(project, schema)
    address = ready_endpoint(session.mlrun_dbpath, name, SERVING).address
    options = GeneratorOptions.from_arguments(
        {
            **_source_arguments(telemetry, schema),
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


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Tell what runs: the MLRun API, the online store and every endpoint with its state and model."""
    settings = Settings.from_environment()
    session = find_session(settings)
    if session is not None:
        _print_status(session, endpoints(session.mlrun_dbpath), as_json)
        return
    # Endpoints outlive a control plane that was killed.
    living = [
        Endpoint(name, address, "ready", "", "", project)
        for project, name, address in local_stack(settings).orphans()
    ]
    if not living and not as_json:
        print("nothing is running; 'netops up' starts the control plane")
        return
    _print_status(Session("", "", owned=True, started=False), living, as_json)


@app.command()
def stop(
    function: Annotated[str | None, typer.Argument(help="Stop this endpoint only.")] = None,
    project: ProjectOption = None,
) -> None:
    """Stop everything that runs on this machine for this installation, or one endpoint."""
    settings = Settings.from_environment()
    session = find_session(settings)
    if session is not None and not session.owned:
        raise UsageError(
            f"stop ends local processes; {session.mlrun_dbpath} (MLRUN_DBPATH) is not ours to stop"
        )
    stack = local_stack(settings)
    if function is None:
        workflows = WorkflowProcess.running(settings)
        for workflow in workflows:
            workflow.end()
        print("stopped" if stack.stop() or workflows else "nothing was running")
        return
    stack.stop_function(_project(project, None), function)
    print(f"stopped {function}")


@app.command("runs")
def list_runs(
    project: ProjectOption = None,
    limit: Annotated[int, typer.Option(help="Newest runs to show.", min=1)] = 40,
    as_json: JsonOption = False,
) -> None:
    """List the runs of a project with state, parameters and results, newest first."""
    session = open_session(Settings.from_environment())
    found = runs(session.mlrun_dbpath, _project(project, None))[:limit]
    if as_json:
        print(json.dumps(found, default=str))
        return
    rows = []
    for entry in found:
        metadata, spec, state = entry["metadata"], entry.get("spec") or {}, entry["status"]
        rows.append(
            (
                metadata["name"],
                state.get("state", ""),
                str(state.get("start_time", ""))[:19].replace("T", " "),
                metadata["uid"][:8],
                _compact(spec.get("parameters")),
                _compact(state.get("results")),
            )
        )
    _print_columns(("name", "state", "started (UTC)", "uid", "parameters", "results"), rows)


@app.command("compile")
def compile_workflow(
    file: Annotated[Path, typer.Argument(help="Where to write the Argo workflow, YAML.")],
    project: ProjectOption = None,
) -> None:
    """Compile the workflow to an Argo workflow for Kubeflow Pipelines."""
    settings = Settings.from_environment()
    open_session(settings)
    from project.compile import compile_to

    compile_to(file.resolve(), _project(project, None), settings)
    print(f"wrote {file}")


def parse_assignments(assignments: Sequence[str] | None, names: Sequence[str]) -> dict[str, Any]:
    """``name=value`` texts as arguments.

    :param names: the parameters that may be given.
    :raises UsageError: if an equals sign is missing.
    :raises ParameterError: for an unknown name or a value of the wrong type.
    """
    parsed: dict[str, Any] = {}
    for assignment in assignments or ():
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set must be name=value, got {assignment!r}")
        parsed[name] = parameters.parse(names, name, text)
    return parsed


def _source_arguments(telemetry: Path | None, schema: Path | None) -> dict[str, Any]:
    """Absolute paths, as the steps run elsewhere; checked here, before anything is started."""
    if telemetry is not None and schema is None:
        raise UsageError("--telemetry needs --schema, the file that says what its columns mean, got none")
    if schema is not None and telemetry is None:
        raise UsageError("--schema needs --telemetry, the folder it describes, got none")
    if telemetry is not None and not telemetry.is_dir():
        raise UsageError(f"--telemetry must be a folder, got '{telemetry}'")
    if schema is not None:
        TelemetrySchema.from_yaml(schema)
    return {
        **({"telemetry": str(telemetry.resolve())} if telemetry else {}),
        **({"schema": str(schema.resolve())} if schema else {}),
    }


def _project(given: str | None, schema: Path | None) -> str:
    if given:
        return given
    if schema is not None:
        return f"netops-{TelemetrySchema.from_yaml(schema).name}"
    return Settings.from_environment().project


@contextmanager
def _session(settings: Settings, keep: bool, project: str) -> Iterator[Session]:
    """A session that leaves behind what was there before, and nothing else unless ``keep``."""
    session = open_session(settings)
    before = {(e.project, e.name) for e in endpoints(session.mlrun_dbpath) if e.state == "ready"}
    interrupted = False
    try:
        yield session
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        if interrupted or not keep:
            _clean_up(settings, session, before)


def _clean_up(settings: Settings, session: Session, before: set[tuple[str, str]]) -> None:
    if not session.owned:
        return
    stack = local_stack(settings)
    if session.started and not WorkflowProcess.running(settings):
        stack.stop()
        return
    for endpoint in endpoints(session.mlrun_dbpath):
        if (endpoint.project, endpoint.name) not in before and endpoint.state == "ready":
            stack.stop_function(endpoint.project, endpoint.name)


def _existing_session(settings: Settings) -> Session:
    session = find_session(settings)
    if session is None:
        raise UsageError("nothing is running; start it with 'netops run --keep' or 'netops serve'")
    os.environ["MLRUN_DBPATH"] = session.mlrun_dbpath
    return session


def _print_status(session: Session, found: list[Endpoint], as_json: bool) -> None:
    shown = [vars(endpoint) for endpoint in found if endpoint.name in ENDPOINTS]
    online = session.redis_url
    if not online and not session.owned:
        online = redis_url(session.mlrun_dbpath)
    if as_json:
        status = {
            "mlrun_dbpath": session.mlrun_dbpath or None,
            "redis_url": online or None,
            "endpoints": shown,
        }
        print(json.dumps(status))
        return
    down = "not running; 'netops up' starts it"
    print(f"MLRun API     {session.mlrun_dbpath or down}\nonline store  {online or down}")
    if not shown:
        print("endpoints     none")
        return
    header = ("project", "endpoint", "address", "state", "model", "version")
    _print_columns(header, [tuple(e[key] for key in ("project", "name", *header[2:])) for e in shown])


def _print_columns(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Aligned columns, nothing cut: an address must be there whole to be copied."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _compact(values: dict[str, Any] | None, width: int = 60) -> str:
    text = ", ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in (values or {}).items()
        if not isinstance(value, dict | list)
    )
    return text if len(text) <= width else text[: width - 1] + "…"
