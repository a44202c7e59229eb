"""The host process of a deployed function: ``python -m project.local.http_host`` in a session of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from project.local.api.deployments.records import Deployment, read_function
from project.local.api.function_environment import function_environment, function_workdir
from project.local.api.records.store import Store
from project.local.api.settings import Settings
from project.local.processes import Process
from project.local.processes import start as start_process


class Launcher:
    """Starts host processes.

    :param store: where the functions and their secrets are recorded.
    :param settings: folders, and the address that functions reach the control plane at.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def start(self, deployment: Deployment, old: Process | None) -> Process:
        """Start the process of a deployment; it takes over the listening socket of the old one, if any."""
        function = read_function(self._store, deployment)
        document = self._file(deployment, "json")
        document.parent.mkdir(parents=True, exist_ok=True)
        document.touch(mode=0o600)
        document.write_text(json.dumps(function))
        ready_file = self._file(deployment, "ready")
        ready_file.unlink(missing_ok=True)
        return start_process(
            [
                *(sys.executable, "-m", "project.local.http_host", "--function", str(document)),
                *("--host", "127.0.0.1", "--port", str(deployment.port), "--ready-file", str(ready_file)),
                *(("--take-over", str(old.pid)) if old else ()),
            ],
            log=self._settings.function_log(deployment.project, deployment.name),
            cwd=function_workdir(self._settings, function) or self._settings.source_root,
            env={
                **function_environment(self._store, self._settings, deployment.project, function),
                "NUCLIO_FUNCTION_NAME": deployment.name,
            },
        )

    def ready(self, deployment: Deployment, process: Process) -> bool:
        """Whether the process has reported that it answers."""
        ready_file = self._file(deployment, "ready")
        return ready_file.exists() and ready_file.read_text() == str(process.pid)

    def _file(self, deployment: Deployment, suffix: str) -> Path:
        return self._settings.function_file(deployment.project, deployment.name, suffix)
