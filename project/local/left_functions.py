"""Deployed functions that outlive a killed control plane, read from its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from project.local.api.deployments.records import OFFLINE, change_deployment, read_deployments
from project.local.api.records.store import Store
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
    if not database_file(home).exists():
        return []
    with _store(home) as store:
        return [
            (each.project, each.name, f"http://{each.address}")
            for each in read_deployments(store)
            if each.process is not None and each.process.alive()
        ]


def stop(home: Path) -> bool:
    """Stop the functions that live.

    :returns: whether there were any.
    """
    if not database_file(home).exists():
        return False
    stopped = False
    with _store(home) as store:
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
                    pid=None,
                    created=None,
                    next_pid=None,
                    next_created=None,
                )
    return stopped
