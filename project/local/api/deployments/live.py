"""Deployments as they are now: their records, corrected by a look at the processes.

A process is looked at whenever its state is asked for. So the state is right a moment after a kill. It is
also right after a restart of the control plane, which finds processes again by pid and creation time.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from project.disk_errors import disk_line, log_failure
from project.local.api.deployments.records import (
    BUILDING,
    ERROR,
    NO_FAILED_START,
    READY,
    Deployment,
    change_deployment,
    read_deployment,
    read_deployments,
)
from project.local.api.errors import NotFoundError
from project.local.api.records.store import Store

# A waiting caller looks at least so often: a process may die without anybody recording it.
_LOOK_SECONDS = 0.5
# Where the disk is full, what must be recorded is tried again so often.
_AGAIN_SECONDS = 1.0

log = logging.getLogger("netops.api.deployments")


class LiveDeployments:
    """Reads and changes deployments, and tells waiting callers of changes.

    :param store: where deployments are recorded.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._unrecorded: dict[tuple[str, str, int | None], float] = {}
        """When the end of a process was noticed that could not be recorded."""

    def close(self) -> None:
        """Try nothing again any more: the control plane ends."""
        self._closed.set()

    def get(self, project: str, name: str) -> Deployment:
        """A deployment as it is now.

        :raises NotFoundError: if the function was never deployed.
        """
        deployment = self.find(project, name)
        if deployment is None:
            raise NotFoundError(f"no function {project}/{name} was deployed")
        return deployment

    def find(self, project: str, name: str) -> Deployment | None:
        """A deployment as it is now, or None."""
        deployment = read_deployment(self._store, project, name)
        return self._look(deployment) if deployment else None

    def all(self, project: str = "") -> list[Deployment]:
        """All deployments as they are now, or those of one project."""
        return [self._look(deployment) for deployment in read_deployments(self._store, project)]

    def _look(self, deployment: Deployment) -> Deployment:
        """Correct the record of a process that died since; on a full disk only what is told of it."""
        process = deployment.process
        if deployment.state not in {READY, ERROR} or (process is not None and process.alive()):
            return deployment
        if deployment.state == ERROR and process is None:
            return deployment
        reason = process.exit_reason() if process else "there is no process"
        changes: dict[str, Any] = {"pid": None, "created": None, "fallen": 1}
        key = (deployment.project, deployment.name, deployment.pid)
        noticed = self._unrecorded.pop(key, None) or time.time()
        changes |= {"last_exit": reason, "last_exit_time": noticed, **NO_FAILED_START}
        if deployment.state == READY:
            changes |= {"state": ERROR, "reason": reason}
        try:
            with self._store.write():
                current = read_deployment(self._store, deployment.project, deployment.name)
                if current is None or (current.pid, current.state) != (deployment.pid, deployment.state):
                    return current or deployment
                changed = change_deployment(self._store, deployment.project, deployment.name, **changes)
                return changed or current
        except sqlite3.OperationalError as error:
            why = disk_line(error)
            if not why:
                raise
            self._unrecorded[key] = noticed
            return replace(deployment, **{**changes, "reason": f"{reason}; that cannot be recorded: {why}"})

    def current(self, deployment: Deployment) -> Deployment | None:
        """The deployment as recorded, or None if it was deployed anew, stopped or deleted meanwhile."""
        current = read_deployment(self._store, deployment.project, deployment.name)
        return current if current is not None and current.generation == deployment.generation else None

    def change(self, project: str, name: str, **changes: object) -> None:
        """Record changes."""
        change_deployment(self._store, project, name, **changes)
        self._tell()

    def change_current(self, deployment: Deployment, **changes: object) -> bool:
        """Record changes unless the deployment was superseded.

        :returns: whether they were recorded.
        """
        with self._store.write():
            current = self.current(deployment)
            if current is not None:
                change_deployment(self._store, deployment.project, deployment.name, **changes)
        self._tell()
        return current is not None

    def start_failed(self, deployment: Deployment, reason: str, **changes: object) -> None:
        """Record that a start has failed; of one that had died, beside how it died.

        :param changes: that are recorded, too.
        """
        if deployment.fallen:
            changes |= {
                "failed_starts": deployment.failed_starts + 1,
                "failed_start": reason,
                "failing_since": deployment.failing_since or time.time(),
            }
        self.change_current(deployment, state=ERROR, reason=reason, **changes)

    def when_possible(self, record: Callable[[], object]) -> None:
        """Record something however long that takes: it is tried again while the disk is full.

        What waits for it would otherwise wait for ever, as a deployment stays what it was recorded as.
        """
        is_told = False
        while not self._closed.is_set():
            try:
                record()
                return
            except sqlite3.OperationalError as error:
                if not is_told:
                    log_failure(log, error, f"recorded again every {_AGAIN_SECONDS:g} s")
                is_told = True
                self._closed.wait(_AGAIN_SECONDS)

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait(self, project: str, name: str, seconds: float) -> Deployment:
        """A deployment once it is no longer ``building``, or as it is after that many seconds."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                deployment = self.get(project, name)
                left = deadline - time.monotonic()
                if deployment.state != BUILDING or left <= 0:
                    return deployment
                self._changed.wait(min(left, _LOOK_SECONDS))
