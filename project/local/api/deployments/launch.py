"""The host process of a deployed function: ``python -m project.local.http_host`` in a session of its own."""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from project.local.api.deployments.records import Deployment, read_function
from project.local.api.function_environment import function_environment, function_workdir
from project.local.api.records.store import Store
from project.local.api.settings import Settings
from project.local.http_host.preload import GO
from project.local.processes import Process, tell
from project.local.processes import start as start_process
from project.standby import OFF, STANDBY

_AGAIN_SECONDS = 300.0
"""One that died while it waited is replaced after so long."""


class _Standby(NamedTuple):
    """A process that has imported everything, and what it was started for."""

    process: Process
    command: list[str]
    environment: dict[str, str]
    folder: Path


class Launcher:
    """Starts host processes.

    Beside a serving function that answers another process may wait, with everything imported. When the first
    one dies it takes over: what is left to do is to build the graph and to restore its state. It ends with
    the control plane.

    :param store: where the functions and their secrets are recorded.
    :param settings: folders, and the address that functions reach the control plane at.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._standbys: dict[tuple[str, str], _Standby] = {}
        self._tried: dict[tuple[str, str], float] = {}
        self._guard = threading.Lock()

    def start(self, deployment: Deployment, old: Process | None) -> Process:
        """Start the process of a deployment; it takes over the listening socket of the old one, if any."""
        self._ready_file(deployment).unlink(missing_ok=True)
        command, environment, folder = self._call(deployment)
        with self._guard:
            standby = self._standbys.pop((deployment.project, deployment.name), None)
            if standby is not None and standby.process.alive():
                self._tried.pop((deployment.project, deployment.name), None)
        if standby is not None:
            fits = (standby.command, standby.environment, standby.folder) == (command, environment, folder)
            if fits and old is None and tell(standby.process, GO):
                return standby.process
            standby.process.stop()
        return start_process(
            [*command, *(("--take-over", str(old.pid)) if old else ())],
            log=self._settings.function_log(deployment.project, deployment.name),
            cwd=folder,
            env=environment,
        )

    def prepare(self, deployment: Deployment) -> None:
        """Have a process wait beside a serving function that answers, unless one does or none is wanted."""
        key = (deployment.project, deployment.name)
        with self._guard:
            known = self._standbys.get(key)
            if known is not None and known.process.alive():
                return
            if time.monotonic() - self._tried.get(key, -math.inf) < _AGAIN_SECONDS:
                return
            if read_function(self._store, deployment).get("kind") != "serving":
                return
            self._tried[key] = time.monotonic()
            command, environment, folder = self._call(deployment)
            if environment.get(STANDBY) == OFF:
                return
            process = start_process(
                [*command, "--standby"],
                log=self._settings.function_log(*key),
                cwd=folder,
                env=environment,
                listens=True,
            )
            self._standbys[key] = _Standby(process, command, environment, folder)

    def drop(self, project: str, name: str) -> None:
        """End the process that waits beside a function."""
        with self._guard:
            standby = self._standbys.pop((project, name), None)
            self._tried.pop((project, name), None)
        if standby is not None:
            standby.process.stop()

    def _call(self, deployment: Deployment) -> tuple[list[str], dict[str, str], Path]:
        """Command, environment and folder of the process; its document is written anew."""
        function = read_function(self._store, deployment)
        document = self._file(deployment, "json")
        document.parent.mkdir(parents=True, exist_ok=True)
        document.touch(mode=0o600)
        document.write_text(json.dumps(function))  # Anew at each start, so half of one harms nobody.
        command = [
            *(sys.executable, "-m", "project.local.http_host", "--function", str(document)),
            *("--host", "127.0.0.1", "--port", str(deployment.port)),
            *("--ready-file", str(self._ready_file(deployment))),
            *("--log", str(self._settings.function_log(deployment.project, deployment.name))),
        ]
        environment = {
            **function_environment(self._store, self._settings, deployment.project, function),
            "NUCLIO_FUNCTION_NAME": deployment.name,
        }
        return command, environment, function_workdir(self._settings, function) or self._settings.source_root

    def ready(self, deployment: Deployment, process: Process) -> bool:
        """Whether the process has reported that it answers."""
        ready_file = self._ready_file(deployment)
        return ready_file.exists() and ready_file.read_text() == str(process.pid)

    def _ready_file(self, deployment: Deployment) -> Path:
        return self._file(deployment, "ready")

    def _file(self, deployment: Deployment, suffix: str) -> Path:
        return self._settings.function_file(deployment.project, deployment.name, suffix)
