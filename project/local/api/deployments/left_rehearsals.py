"""Staging endpoints that a run left behind, because it was killed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from project.function_names import STAGING
from project.local.api.deployments.records import BUILDING, Deployment, read_deployment, read_deployments
from project.local.api.deployments.supervisor import Supervisor
from project.local.api.records.runs import unfinished_runs
from project.local.api.records.store import Store
from project.local.api.records.versioned import FUNCTION, delete_record
from project.run_lock import RUN, holder, known

_WORKFLOW_LABEL = "workflow"
_QUIET_SECONDS = 600.0
"""Between two steps of a run, and while it deploys, no record tells that it is under way."""


class LeftRehearsals:
    """Deletes the staging endpoints of projects in which no run is under way.

    A lock ends with the process that holds it, however that ends. A run with a home of its own has its lock
    there. Of that only the records of its steps tell whether it is under way, and it counts as over after ten
    minutes without one that has not ended.

    :param home: the folder of all local state, with the locks.
    :param clock: in seconds.
    """

    def __init__(
        self, store: Store, supervisor: Supervisor, home: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._supervisor = supervisor
        self._home = home
        self._clock = clock
        self._quiet_since: dict[str, float] = {}

    def end(self) -> None:
        """Delete those there are."""
        for deployment in read_deployments(self._store):
            if deployment.name == STAGING and self._left(deployment):
                self._supervisor.forget(deployment.project, STAGING)
                delete_record(self._store, FUNCTION, deployment.project, STAGING)

    def _left(self, deployment: Deployment) -> bool:
        project = deployment.project
        if known(self._home, project):
            over = holder(self._home, project, (RUN,)) is None
        else:
            over = self._quiet(deployment)
        # A run that began and ended meanwhile has deployed it anew, or deleted it.
        return over and read_deployment(self._store, project, STAGING) == deployment

    def _quiet(self, deployment: Deployment) -> bool:
        """Whether no step of a run has been under way for long."""
        now, project = self._clock(), deployment.project
        if deployment.state == BUILDING or unfinished_runs(self._store, project, _WORKFLOW_LABEL):
            self._quiet_since.pop(project, None)
            return False
        over = now - self._quiet_since.setdefault(project, now) >= _QUIET_SECONDS
        if over:
            del self._quiet_since[project]
        return over
