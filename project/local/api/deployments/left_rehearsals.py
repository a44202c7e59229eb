"""Staging endpoints that a run left behind, because it was killed."""

from __future__ import annotations

from pathlib import Path

from project.function_names import STAGING
from project.local.api.deployments.records import read_deployments
from project.local.api.deployments.supervisor import Supervisor
from project.local.api.records.store import Store
from project.local.api.records.versioned import FUNCTION, delete_record
from project.run_lock import RUN, holder


class LeftRehearsals:
    """Deletes the staging endpoints of projects in which no run is under way.

    A lock ends with the process that holds it, however that ends.

    :param home: the folder of all local state, with the locks.
    """

    def __init__(self, store: Store, supervisor: Supervisor, home: Path) -> None:
        self._store = store
        self._supervisor = supervisor
        self._home = home

    def end(self) -> None:
        """Delete those there are."""
        for deployment in read_deployments(self._store):
            if deployment.name == STAGING and holder(self._home, deployment.project, (RUN,)) is None:
                self._supervisor.forget(deployment.project, STAGING)
                delete_record(self._store, FUNCTION, deployment.project, STAGING)
