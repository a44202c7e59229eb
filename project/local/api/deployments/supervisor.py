"""Runs deployed functions as local processes and tells the truth about them.

A deploy starts ``python -m project.local.http_host`` in its own session, waits until it says that it is
ready, and only then stops the process of the version before. The new one takes over the listening socket of
the old one, so the address stays and every request is answered by one of them. A redeploy that fails leaves
the version before running and says so.

Nothing restarts a function that died: its state becomes ``error`` with the reason, until somebody starts
or deploys it again. States are looked at when they are asked for, so they hold for a process that was
killed a moment ago and across restarts of the control plane, which finds the living processes again by pid
and creation time.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from project.local.api.deployments.records import (
    BUILDING,
    ERROR,
    OFFLINE,
    READY,
    Deployment,
    change_deployment,
    delete_deployment,
    read_deployment,
    read_deployments,
    read_function,
    write_deployment,
)
from project.local.api.documents import Document, get_in
from project.local.api.errors import ConflictError, NotFoundError
from project.local.api.records.secrets import secret_values
from project.local.api.records.store import Store
from project.local.ports import free_port
from project.local.processes import Process, log_tail
from project.local.processes import start as start_process

if TYPE_CHECKING:
    from project.local.api.settings import Settings

log = logging.getLogger("netops.api.supervisor")

_READY_SECONDS = 120.0
_STOP_SECONDS = 15.0
# Where our own packages are; a function's process must find the host there.
_PACKAGE_ROOT = Path(__file__).resolve().parents[3]


class Supervisor:
    """Starts, watches and stops the processes of deployed functions.

    :param store: where deployments are recorded.
    :param settings: folders, and the address that functions reach the control plane at.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._guard = threading.Lock()
        self._changed = threading.Condition()
        self._closing = False

    def log_file(self, project: str, name: str) -> Path:
        """Log of a function's processes."""
        return self._settings.home / "functions" / project / f"{name}.log"

    def deploy(self, project: str, name: str, function: Document) -> Deployment:
        """Record a function and start bringing it up in the background.

        :returns: the deployment, ``building``.
        :raises ConflictError: if the control plane is shutting down.
        """
        with self._store.write():
            before = read_deployment(self._store, project, name)
            current = self._look(before) if before else Deployment(project, name, port=0)
            deployment = replace(
                current,
                state=BUILDING,
                reason="",
                log_start=self._log_size(project, name),
                generation=current.generation + 1,
            )
            write_deployment(self._store, deployment, function)
        return self._bring_up(deployment)

    def start(self, project: str, name: str) -> Deployment:
        """Start the recorded function again as it was deployed; a ready one is left alone."""
        with self._store.write():
            deployment = self.deployment(project, name)
            if deployment.state in {READY, BUILDING}:
                return deployment
            deployment = replace(
                deployment,
                state=BUILDING,
                reason="",
                log_start=self._log_size(project, name),
                generation=deployment.generation + 1,
            )
            write_deployment(self._store, deployment)
        return self._bring_up(deployment)

    def _bring_up(self, deployment: Deployment) -> Deployment:
        if self._closing:
            raise ConflictError("the control plane is shutting down")
        threading.Thread(
            target=self._run, args=(deployment,), name=f"deploy-{deployment.name}", daemon=True
        ).start()
        return deployment

    def _run(self, deployment: Deployment) -> None:
        with self._lock(deployment.project, deployment.name):
            try:
                self._replace(deployment)
            except Exception as error:
                log.exception("deploy of %s/%s failed", deployment.project, deployment.name)
                self._finish(deployment, state=ERROR, reason=f"{type(error).__name__}: {error}")

    def _replace(self, deployment: Deployment) -> None:
        """Start the new process, wait for it, stop the old one; the function's lock is held."""
        current = self._current(deployment)
        if current is None or self._closing:
            return
        old = current.process
        if old is None or not old.alive():
            old = None
            current = replace(current, port=free_port(current.port), pid=None, created=None)
        ready_file = self._settings.home / "functions" / current.project / f"{current.name}.ready"
        ready_file.parent.mkdir(parents=True, exist_ok=True)
        ready_file.unlink(missing_ok=True)
        new = self._spawn(current, ready_file, old)
        self._finish(
            current,
            port=current.port,
            pid=current.pid,
            created=current.created,
            next_pid=new.pid,
            next_created=new.created,
        )
        reason = self._wait_ready(current, new, ready_file)
        if reason:
            new.stop(_STOP_SECONDS)
            self._finish(current, state=ERROR, reason=reason, next_pid=None, next_created=None)
            return
        # Only when the old one is gone is the deploy done: until then it still answers some requests.
        if not self._finish(
            current,
            pid=new.pid,
            created=new.created,
            next_pid=old.pid if old else None,
            next_created=old.created if old else None,
        ):
            new.stop(_STOP_SECONDS)
            return
        if old is not None:
            old.stop(_STOP_SECONDS)
        self._finish(current, state=READY, reason="", next_pid=None, next_created=None)

    def _current(self, deployment: Deployment) -> Deployment | None:
        """The deployment as recorded, or None if it was deployed anew, stopped or deleted meanwhile."""
        current = read_deployment(self._store, deployment.project, deployment.name)
        return current if current is not None and current.generation == deployment.generation else None

    def _finish(self, deployment: Deployment, **changes: object) -> bool:
        """Record changes unless the deployment was superseded; answers whether it was recorded."""
        with self._store.write():
            current = self._current(deployment)
            if current is not None:
                change_deployment(self._store, deployment.project, deployment.name, **changes)
        with self._changed:
            self._changed.notify_all()
        return current is not None

    def _spawn(self, deployment: Deployment, ready_file: Path, old: Process | None) -> Process:
        function = read_function(self._store, deployment)
        project, name = deployment.project, deployment.name
        file = self._settings.home / "functions" / project / f"{name}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(function))
        workdir = self._settings.source_root / str(get_in(function, "spec.workdir") or "")
        return start_process(
            [
                *(sys.executable, "-m", "project.local.http_host", "--function", str(file)),
                *("--host", "127.0.0.1", "--port", str(deployment.port), "--ready-file", str(ready_file)),
                *(("--take-over", str(old.pid)) if old else ()),
            ],
            log=self.log_file(project, name),
            cwd=workdir if workdir.is_dir() else self._settings.source_root,
            env=self._environment(project, name, function),
        )

    def _environment(self, project: str, name: str, function: Document) -> dict[str, str]:
        """Environment of a function's process: ours, the project's secrets, then the function's own."""
        paths = [str(_PACKAGE_ROOT), str(self._settings.source_root), get_in(function, "spec.pythonpath")]
        environment = dict(os.environ)
        environment.update(
            PYTHONPATH=os.pathsep.join(
                dict.fromkeys(path for path in (*paths, os.environ.get("PYTHONPATH")) if path)
            ),
            PYTHONUNBUFFERED="1",
            MLRUN_DBPATH=self._settings.url,
            MLRUN_ACTIVE_PROJECT=project,
            NUCLIO_FUNCTION_NAME=name,
        )
        for secret, value in secret_values(self._store, project).items():
            environment[f"MLRUN_K8S_SECRET__{secret}"] = value
        for variable in get_in(function, "spec.env") or []:
            if variable.get("name") and variable.get("value") is not None:
                environment[variable["name"]] = str(variable["value"])
        return environment

    def _wait_ready(self, deployment: Deployment, process: Process, ready_file: Path) -> str:
        """Wait for the new process; answers what went wrong, or nothing."""
        deadline = time.monotonic() + _READY_SECONDS
        path = self.log_file(deployment.project, deployment.name)
        while time.monotonic() < deadline:
            if ready_file.exists() and ready_file.read_text() == str(process.pid):
                return ""
            if not process.alive():
                tail = log_tail(path, lines=1, start=deployment.log_start)
                return f"the function did not start ({process.exit_reason()}): {tail}"
            if self._current(deployment) is None:
                return "stopped"
            time.sleep(0.05)
        return f"the function was not ready after {_READY_SECONDS:.0f} s"

    def deployment(self, project: str, name: str) -> Deployment:
        """A deployment as it is now.

        :raises NotFoundError: if the function was never deployed.
        """
        deployment = read_deployment(self._store, project, name)
        if deployment is None:
            raise NotFoundError(f"no function {project}/{name} was deployed")
        return self._look(deployment)

    def find(self, project: str, name: str) -> Deployment | None:
        """A deployment as it is now, or None."""
        deployment = read_deployment(self._store, project, name)
        return self._look(deployment) if deployment else None

    def deployments(self, project: str = "") -> list[Deployment]:
        """All deployments as they are now."""
        return [self._look(deployment) for deployment in read_deployments(self._store, project)]

    def kind(self, deployment: Deployment) -> str:
        """Kind of the deployed function: ``serving`` or ``remote``."""
        return str(read_function(self._store, deployment).get("kind") or "")

    def _look(self, deployment: Deployment) -> Deployment:
        """Correct the record of a process that died since."""
        process = deployment.process
        if deployment.state not in {READY, ERROR} or (process is not None and process.alive()):
            return deployment
        if deployment.state == ERROR and process is None:
            return deployment
        changes: dict[str, object] = {"pid": None, "created": None}
        if deployment.state == READY:
            changes |= {"state": ERROR, "reason": process.exit_reason() if process else "there is no process"}
        with self._store.write():
            current = read_deployment(self._store, deployment.project, deployment.name)
            if current is None or (current.pid, current.state) != (deployment.pid, deployment.state):
                return current or deployment
            return change_deployment(self._store, deployment.project, deployment.name, **changes) or current

    def wait(self, project: str, name: str, seconds: float) -> Deployment:
        """A deployment once it is no longer ``building``, or as it is after that many seconds."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                deployment = self.deployment(project, name)
                left = deadline - time.monotonic()
                if deployment.state != BUILDING or left <= 0:
                    return deployment
                self._changed.wait(min(left, 0.5))

    def stop(self, project: str, name: str) -> Deployment:
        """Stop a function; its record stays, so that it can be started again."""
        with self._store.write():
            deployment = self.deployment(project, name)
            write_deployment(
                self._store,
                replace(deployment, state=OFFLINE, reason="stopped", generation=deployment.generation + 1),
            )
        # A deploy under way sees that it was superseded, ends its process and gives the lock back.
        with self._lock(project, name):
            if self.deployment(project, name).generation != deployment.generation + 1:
                # A deploy came in between and took the record over, with the processes in it.
                return self.deployment(project, name)
            for process in (deployment.process, deployment.next_process):
                if process is not None:
                    process.stop(_STOP_SECONDS)
            self._write(project, name, pid=None, created=None, next_pid=None, next_created=None)
        return self.deployment(project, name)

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
        """Put right what a killed control plane left half done; called once at start.

        Of a redeploy that was under way one process stays: the new one if it was ready, else the old one.
        """
        for deployment in read_deployments(self._store):
            if deployment.next_process is not None:
                deployment.next_process.stop(_STOP_SECONDS)
            if deployment.state != BUILDING:
                continue
            process = deployment.process
            lives = process is not None and process.alive()
            self._write(
                deployment.project,
                deployment.name,
                state=READY if lives else ERROR,
                reason="" if lives else "the control plane ended while the function was starting",
                next_pid=None,
                next_created=None,
            )

    def _write(self, project: str, name: str, **changes: object) -> None:
        change_deployment(self._store, project, name, **changes)
        with self._changed:
            self._changed.notify_all()

    def _lock(self, project: str, name: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault((project, name), threading.Lock())

    def _log_size(self, project: str, name: str) -> int:
        path = self.log_file(project, name)
        return path.stat().st_size if path.exists() else 0


def end_this_process() -> None:
    """Ask our own server to end as SIGTERM does."""
    os.kill(os.getpid(), signal.SIGTERM)
