"""Replaces the process of a deployed function by that of its next version.

The new process is started and waited for, and only then the old one is stopped. The new one takes over the
listening socket of the old one: the address stays, and every request is answered by one of them. If the new
one does not get ready, the old one keeps running and the deployment says so.
"""

from __future__ import annotations

import time
from dataclasses import replace

from project.local.api.deployments.launch import Launcher
from project.local.api.deployments.live import LiveDeployments
from project.local.api.deployments.records import READY, Deployment
from project.local.api.settings import Settings
from project.local.ports import free_port
from project.local.processes import Process, log_tail

STOP_SECONDS = 20.0
_READY_SECONDS = 120.0
_POLL_SECONDS = 0.05
_PORT_SECONDS = 5.0


class Rollout:
    """Brings up the next version of a deployment.

    :param deployments: what it records its progress in.
    :param launcher: starts the processes.
    :param settings: where the logs are.
    """

    def __init__(self, deployments: LiveDeployments, launcher: Launcher, settings: Settings) -> None:
        self._deployments = deployments
        self._launcher = launcher
        self._settings = settings

    def run(self, deployment: Deployment) -> None:
        """Start the new process, wait for it, stop the old one; nothing if the deployment was superseded.

        Nobody else may start or stop processes of the function meanwhile.
        """
        current = self._deployments.current(deployment)
        if current is None:
            return
        old = current.process
        if old is None or not old.alive():
            old = None
            port = free_port(current.port, _PORT_SECONDS if current.fallen else 0.0)
            if current.fallen and port != current.port:
                reason = f"port {current.port}, its address, is taken by another program"
                self._deployments.start_failed(current, reason)
                return
            current = replace(current, port=port, pid=None, created=None)
        new = self._launcher.start(current, old)
        try:
            failure = self._replace(current, old, new)
        except BaseException:
            # Such as a full disk: one that is recorded nowhere would keep the port for ever.
            new.stop(STOP_SECONDS)
            raise
        if failure:
            new.stop(STOP_SECONDS)
            self._deployments.start_failed(current, failure, next_pid=None, next_created=None)
            return
        if old is not None:
            old.stop(STOP_SECONDS)
        ready = {"state": READY, "reason": "", "next_pid": None, "next_created": None, "fallen": 0}
        self._deployments.when_possible(
            lambda: self._deployments.change_current(current, **ready, ready_time=time.time())
        )

    def _replace(self, current: Deployment, old: Process | None, new: Process) -> str:
        """Wait for the new process, and record that it answers; what went wrong, or nothing."""
        self._deployments.change_current(
            current,
            port=current.port,
            pid=current.pid,
            created=current.created,
            next_pid=new.pid,
            next_created=new.created,
        )
        failure = self._wait_ready(current, new)
        if failure:
            return failure
        # Only when the old one is gone is the deploy done: until then it still answers some requests.
        is_current = self._deployments.change_current(
            current,
            pid=new.pid,
            created=new.created,
            next_pid=old.pid if old else None,
            next_created=old.created if old else None,
        )
        return "" if is_current else "superseded"

    def _wait_ready(self, deployment: Deployment, process: Process) -> str:
        """Wait for the new process; answers what went wrong, or nothing."""
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            if self._launcher.ready(deployment, process):
                return ""
            if not process.alive():
                log = self._settings.function_log(deployment.project, deployment.name)
                tail = log_tail(log, lines=1, start=deployment.log_start)
                return f"the function did not start ({process.exit_reason()}): {tail}"
            if self._deployments.current(deployment) is None:
                return "stopped"
            time.sleep(_POLL_SECONDS)
        return f"the function was not ready after {_READY_SECONDS:.0f} s"
