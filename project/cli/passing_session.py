"""A session for one command; it stops whatever it started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from project.api_reader import endpoints
from project.session import Session, local_stack, open_session
from project.settings import Settings
from project.workflow_process import WorkflowProcess

_LIVING = ("ready", "building")
"""States of an endpoint that has a process."""


@contextmanager
def passing_session(settings: Settings, keep: bool) -> Iterator[Session]:
    """A session that leaves behind what was there before, and nothing else unless ``keep``."""
    session = open_session(settings)
    # As long as they are not known, what there is is left alone.
    before: set[tuple[str, str]] | None = None
    interrupted = False
    try:
        before = {(e.project, e.name) for e in endpoints(session.mlrun_dbpath) if e.state in _LIVING}
        yield session
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        if interrupted or not keep:
            _clean_up(settings, session, before)


def _clean_up(settings: Settings, session: Session, before: set[tuple[str, str]] | None) -> None:
    if not session.owned:
        return
    stack = local_stack(settings)
    if session.started and not WorkflowProcess.running(settings):
        stack.stop()
        return
    if before is None:
        return
    for endpoint in endpoints(session.mlrun_dbpath):
        if (endpoint.project, endpoint.name) not in before and endpoint.state in _LIVING:
            stack.stop_function(endpoint.project, endpoint.name)
