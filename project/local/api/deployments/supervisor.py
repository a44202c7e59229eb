"""Changes to deployed functions, each of which runs as a local process.

When a process dies, the state of its function becomes ``error`` with the reason. ``revived_functions``
decides when it is started again.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

from project.disk_errors import log_failure
from project.local.api.deployments.launch import Launcher
from project.local.api.deployments.live import LiveDeployments
from project.local.api.deployments.records import (
    BUILDING,
    ERROR,
    NEVER_DIED,
    OFFLINE,
    READY,
    Deployment,
    delete_deployment,
    read_deployment,
    read_deployments,
    write_deployment,
)
from project.local.api.deployments.rollout import STOP_SECONDS, Rollout
from project.local.api.documents import Document
from project.local.api.errors import ConflictError
from project.local.api.records.store import Store
from project.local.api.settings import Settings
from project.local.processes import log_tail

log = logging.getLogger("netops.api.supervisor")


class Supervisor:
    """Starts and stops the processes of deployed functions, one change at a time for each function.

    :param store: where deployments are recorded.
    :param settings: folders, and the address that functions reach the control plane at.
    :param deployments: deployments as they are now.
    """

    def __init__(self, store: Store, settings: Settings, deployments: LiveDeployments) -> None:
        self._store = store
        self._settings = settings
        self._deployments = deployments
        self._launcher = Launcher(store, settings)
        self._rollout = Rollout(deployments, self._launcher, settings)
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._guard = threading.Lock()
        self._closing = False

    def deploy(self, project: str, name: str, function: Document) -> Deployment:
        """Record a function and start bringing it up in the background.

        :returns: the deployment, ``building``.
        :raises ConflictError: if the control plane is shutting down.
        """
        with self._store.write():
            before = self._deployments.find(project, name) or Deployment(project, name, port=0)
            deployment = replace(self._next(before), **NEVER_DIED)
            write_deployment(self._store, deployment, function)
        self._launcher.drop(project, name)  # It may have imported what is older than this.
        return self._bring_up(deployment)

    def revive(self, project: str, name: str) -> None:
        """Start a function whose process died, unless it was stopped or deployed meanwhile."""
        with self._store.write():
            before = self._deployments.find(project, name)
            if before is None or before.state != ERROR or not before.fallen or before.pid is not None:
                return
            deployment = replace(self._next(before), restarts=before.restarts + 1)
            write_deployment(self._store, deployment)
        self._bring_up(deployment)

    def prepare(self, deployment: Deployment) -> None:
        """Have a process wait that takes over when that of a serving function dies."""
        lock = self._lock(deployment.project, deployment.name)
        if not lock.acquire(blocking=False):  # A change is under way.
            return
        try:
            current = self._deployments.current(deployment)
            if not self._closing and current is not None and current.state == READY:
                self._launcher.prepare(current)
        finally:
            lock.release()

    def give_up(self, deployment: Deployment, attempts: int, lines: int) -> None:
        """Leave a function as it is, with the last lines of its log as a part of the reason."""
        log_file = self._settings.function_log(deployment.project, deployment.name)
        tail = log_tail(log_file, lines)
        reason = f"{deployment.reason}; not started again after {attempts} attempts. Its log ends:\n{tail}"
        self._deployments.change_current(deployment, reason=reason, fallen=0)

    def _next(self, before: Deployment) -> Deployment:
        """The deployment as it is recorded when its next version is about to start."""
        log_file = self._settings.function_log(before.project, before.name)
        return replace(
            before,
            state=BUILDING,
            reason="",
            log_start=log_file.stat().st_size if log_file.exists() else 0,
            generation=before.generation + 1,
        )

    def _bring_up(self, deployment: Deployment) -> Deployment:
        if self._closing:
            raise ConflictError("the control plane is shutting down")
        threading.Thread(
            target=self._run, args=(deployment,), name=f"deploy-{deployment.name}", daemon=True
        ).start()
        return deployment

    def _run(self, deployment: Deployment) -> None:
        with self._lock(deployment.project, deployment.name):
            if self._closing:
                return
            try:
                self._rollout.run(deployment)
            except Exception as error:
                what = f"deploy of {deployment.project}/{deployment.name} failed"
                reason = log_failure(log, error, what)
                none = {"next_pid": None, "next_created": None}
                self._deployments.when_possible(
                    lambda: self._deployments.start_failed(deployment, reason, **none)
                )

    def stop(self, project: str, name: str) -> Deployment:
        """Stop a function; its record stays, and it can be deployed again."""
        with self._store.write():
            before = self._deployments.get(project, name)
            generation = before.generation + 1
            write_deployment(
                self._store,
                replace(before, state=OFFLINE, reason="stopped", generation=generation, fallen=0),
            )
        self._launcher.drop(project, name)
        # A deploy under way sees that it was superseded, stops its process and releases the lock.
        with self._lock(project, name):
            self._launcher.drop(project, name)  # One that was being started when the record said "ready".
            deployment = self._deployments.get(project, name)
            if deployment.generation != generation:
                # A later deploy has taken the record over, with the processes in it.
                return deployment
            for process in before.processes:
                process.stop(STOP_SECONDS)
            self._deployments.change(project, name, pid=None, created=None, next_pid=None, next_created=None)
        return self._deployments.get(project, name)

    def forget(self, project: str, name: str) -> None:
        """Stop a function and delete its record."""
        if read_deployment(self._store, project, name) is not None:
            self.stop(project, name)
            delete_deployment(self._store, project, name)

    def forget_project(self, project: str) -> None:
        """Stop and delete all functions of a project."""
        for deployment in read_deployments(self._store, project):
            self.forget(project, deployment.name)

    def stop_all(self) -> None:
        """Stop all functions, in parallel; no deploy starts afterwards."""
        self._closing = True
        self._deployments.close()
        threads = [
            threading.Thread(target=self.stop, args=(deployment.project, deployment.name))
            for deployment in read_deployments(self._store)
            if deployment.state in {READY, BUILDING} or deployment.pid
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def recover(self) -> None:
        """Repair what a killed control plane left half done; called once at start.

        Of a redeploy that was under way one process stays: the new one if it was ready, else the old one.
        """
        for deployment in read_deployments(self._store):
            if deployment.next_process is not None:
                deployment.next_process.stop(STOP_SECONDS)
            if deployment.state != BUILDING:
                continue
            process = deployment.process
            lives = process is not None and process.alive()
            self._deployments.change(
                deployment.project,
                deployment.name,
                state=READY if lives else ERROR,
                reason="" if lives else "the control plane ended while the function was starting",
                next_pid=None,
                next_created=None,
            )

    def _lock(self, project: str, name: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault((project, name), threading.Lock())
