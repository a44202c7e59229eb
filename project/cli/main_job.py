"""The main job of ``netops run``: the workflow, the live stream, the facts of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from project.api_reader import endpoints
from project.cli.stream_progress import wait_for_stream
from project.cli.workflow_progress import run_to_end
from project.errors import NetopsError
from project.latest_report import latest_reports
from project.memory import Resolved
from project.run_lock import tell_run_id
from project.session import Session
from project.settings import Settings
from project.summary.facts import collect_facts, read_steps, simulated_stream


def run_main_job(
    settings: Settings, session: Session, project: str, arguments: Resolved, console: Console
) -> dict[str, Any]:
    """Run the workflow and follow the stream that it starts.

    :param arguments: of the workflow.
    :returns: see ``collect_facts``; besides, ``latest_report``: the path of the project's newest report.
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
    facts = collect_facts(project, run_id, steps, deployed, report)
    if report and facts["report"] and facts["drift"]:
        # What imports mlrun comes after the check of its address.
        from project.jobs.drift_section import tell_drift

        # The workflow told of drift while the network still streamed.
        try:
            tell_drift(Path(facts["report"]), facts["drift"])
        except (OSError, ValueError) as error:
            console.print(f"the report does not tell of drift to the end: {error}", soft_wrap=True)
    return {**facts, "latest_report": latest_reports(settings.home).get(project)}
