"""What ``netops run`` does: the workflow with its progress, the live stream, the summary, the clean-up."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from project import summary
from project.api_reader import ApiUnreachableError, endpoints, ready_endpoint, runs
from project.errors import NetopsError
from project.parameters import DEFAULTS
from project.run_workflow import WorkflowProcess
from project.session import Session
from project.settings import GENERATOR, Settings

_POLL_SECONDS = 0.5


class WorkflowFailedError(NetopsError):
    """The workflow did not succeed; the message holds its error and where its log is."""


def run_to_end(
    settings: Settings,
    session: Session,
    project: str,
    workflow: str,
    arguments: dict[str, Any],
    console: Console,
) -> str:
    """Run a workflow in a process of its own and show its steps as they end.

    The process is ended if this call is interrupted.

    :returns: the run id.
    :raises WorkflowFailedError: if the workflow does not succeed.
    """
    process = WorkflowProcess.start(settings, project, workflow, arguments)
    try:
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        ) as progress:
            current = progress.add_task("starting the workflow")
            shown: set[str] = set()
            while True:
                running = process.is_running()
                status = process.status()
                if status["run_id"]:
                    _show_steps(
                        session,
                        project,
                        status["run_id"],
                        shown,
                        console,
                        lambda text: progress.update(current, description=text),
                    )
                if not running:
                    break
                time.sleep(_POLL_SECONDS)
    finally:
        process.end()
    status = process.status()
    if status["state"] != "succeeded":
        raise WorkflowFailedError(f"workflow {workflow} failed: {status['error']}\nlog: {process.log_path}")
    return str(status["run_id"])


def _show_steps(
    session: Session,
    project: str,
    run_id: str,
    shown: set[str],
    console: Console,
    describe: Callable[[str], None],
) -> None:
    try:
        found = runs(session.mlrun_dbpath, project, run_id)
    except ApiUnreachableError as error:
        # The workflow itself says so if the API is really gone; a progress line is not worth a failure.
        describe(f"progress unknown: {error}")
        return
    for run in reversed(found):
        name, state = run["metadata"]["name"], run["status"].get("state", "")
        if state in ("completed", "error", "aborted") and name not in shown:
            shown.add(name)
            mark = "done  " if state == "completed" else "FAILED"
            console.print(f"  {mark} {name:22} {_duration(run)}", highlight=False)
        elif state == "running":
            describe(f"{name} ...")


def _duration(run: dict[str, Any]) -> str:
    status = run["status"]
    try:
        start = datetime.fromisoformat(status["start_time"])
        end = datetime.fromisoformat(status.get("end_time") or status["last_update"])
    except (KeyError, ValueError):
        return ""
    return f"{(end - start).total_seconds():6.1f} s"


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
            report: dict[str, Any] = httpx.get(generator.address, timeout=30).raise_for_status().json()
            progress.update(task, completed=report["events_sent"])
            if report["done"]:
                return report
            time.sleep(_POLL_SECONDS)


def run(
    settings: Settings, session: Session, project: str, arguments: dict[str, Any], console: Console
) -> dict[str, Any]:
    """The main job: workflow, stream, summary.

    :raises WorkflowFailedError: if a step fails or the stream ended early.
    """
    run_id = run_to_end(settings, session, project, "main", arguments, console)
    streaming = arguments.get("deploy_streaming", DEFAULTS["deploy_streaming"])
    steps = summary.steps(session.mlrun_dbpath, project, run_id)
    streamed = streaming and summary.promoted(steps)
    report = wait_for_stream(session, project, console) if streamed else None
    if report and report["error"]:
        raise WorkflowFailedError(f"the telemetry stream ended early: {report['error']}")
    deployed = endpoints(session.mlrun_dbpath) if streaming else []
    return summary.collect(project, run_id, steps, deployed, report)
