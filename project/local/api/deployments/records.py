"""Deployed functions as SQLite remembers them."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass, replace
from typing import Any

from project.local.api.documents import Document
from project.local.api.records.store import Store, decode, encode
from project.local.processes import Process

BUILDING, READY, ERROR, OFFLINE = "building", "ready", "error", "offline"


@dataclass(frozen=True)
class Deployment:
    """One deployed function, with the process that runs it.

    :param name: the function's name, with ``-tag`` at the end unless its tag is ``latest``.
    :param state: ``building``, ``ready``, ``error`` or ``offline`` as last written.
    :param reason: why it is not ready; empty when it is.
    :param port: loopback port it answers on; kept across redeploys.
    :param pid: the process that answers, None when there is none. After a failed redeploy (``error``) it is
        that of the version before.
    :param created: when that process was created.
    :param next_pid: process of a redeploy that is not ready yet, or of the version before while it ends.
    :param next_created: when that process was created.
    :param log_start: where the log of the last deploy starts, in bytes.
    :param generation: counts deploys, starts and stops; work on an older generation is given up.
    :param fallen: whether it was ready and its process died; it is started again until it is ready.
    :param restarts: how often it was started again since it was deployed.
    :param last_exit: how its process ended last, without being asked to; empty if it never did.
    :param last_exit_time: when that was noticed, seconds since 1970.
    :param ready_time: since when it is ready, or was.
    :param failed_starts: how many starts have failed since it died last.
    :param failed_start: why the last of them did.
    :param failing_since: when the first of them did, seconds since 1970.
    """

    project: str
    name: str
    port: int
    state: str = BUILDING
    reason: str = ""
    pid: int | None = None
    created: float | None = None
    next_pid: int | None = None
    next_created: float | None = None
    log_start: int = 0
    generation: int = 0
    fallen: int = 0
    restarts: int = 0
    last_exit: str = ""
    last_exit_time: float | None = None
    ready_time: float | None = None
    failed_starts: int = 0
    failed_start: str = ""
    failing_since: float | None = None

    @property
    def process(self) -> Process | None:
        """The process that answers, dead or alive."""
        return Process(self.pid, self.created) if self.pid and self.created else None

    @property
    def next_process(self) -> Process | None:
        """The process of a redeploy, dead or alive."""
        return Process(self.next_pid, self.next_created) if self.next_pid and self.next_created else None

    @property
    def processes(self) -> tuple[Process, ...]:
        """All its processes, dead or alive."""
        return tuple(process for process in (self.process, self.next_process) if process is not None)

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self.port}"

    @property
    def explanation(self) -> str:
        """Why it is not ready; also says when an older version still answers."""
        if self.state == ERROR and self.pid is not None:
            return f"{self.reason}; the version deployed before still answers"
        return self.reason

    def describe(self, kind: str = "", log: str = "") -> dict[str, Any]:
        """Content of the ``/local/v1/deployments`` answer."""
        return {
            "project": self.project,
            "name": self.name,
            "kind": kind,
            "state": self.state,
            "reason": self.explanation,
            "address": self.address,
            "url": f"http://{self.address}",
            "pid": self.pid,
            "log": log,
            "fallen": bool(self.fallen),
            "restarts": self.restarts,
            "last_exit": self.last_exit,
            "last_exit_time": self.last_exit_time,
            "ready_time": self.ready_time,
            "failed_starts": self.failed_starts,
            "failed_start": self.failed_start,
            "failing_since": self.failing_since,
        }


NO_FAILED_START: dict[str, Any] = {"failed_starts": 0, "failed_start": "", "failing_since": None}
"""Fields of one that has died just now."""
NEVER_DIED = {"fallen": 0, "restarts": 0, "last_exit": "", "last_exit_time": None, **NO_FAILED_START}
"""Fields of one that is deployed anew."""


def _of(row: sqlite3.Row) -> Deployment:
    return Deployment(**{key: row[key] for key in row.keys() if key != "function"})  # noqa: SIM118


def read_deployment(store: Store, project: str, name: str) -> Deployment | None:
    """The deployment, or None."""
    row = store.row("SELECT * FROM deployments WHERE project = ? AND name = ?", (project, name))
    return _of(row) if row else None


def read_deployments(store: Store, project: str = "") -> list[Deployment]:
    """All deployments, or those of one project, in order of name."""
    sql = "SELECT * FROM deployments WHERE ? = '' OR project = ? ORDER BY project, name"
    return [_of(row) for row in store.rows(sql, (project, project))]


def read_function(store: Store, deployment: Deployment) -> Document:
    """The function's document as it was deployed."""
    row = store.row(
        "SELECT function FROM deployments WHERE project = ? AND name = ?",
        (deployment.project, deployment.name),
    )
    return decode(row["function"]) if row else {}


def write_deployment(store: Store, deployment: Deployment, function: Document | None = None) -> None:
    """Store a deployment; with the function's document the first time and at each redeploy."""
    fields = asdict(deployment)
    if function is not None:
        fields["function"] = encode(function)
        names = ", ".join(fields)
        sql = f"INSERT OR REPLACE INTO deployments ({names}) VALUES ({', '.join('?' * len(fields))})"  # noqa: S608
        values = list(fields.values())
    else:
        project, name = fields.pop("project"), fields.pop("name")
        changes = ", ".join(f"{field} = ?" for field in fields)
        sql = f"UPDATE deployments SET {changes} WHERE project = ? AND name = ?"  # noqa: S608
        values = [*fields.values(), project, name]
    with store.write() as connection:
        connection.execute(sql, values)


def change_deployment(store: Store, project: str, name: str, **changes: Any) -> Deployment | None:
    """Store some changed fields; answers the changed deployment, or None if it is gone."""
    with store.write():
        deployment = read_deployment(store, project, name)
        if deployment is None:
            return None
        deployment = replace(deployment, **changes)
        write_deployment(store, deployment)
    return deployment


def delete_deployment(store: Store, project: str, name: str) -> None:
    """Forget a deployment."""
    with store.write() as connection:
        connection.execute("DELETE FROM deployments WHERE project = ? AND name = ?", (project, name))
