"""A workflow that runs in a process of its own, for the command line and for the runner."""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.errors import NetopsError
from project.local.atomic_write import write_atomically
from project.local.processes import Process, log_tail, this_process
from project.local.processes import start as start_process
from project.local.workflow_records import (
    ABORTED,
    ENDED,
    REQUEST_FILE,
    read_request,
    read_status,
    workflow_records,
    write_process,
    write_status,
)
from project.settings import SOURCE_ROOT, Settings

_START_SECONDS = 120.0
TOLD = "netops: "
"""Begins what says all there is to say of a failure, at the end of the last line of a log."""


@dataclass
class WorkflowProcess:
    """A workflow that runs in a child process.

    It has a process group of its own: the runner that starts a workflow may be deployed anew by it.

    :param folder: holds request, status, process id and log of this run.
    """

    process: Process
    folder: Path
    run_id: str = ""

    @classmethod
    def start(
        cls, settings: Settings, project: str, workflow: str, arguments: dict[str, Any], name: str = ""
    ) -> WorkflowProcess:
        """Start a workflow of ``project``; the process inherits the environment.

        :param name: of its folder; empty makes one.
        """
        folder = _new_folder(settings, project, workflow, arguments, name)
        paths = [str(SOURCE_ROOT), os.environ.get("PYTHONPATH")]
        process = start_process(
            [sys.executable, "-m", "project.start_workflow", str(folder / REQUEST_FILE)],
            log=folder / "log.txt",
            cwd=SOURCE_ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        write_process(folder, process)
        return cls(process, folder)

    @classmethod
    def here(
        cls, settings: Settings, project: str, workflow: str, arguments: dict[str, Any]
    ) -> WorkflowProcess:
        """Note that this very process is about to run a workflow; others find it as any other."""
        folder = _new_folder(settings, project, workflow, arguments)
        process = this_process()
        write_process(folder, process)
        return cls(process, folder)

    @classmethod
    def all(cls, settings: Settings) -> list[WorkflowProcess]:
        """Every workflow that was started under this home, by whichever command, oldest first."""
        return [cls(record.process, record.folder) for record in workflow_records(settings.home)]

    @classmethod
    def running(cls, settings: Settings, project: str = "") -> list[WorkflowProcess]:
        """Those of them that run.

        :param project: only workflows of this project; empty for all.
        """
        return [
            cls(record.process, record.folder)
            for record in workflow_records(settings.home)
            if record.process.alive() and project in ("", record.request.get("project"))
        ]

    @property
    def request(self) -> dict[str, Any]:
        """``project``, ``workflow`` and ``arguments``."""
        return read_request(self.folder)

    @property
    def log_path(self) -> Path:
        """Everything that the steps printed."""
        return self.folder / "log.txt"

    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self.process.alive()

    def end(self, reason: str = "") -> None:
        """End the process if it is alive: first asked, after ten seconds killed.

        :param reason: told of its runs, unless it said itself how it ended.
        """
        self.process.stop(10)
        status = read_status(self.folder)
        if reason and status["state"] not in ENDED:
            write_status(self.folder, status["run_id"], ABORTED, reason)

    def status(self) -> dict[str, Any]:
        """``run_id``, ``state`` (starting, running, succeeded, failed, aborted) and ``error``."""
        running = self.is_running()  # First: it may end, and write so, before the file is read.
        status = read_status(self.folder)
        if not running and status["state"] not in ENDED:
            status["state"] = "failed"
            status["error"] = f"the workflow process ended: {self.process.exit_reason()}"
            if (self.process.exit_code() or 0) >= 0:  # Of a kill the log knows nothing.
                tail = self.log_tail()
                # Where the log could not be written whole, it follows the beginning of another line.
                told = tail.rpartition("\n")[2].partition(TOLD)[2]
                status["error"] += f"; {told or tail}"
        return status

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        return log_tail(self.log_path, lines)

    def wait_for_run_id(self) -> str:
        """Run id, as soon as MLRun has given one.

        :raises NetopsError: if the process ends first, with the end of its log.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not self.run_id:
            status = self.status()
            self.run_id = status["run_id"]
            if status["state"] == "failed" and not self.run_id:
                raise NetopsError(f"workflow did not start: {status['error']}")
            if time.monotonic() > deadline:
                raise NetopsError(f"workflow gave no run id within {_START_SECONDS:g} s; {self.log_tail()}")
            time.sleep(0.05)
        return self.run_id


def _new_folder(
    settings: Settings, project: str, workflow: str, arguments: dict[str, Any], name: str = ""
) -> Path:
    """Folder of a new workflow, with its request in it."""
    started = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    folder = settings.home / "workflows" / (name or f"{started}-{uuid.uuid4().hex[:6]}")
    folder.mkdir(parents=True)
    request = {
        "project": project,
        "workflow": workflow,
        "arguments": arguments,
        "mlrun_dbpath": os.environ.get("MLRUN_DBPATH", ""),
    }
    write_atomically(folder / REQUEST_FILE, json.dumps(request))
    return folder
