"""A session for one command; it stops whatever it started."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from project.api_reader import projects as known_projects
from project.api_reader import runs
from project.local.run_states import TERMINAL_STATES
from project.local.stack import DeployedFunction, Stack
from project.run_lock import holders
from project.session import Session, local_stack, open_session
from project.settings import Settings
from project.workflow_process import WorkflowProcess


@contextmanager
def passing_session(settings: Settings, keep: bool, projects: Collection[str]) -> Iterator[Session]:
    """A session that leaves behind what was there before or is not its own, and nothing else unless ``keep``.

    :param projects: those of the command. Whatever runs in another one was started by somebody else.
    """
    session = open_session(settings)
    # As long as they are not known, what there is is left alone.
    before: set[tuple[str, str]] | None = None
    interrupted = False
    try:
        if session.owned:
            before = {(e.project, e.name) for e in _living(local_stack(settings))}
        yield session
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        if session.owned and (interrupted or not keep):
            _clean_up(settings, session, projects, before)


def _clean_up(
    settings: Settings, session: Session, projects: Collection[str], before: set[tuple[str, str]] | None
) -> None:
    stack = local_stack(settings)
    if session.started and not _needed(settings, session, stack, projects):
        stack.stop()
        return
    if before is None or not stack.control_plane_lives():
        return
    for endpoint in _living(stack):
        if endpoint.project in projects and (endpoint.project, endpoint.name) not in before:
            stack.stop_function(endpoint.project, endpoint.name)


def _living(stack: Stack) -> list[DeployedFunction]:
    """Endpoints that have a process: also the version before of one whose deployment failed."""
    return [each for each in stack.deployments() if each.pid is not None or each.state == "building"]


def _needed(settings: Settings, session: Session, stack: Stack, projects: Collection[str]) -> bool:
    """Whether somebody else works with the servers: a workflow, a command, an endpoint or a run."""
    if WorkflowProcess.running(settings):
        return True
    users = [holder.project for holder in holders(settings.home)]
    if not stack.control_plane_lives():
        users += [project for project, _, _ in stack.orphans()]
    else:
        users += [endpoint.project for endpoint in _living(stack)]
        users += [name for name in known_projects(session.mlrun_dbpath) if _has_open_runs(session, name)]
    return not set(users) <= set(projects)


def _has_open_runs(session: Session, project: str) -> bool:
    found = runs(session.mlrun_dbpath, project)
    return any(run["status"].get("state") not in TERMINAL_STATES for run in found)
