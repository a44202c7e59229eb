"""Puts a registered model into production, for the commands that do."""

from __future__ import annotations

from rich.console import Console

from project.cli.workflow_progress import run_to_end
from project.errors import NetopsError
from project.last_run import recall, resolve
from project.parameters import NAMES
from project.run_lock import RUN, BusyError, holder
from project.session import Session
from project.settings import Settings
from project.summary.facts import read_steps, step_results


def release_version(
    settings: Settings, session: Session, project: str, version: str, console: Console
) -> str:
    """Rehearse, serve and watch a version; its run id.

    :raises BusyError: if another run holds the project.
    :raises NetopsError: if that fails, or another model was put into production meanwhile; what was there may
        still be there, see ``netops status``.
    """
    other = holder(settings.home, project, (RUN,))
    if other is not None:
        raise BusyError(other)
    memory = recall(session.mlrun_dbpath, project)
    arguments = resolve(project, NAMES["release"], {"version": version}, memory).arguments
    run_id = run_to_end(settings, session, project, "release", arguments, console)
    promoted = step_results(read_steps(session.mlrun_dbpath, project, run_id), "promote")
    if promoted.get("superseded"):
        raise NetopsError(f"version {version} is not in production: {promoted['superseded']}")
    return run_id
