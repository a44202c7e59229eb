"""The main job of ``netops run``: the workflow, the live stream, the facts of both."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from project.api_reader import endpoints
from project.cli.stream_progress import wait_for_stream
from project.cli.workflow_progress import run_to_end
from project.errors import NetopsError
from project.parameters import DEFAULTS
from project.session import Session
from project.settings import Settings
from project.summary.facts import collect_facts, is_promoted, read_steps


def run_main_job(
    settings: Settings, session: Session, project: str, arguments: dict[str, Any], console: Console
) -> dict[str, Any]:
    """Run the workflow and follow the stream that it starts.

    :param arguments: of the workflow.
    :returns: see ``collect_facts``.
    :raises NetopsError: if a step fails or the stream ends early.
    """
    run_id = run_to_end(settings, session, project, "main", arguments, console)
    streaming = arguments.get("deploy_streaming", DEFAULTS["deploy_streaming"])
    steps = read_steps(session.mlrun_dbpath, project, run_id)
    streamed = streaming and is_promoted(steps)
    report = wait_for_stream(session, project, console) if streamed else None
    if report and report["error"]:
        raise NetopsError(f"the telemetry stream ended early: {report['error']}")
    deployed = endpoints(session.mlrun_dbpath) if streaming else []
    return collect_facts(project, run_id, steps, deployed, report)
