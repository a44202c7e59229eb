"""A workflow with its steps on the console as they end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from project.api_reader import runs
from project.changed_settings import changed_settings
from project.errors import NetopsError
from project.function_names import SERVING
from project.http_json import UnreachableError
from project.local.api.deployments.records import BUILDING, READY
from project.local.servers import ServerError
from project.local.stack import DeployedFunction
from project.local.workflow_records import ABORTED
from project.orphaned_runs import settle
from project.session import Session, local_stack
from project.settings import Settings
from project.workflow_process import WorkflowProcess

_POLL_SECONDS = 0.5
_DEPLOYING = ("main", "serve", "release")
"""Workflows that deploy the endpoint."""
_TOLD = ("serve", "release")
"""Those of them that do little else, so that what is deployed is all there is to tell for long."""

_WHAT = {SERVING: ", which loads the model and goes on from snapshot and journal"}


class ControlPlaneGoneError(NetopsError):
    """The control plane ended in the middle of a run."""


def run_to_end(
    settings: Settings,
    session: Session,
    project: str,
    workflow: str,
    arguments: dict[str, Any],
    console: Console,
) -> str:
    """Run a workflow in a process of its own and show its steps as they end.

    The process is ended if this call is interrupted.

    :returns: the run id.
    :raises NetopsError: if the workflow does not succeed, with its error and where its log is.
    :raises ControlPlaneGoneError: if the local control plane ends before it.
    """
    settle(settings, session)
    if workflow in _DEPLOYING:
        _tell_changes(settings, session, project, console)
    deployments = Deployments(settings, project) if workflow in _TOLD and session.owned else None
    if deployments is not None:
        console.print("  start  the workflow, which loads the project", highlight=False)
    process = WorkflowProcess.start(settings, project, workflow, arguments)
    try:
        _follow(settings, session, project, process, deployments, console)
    except KeyboardInterrupt:
        console.print(f"interrupted: ending workflow {workflow} ...", highlight=False)
        process.end("interrupted, by Ctrl-C or SIGTERM")
        raise
    except ControlPlaneGoneError:
        process.end("ended: the control plane was gone")
        raise
    finally:
        process.end()
        status = process.status()
        settle(settings, session)
    if status["state"] == ABORTED:
        raise NetopsError(f"workflow {workflow} was {status['error']}\nlog: {process.log_path}")
    if status["state"] != "succeeded":
        raise NetopsError(f"workflow {workflow} failed: {status['error']}\nlog: {process.log_path}")
    return str(status["run_id"])


def _tell_changes(settings: Settings, session: Session, project: str, console: Console) -> None:
    """What a deployment changes of the settings of the endpoint."""
    try:
        changes = changed_settings(settings, session.mlrun_dbpath, project)
    except UnreachableError as error:  # The workflow itself says so if the API is really gone.
        changes = [f"changes of settings unknown: {error}"]
    for line in changes:
        console.print(f"  {line}", highlight=False, soft_wrap=True)


def _follow(
    settings: Settings,
    session: Session,
    project: str,
    process: WorkflowProcess,
    deployments: Deployments | None,
    console: Console,
) -> None:
    """Show the steps of a workflow as they end, until its process does.

    :param deployments: whose news are shown, too; None for none.
    :raises ControlPlaneGoneError: if the local control plane ends before it.
    """
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        current = progress.add_task("starting the workflow")
        shown: set[str] = set()

        def describe(text: str) -> None:
            progress.update(current, description=text)

        while True:
            running = process.is_running()
            run_id = process.status()["run_id"]
            if run_id:
                _show_steps(session, project, run_id, shown, console, describe)
            for line in deployments.news() if deployments is not None else ():
                console.print(line, highlight=False)
            if not running:
                return
            _check_alive(settings, session)
            time.sleep(_POLL_SECONDS)


def _check_alive(settings: Settings, session: Session) -> None:
    """Raise ControlPlaneGoneError if the control plane is gone: MLRun would try for minutes."""
    if session.owned and not local_stack(settings).control_plane_lives():
        log = settings.home / "logs" / "api.log"
        raise ControlPlaneGoneError(
            f"the control plane ended in the middle of the run, which was ended too; its log: {log}\n"
            "next: the same command again, which starts the control plane"
        )


def _show_steps(
    session: Session,
    project: str,
    run_id: str,
    shown: set[str],
    console: Console,
    describe: Callable[[str], None],
) -> None:
    try:
        found = runs(session.mlrun_dbpath, project, run_id)
    except UnreachableError as error:
        # The workflow itself says so if the API is really gone; a progress line is not worth a failure.
        describe(f"progress unknown: {error}")
        return
    for run in reversed(found):
        name, state = run["metadata"]["name"], run["status"].get("state", "")
        if state in ("completed", "error", "aborted") and name not in shown:
            shown.add(name)
            mark = "done  " if state == "completed" else "FAILED"
            console.print(f"  {mark} {name:22} {_duration(run)}", highlight=False)
        elif state == "running":
            describe(f"{name} ...")


def _duration(run: dict[str, Any]) -> str:
    status = run["status"]
    try:
        start = datetime.fromisoformat(status["start_time"])
        end = datetime.fromisoformat(status.get("end_time") or status["last_update"])
    except (KeyError, ValueError):
        return ""
    return f"{(end - start).total_seconds():6.1f} s"


class Deployments:
    """Tells when a function of a project begins to be deployed, and when that is done.

    :param clock: monotonic, seconds.
    """

    def __init__(self, settings: Settings, project: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._stack, self._project, self._clock = local_stack(settings), project, clock
        self._since: dict[str, float] = {}
        self._before: dict[str, str] = {}

    def _found(self) -> list[DeployedFunction]:
        """Functions of the project; none while the control plane does not answer."""
        try:
            found = self._stack.deployments()
        except ServerError:  # Whoever waits for the workflow looks for that, and tells it.
            return []
        return [each for each in found if each.project == self._project]

    def news(self) -> Iterator[str]:
        """Lines for each change since this was asked last; none while the control plane does not answer."""
        for each in self._found():
            # It is asked before anything is deployed, so this is where the version before was.
            before = self._before.setdefault(each.name, each.url)
            if each.state == BUILDING and each.name not in self._since:
                self._since[each.name] = self._clock()
                yield f"  deploy {each.name}{_WHAT.get(each.name, '')}"
            elif each.state != BUILDING and each.name in self._since:
                mark = "done  " if each.state == READY else "FAILED"
                seconds = self._clock() - self._since.pop(each.name)
                where = f"  at {each.url}" if each.state == READY else ""
                yield f"  {mark} {each.name:22} {seconds:6.1f} s{where}"
                if each.state == READY and each.url != before:
                    yield (
                        f"  note   {each.name} was at {before}, which another program has taken: who sends "
                        f"to it must send to {each.url}"
                    )
                self._before[each.name] = each.url
