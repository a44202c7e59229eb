"""Starts jobs as processes, and sees to it that the runs of a process that ended have ended, too."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from project import run_lock
from project.local.api.documents import Document, get_in
from project.local.api.errors import ConflictError, InvalidError
from project.local.api.function_environment import function_environment, function_workdir
from project.local.api.jobs.command import job_command, job_environment
from project.local.api.jobs.records import (
    JobProcess,
    find_owner,
    mark_ended,
    open_processes,
    starting_jobs,
    unfinished_of,
    write_process,
)
from project.local.api.jobs.workflow_processes import STOP_SECONDS, WorkflowProcesses
from project.local.api.jobs.workflows import JOB_TYPE, MLRUN_RUNNER, WORKFLOW_RUNNER
from project.local.api.records.projects import require_project
from project.local.api.records.runs import end_run, read_run, unfinished_runs, write_run
from project.local.api.records.store import Store
from project.local.api.records.versioned import FUNCTION, read_record
from project.local.api.settings import Settings
from project.local.processes import log_tail
from project.local.processes import start as start_process

log = logging.getLogger("netops.api.jobs")

_UID = re.compile(r"[A-Za-z0-9_-]+")
_FUNCTION_URI = re.compile(
    r"((?P<project>[^/]+)/)?(?P<name>[^/:@#]+)(#[^:@]*)?(:(?P<tag>[^@/]+))?(@(?P<hash>.+))?"
)


class Jobs:
    """Runs jobs.

    :param store: where runs and processes are recorded.
    :param settings: folders, and the address that jobs reach the control plane at.
    :param clock: wall clock.
    """

    def __init__(self, store: Store, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._workflows = WorkflowProcesses(store, settings.home, clock)
        self._closing = False
        self._stopped: dict[str, str] = {}
        """Why jobs, by uid, are being stopped: `settle` may see one dead before `stop` has ended its runs."""

    def submit(self, submission: Document, labels: Document | None = None) -> Document:
        """Start a job.

        :param submission: ``task``, and ``function`` unless the task names one that is stored.
        :param labels: of the run besides those of the task.
        :returns: the run's document, ``pending``.
        :raises UnsupportedError: if the function needs a cluster.
        :raises ConflictError: for a workflow of a project that runs one at a time, if one runs.
        """
        if self._closing:
            raise ConflictError("the control plane is shutting down")
        run = new_run(submission, labels)
        project, uid = run["metadata"]["project"], run["metadata"]["uid"]
        require_project(self._store, project)
        function = self.function(project, submission)
        spec = run["spec"]
        spec["handler"] = spec.get("handler") or get_in(function, "spec.default_handler") or ""
        folder = self._folder(project, uid)
        folder.mkdir(parents=True, exist_ok=True)
        command = job_command(function, run, folder, function_workdir(self._settings, function))
        log_file = folder / "log.txt"
        with self._store.write():  # Nobody else starts a workflow between the two.
            self._check_free(run)
            write_run(self._store, project, uid, 0, run)
        try:
            process = start_process(
                command,
                log=log_file,
                cwd=folder,
                env={
                    **function_environment(self._store, self._settings, project, function),
                    **job_environment(run),
                },
            )
        except OSError as error:
            end_run(self._store, project, uid, 0, "error", f"its process did not start: {error}")
            raise InvalidError(f"the job's process did not start: {error}") from error
        write_process(self._store, JobProcess(project, uid, process, log_file))
        return read_run(self._store, project, uid)

    def _folder(self, project: str, uid: str) -> Path:
        return self._settings.home / "jobs" / project / uid

    def function(self, project: str, submission: Document) -> Document:
        """The function of a submission: the one given, else the stored one that its task names, else none.

        :raises NotFoundError: if there is none of that name.
        """
        given = submission.get("function")
        if isinstance(given, dict):
            return given
        uri = get_in(submission, "task.spec.function")
        if not uri:
            return {}
        found = _FUNCTION_URI.fullmatch(str(uri).removeprefix("db://"))
        if found is None:
            raise InvalidError(f"task.spec.function must be project/name[:tag][@hash], got {uri!r}")
        owner, tag, uid = found["project"] or project, found["tag"] or "", found["hash"] or ""
        return read_record(self._store, FUNCTION, owner, found["name"], tag=tag, uid=uid)

    def _check_free(self, run: Document) -> None:
        """Raise ConflictError if the run is a workflow of a project that runs one at a time, and one runs."""
        # One that has just started does not hold the project yet.
        handler, project = get_in(run, "spec.handler"), run["metadata"]["project"]
        if get_in(run, f"metadata.labels.{JOB_TYPE}") != WORKFLOW_RUNNER or handler == MLRUN_RUNNER:
            return
        for other in unfinished_runs(self._store, project, JOB_TYPE, WORKFLOW_RUNNER):
            if get_in(other, "spec.handler") == handler:
                since = get_in(other, "status.start_time")
                raise ConflictError(
                    f"one workflow at a time: run {other['metadata']['uid']} has gone on since {since}"
                )
        holder = run_lock.holder(self._settings.home, project)
        if holder is not None:
            raise ConflictError(f"one workflow at a time: {holder} is under way")

    def stop_run(self, project: str, run: Document, reason: str) -> None:
        """End the process that a run is in, and the other runs in it; nothing unless it is known.

        :param reason: for the other runs.
        """
        job = find_owner(self._store, project, str(get_in(run, "metadata.uid")))
        if job is not None and job.process.alive():
            self.stop(job, reason)
        self._workflows.stop(project, str(get_in(run, "metadata.labels.workflow") or ""), reason)

    def stop(self, job: JobProcess, reason: str) -> None:
        """End the process of a job, and as ``aborted`` the runs that it leaves."""
        self._stopped[job.uid] = reason
        job.process.stop(STOP_SECONDS)
        self._end(job, "aborted", reason)
        self._stopped.pop(job.uid, None)

    def stop_all(self, reason: str, project: str = "") -> None:
        """End all jobs, or those of a project.

        :param reason: for their runs.
        """
        self._closing = self._closing or not project
        for job in open_processes(self._store, project):
            self.stop(job, reason)

    def settle(self) -> None:
        """End the runs of processes that ended by themselves or were killed; called every second."""
        for job in open_processes(self._store):
            if not job.process.alive():
                self._end(job, *self._how_it_ended(job))
        self._workflows.settle()

    def recover(self) -> None:
        """End the runs whose process an earlier control plane was about to start; called once at start."""
        for project, uid in starting_jobs(self._store):
            if self._folder(project, uid).is_dir():
                reason = "the control plane ended while the job was starting"
                end_run(self._store, project, uid, 0, "error", reason)
        self.settle()
        self._workflows.settle(timedelta(0))

    def _how_it_ended(self, job: JobProcess) -> tuple[str, str]:
        """State and reason for the runs that a dead process left."""
        if job.uid in self._stopped:
            return "aborted", self._stopped[job.uid]
        code, reason = job.process.exit_code(), job.process.exit_reason()
        if code is None or code < 0:
            return "aborted", f"its process ended: {reason}"
        return (
            "error",
            f"its process {reason} before the run had ended; {job.log} ends with: {log_tail(job.log, 15)}",
        )

    def _end(self, job: JobProcess, state: str, reason: str) -> None:
        for uid, iteration in unfinished_of(self._store, job):
            if end_run(self._store, job.project, uid, iteration, state, reason):
                log.info("run %s/%s: %s, %s", job.project, uid, state, reason)
        mark_ended(self._store, job, self._clock().timestamp())


def new_run(submission: Document, labels: Document | None = None) -> Document:
    """The document of a run that is about to start.

    :raises InvalidError: unless the task has a project and a name.
    """
    task = submission.get("task")
    if not isinstance(task, dict):
        raise InvalidError(f"task must be an object, got {task!r}")
    metadata = {**(task.get("metadata") or {})}
    for field in ("project", "name"):
        if not metadata.get(field):
            raise InvalidError(f"task.metadata.{field} must not be empty, got {metadata.get(field)!r}")
    metadata["uid"] = str(metadata.get("uid") or uuid.uuid4().hex)
    if not _UID.fullmatch(metadata["uid"]):
        raise InvalidError(f"task.metadata.uid must be letters, digits, '-' or '_', got {metadata['uid']!r}")
    metadata["iteration"] = 0
    metadata["labels"] = {**(metadata.get("labels") or {}), **(labels or {})}
    return {
        "kind": "run",
        "metadata": metadata,
        "spec": {**(task.get("spec") or {})},
        "status": {"state": "pending"},
    }
