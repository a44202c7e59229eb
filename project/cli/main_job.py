"""The main job of ``netops run``: the workflow, the live stream, the facts of both."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from project.api_reader import Endpoint, endpoints, ready_endpoint
from project.cli.workflow_progress import run_to_end
from project.endpoint_routing import ChampionChange, routing_if_any
from project.errors import NetopsError
from project.function_names import GENERATOR, SERVING
from project.http_json import get_json
from project.last_run import Resolved
from project.latest_report import latest_reports
from project.run_lock import tell_run_id
from project.session import Session
from project.settings import Settings
from project.summary.facts import begun, collect_facts, read_steps, simulated_stream

_POLL_SECONDS = 0.5


def run_main_job(
    settings: Settings, session: Session, project: str, arguments: Resolved, console: Console
) -> dict[str, Any]:
    """Run the workflow and follow the stream that it starts.

    :param arguments: of the workflow.
    :returns: see ``collect_facts``; besides, ``latest_report``: the path of the project's newest report, and
        ``deploy_streaming``: whether a model was to be served.
    :raises NetopsError: if a step fails or the stream ends early.
    """
    run_id = run_to_end(settings, session, project, "main", arguments.arguments, console)
    tell_run_id(settings.home, project, run_id)
    streaming = arguments.value("deploy_streaming")
    steps = read_steps(session.mlrun_dbpath, project, run_id)
    report = wait_for_stream(session, project, console) if simulated_stream(steps) else None
    if report and report["error"]:
        raise NetopsError(f"the telemetry stream ended early: {report['error']}")
    deployed = endpoints(session.mlrun_dbpath, project) if streaming else []
    meanwhile = _changed_meanwhile(settings, deployed, steps, console)
    facts = collect_facts(project, run_id, steps, deployed, report, meanwhile)
    if report and facts["report"] and facts["drift"]:
        # It loads what draws pages.
        from project.summary.drift_section import tell_drift

        # The workflow told of drift while the network still streamed.
        try:
            tell_drift(Path(facts["report"]), facts["drift"])
        except (OSError, ValueError) as error:
            console.print(f"the report does not tell of drift to the end: {error}", soft_wrap=True)
    latest = latest_reports(settings.home).get(project)
    return {**facts, "latest_report": latest, "deploy_streaming": streaming}


def _changed_meanwhile(
    settings: Settings, deployed: Sequence[Endpoint], steps: dict[str, Any], console: Console
) -> ChampionChange | None:
    """How a person has changed the champion of the endpoint since a run began; None if nobody has.

    :param deployed: endpoints of the project.
    :param steps: of the run, by name.
    """
    up = next((one for one in deployed if (one.name, one.state) == (SERVING, "ready")), None)
    since = begun(steps)
    if up is None or not since:
        return None
    try:
        routing = routing_if_any(up.address, settings.bearer_token())
    except NetopsError as error:
        console.print(f"whether a person has changed the champion is not known: {error}", soft_wrap=True)
        return None
    return None if routing is None else routing.changed_by_a_person(since)


def wait_for_stream(session: Session, project: str, console: Console) -> dict[str, Any]:
    """Follow the telemetry generator to its end.

    :returns: its last report.
    """
    generator = ready_endpoint(session.mlrun_dbpath, project, GENERATOR)
    with Progress(
        SpinnerColumn(),
        TextColumn("streaming telemetry: {task.completed:,.0f} events"),
        BarColumn(pulse_style="cyan"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("stream", total=None)
        while True:
            report: dict[str, Any] = get_json(generator.address)
            progress.update(task, completed=report["events_sent"])
            if report["done"]:
                return report
            time.sleep(_POLL_SECONDS)
