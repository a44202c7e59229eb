"""What there is of a control plane that does not run, read from its database: functions, jobs, schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from project.local.api.deployments.records import (
    OFFLINE,
    READY,
    Deployment,
    change_deployment,
    read_deployments,
    read_function,
)
from project.local.api.documents import Document, get_in
from project.local.api.jobs.records import open_processes
from project.local.api.records.store import Store
from project.local.api.schedules.records import describe_schedule, list_schedules
from project.local.api.settings import database_file


@contextmanager
def _store(home: Path) -> Iterator[Store]:
    store = Store(database_file(home))
    try:
        yield store
    finally:
        store.close()


def running(home: Path) -> list[tuple[str, str, str]]:
    """Project, name and address of the functions that live.

    :param home: the folder that all local state is under.
    """
    return _told(home, _lives)


def dead(home: Path) -> list[tuple[str, str, str]]:
    """The same of functions that were ready and died: the control plane starts them again."""
    return _told(home, lambda each: (each.state == READY or each.fallen) and not _lives(each))


def _lives(deployment: Deployment) -> bool:
    return deployment.process is not None and deployment.process.alive()


def _told(home: Path, is_told: Callable[[Deployment], bool | int]) -> list[tuple[str, str, str]]:
    if not database_file(home).exists():
        return []
    with _store(home) as store:
        return [
            (each.project, each.name, f"http://{each.address}")
            for each in read_deployments(store)
            if is_told(each)
        ]


def variables(home: Path, project: str) -> dict[str, dict[str, str]]:
    """Variables that the functions of a project were deployed with, by function."""
    if not database_file(home).exists():
        return {}
    with _store(home) as store:
        return {
            each.name: {
                variable["name"]: str(variable["value"])
                for variable in get_in(read_function(store, each), "spec.env") or []
                if variable.get("value") is not None
            }
            for each in read_deployments(store, project)
        }


def schedules(home: Path) -> list[Document]:
    """Schedules that wait for the control plane, as it describes them."""
    if not database_file(home).exists():
        return []
    with _store(home) as store:
        return [describe_schedule(store, schedule) for schedule in list_schedules(store)]


def stop(home: Path) -> bool:
    """Stop the functions and jobs that live.

    :returns: whether there were any.
    """
    if not database_file(home).exists():
        return False
    stopped = False
    with _store(home) as store:
        # The next control plane sees that they are gone and ends their runs.
        for job in open_processes(store):
            stopped = stopped or job.process.alive()
            job.process.stop()
        for each in read_deployments(store):
            living = [process for process in each.processes if process.alive()]
            for process in living:
                process.stop()
            if living:
                stopped = True
                change_deployment(
                    store,
                    each.project,
                    each.name,
                    state=OFFLINE,
                    reason="stopped",
                    fallen=0,
                    pid=None,
                    created=None,
                    next_pid=None,
                    next_created=None,
                )
    return stopped
