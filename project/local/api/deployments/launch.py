"""The host process of a deployed function: ``python -m project.local.http_host`` in a session of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from project.local.api.deployments.records import Deployment, read_function
from project.local.api.documents import Document, get_in
from project.local.api.records.secrets import secret_values
from project.local.api.records.store import Store
from project.local.api.settings import Settings
from project.local.processes import Process
from project.local.processes import start as start_process

# Where our own packages are; a function's process must find the host there.
_PACKAGE_ROOT = Path(__file__).resolve().parents[4]


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
        workdir = self._settings.source_root / str(get_in(function, "spec.workdir") or "")
        return start_process(
            [
                *(sys.executable, "-m", "project.local.http_host", "--function", str(document)),
                *("--host", "127.0.0.1", "--port", str(deployment.port), "--ready-file", str(ready_file)),
                *(("--take-over", str(old.pid)) if old else ()),
            ],
            log=self._settings.function_log(deployment.project, deployment.name),
            cwd=workdir if workdir.is_dir() else self._settings.source_root,
            env=self._environment(deployment, function),
        )

    def ready(self, deployment: Deployment, process: Process) -> bool:
        """Whether the process has reported that it answers."""
        ready_file = self._file(deployment, "ready")
        return ready_file.exists() and ready_file.read_text() == str(process.pid)

    def _file(self, deployment: Deployment, suffix: str) -> Path:
        return self._settings.function_file(deployment.project, deployment.name, suffix)

    def _environment(self, deployment: Deployment, function: Document) -> dict[str, str]:
        """Environment of a function's process: ours, the project's secrets, then the function's own."""
        paths = [
            str(_PACKAGE_ROOT),
            str(self._settings.source_root),
            get_in(function, "spec.pythonpath"),
            os.environ.get("PYTHONPATH"),
        ]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(path for path in paths if path)),
            "PYTHONUNBUFFERED": "1",
            "MLRUN_DBPATH": self._settings.url,
            "MLRUN_ACTIVE_PROJECT": deployment.project,
            "NUCLIO_FUNCTION_NAME": deployment.name,
        }
        for secret, value in secret_values(self._store, deployment.project).items():
            environment[f"MLRUN_K8S_SECRET__{secret}"] = value
        for variable in get_in(function, "spec.env") or []:
            if variable.get("name") and variable.get("value") is not None:
                environment[variable["name"]] = str(variable["value"])
        return environment
