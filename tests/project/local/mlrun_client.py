"""A process with the unmodified MLRun client, as a user's would be: our packages are not imported in it.

``import mlrun`` asks the server for its settings, so each client is a process of its own that is started
once the server is up. The functions of ``scenarios/`` run in it; their answers come back as plain data.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import Future, ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

MLRUN_COMMAND = Path(sys.executable).with_name("mlrun")


def clean_environment(dbpath: str) -> dict[str, str]:
    """This environment without MLRun settings, and with the server's address."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLRUN_", "V3IO_"))}
    return {**kept, "MLRUN_DBPATH": dbpath, "MLRUN_LOG_LEVEL": "ERROR"}


def _enter(folder: str, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)


class Client:
    """Runs scenarios in its process, in a folder outside the repository.

    :param dbpath: address of the MLRun API.
    :param folder: working folder.
    """

    def __init__(self, dbpath: str, folder: Path) -> None:
        self.dbpath = dbpath
        self.folder = folder
        self._pool = ProcessPoolExecutor(
            1, get_context("spawn"), _enter, (str(folder), clean_environment(dbpath))
        )

    def submit(self, scenario: str, *arguments: Any) -> Future[Any]:
        """Start a scenario, named ``module.function``."""
        return self._pool.submit(_run, scenario, arguments)

    def __call__(self, scenario: str, *arguments: Any) -> Any:
        """Run a scenario and return its answer."""
        return self.submit(scenario, *arguments).result(timeout=120)

    def mlrun(self, *arguments: str) -> str:
        """Output of the ``mlrun`` command line."""
        done = subprocess.run(
            [str(MLRUN_COMMAND), *arguments],
            cwd=self.folder,
            env=clean_environment(self.dbpath),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()


def _run(scenario: str, arguments: tuple[Any, ...]) -> Any:
    module, _, name = scenario.partition(".")
    return getattr(import_module(f"tests.project.local.scenarios.{module}"), name)(*arguments)
