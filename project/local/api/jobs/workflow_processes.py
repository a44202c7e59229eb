"""Workflows that a command of this machine started: which run, and the runs of those whose process died."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from project.local.api.records.runs import end_run, unfinished_runs
from project.local.api.records.store import Store
from project.local.workflow_records import ENDED, WorkflowRecord, settle, workflow_records

# Whoever started a workflow knows how its process ended and is given the time to say it first.
_GRACE = timedelta(seconds=2)
STOP_SECONDS = 10.0


class WorkflowProcesses:
    """The workflows of a home that store their runs here.

    :param home: the folder of all local state.
    :param clock: wall clock.
    """

    def __init__(self, store: Store, home: Path, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._ended: set[str] = set()
        self._dead_since: dict[str, datetime] = {}

    def settle(self, grace: timedelta = _GRACE) -> None:
        """End as ``aborted`` the runs that dead workflows left.

        :param grace: how long a workflow must have been dead.
        """
        now = self._clock()
        for record in self._open():
            name = record.folder.name
            if record.process.alive() or now - self._dead_since.setdefault(name, now) < grace:
                continue
            settle(record, self._unfinished, self._end)
            self._ended.add(name)
            self._dead_since.pop(name, None)

    def _running(self, project: str) -> WorkflowRecord | None:
        """The workflow of a project that runs, by whichever command it was started."""
        for record in self._open():
            over = record.status["state"] in ENDED  # Its process is about to end.
            if record.request.get("project") == project and not over and record.process.alive():
                return record
        return None

    def stop(self, project: str, run_id: str, reason: str) -> None:
        """End the process of a workflow and the runs that it leaves; nothing unless it runs.

        :param reason: for the runs.
        """
        record = self._running(project)
        if run_id and record is not None and record.status["run_id"] == run_id:
            record.process.stop(STOP_SECONDS)
            settle(record, self._unfinished, self._end, reason)
            self._ended.add(record.folder.name)

    def _open(self) -> list[WorkflowRecord]:
        """Workflows that have not ended, as far as is known, and store their runs here."""
        found = []
        for record in workflow_records(self._home, self._ended):
            if record.settled or not _here(record):
                self._ended.add(record.folder.name)
            else:
                found.append(record)
        return found

    def _unfinished(self, project: str, run_id: str) -> list[tuple[str, int]]:
        found = unfinished_runs(self._store, project, "workflow", run_id)
        return [(run["metadata"]["uid"], run["metadata"]["iteration"]) for run in found]

    def _end(self, project: str, uid: str, iteration: int, reason: str) -> None:
        end_run(self._store, project, uid, iteration, "aborted", reason)


def _here(record: WorkflowRecord) -> bool:
    """Whether the runs are stored in the local control plane, whose port may have changed since."""
    address = str(record.request.get("mlrun_dbpath") or "")
    return not address or urlsplit(address).hostname in ("127.0.0.1", "localhost")
