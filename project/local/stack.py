"""The laptop's servers as one stack.

All state is under one folder, ``home``; two homes share nothing. Nothing here imports mlrun: a command that
only looks is quick, and the servers are up before anything imports mlrun, whose import asks the server.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from project.local import control_plane, valkey
from project.local.home_place import check_place, note_place
from project.local.servers import PATIENCE, Patience, ServerError, ServerState
from project.local.stack_lock import stack_lock


@dataclass(frozen=True)
class StackInfo:
    """Where the living servers are.

    :param mlrun_dbpath: value for ``MLRUN_DBPATH``.
    :param redis_url: the online store; empty while Valkey is down, ``up`` starts it again.
    :param api_pid: process of the control plane.
    :param valkey_pid: process of Valkey; 0 while it is down.
    """

    mlrun_dbpath: str
    redis_url: str
    api_pid: int
    valkey_pid: int


@dataclass(frozen=True)
class DeployedFunction:
    """A deployed function as it is now.

    :param state: ``building``, ``ready``, ``error`` or ``offline``.
    :param reason: why it is not ready, for example "killed by signal 9 (SIGKILL)".
    :param url: address it answers on when it answers.
    :param pid: the process that answers, or None.
    :param log: file of its output.
    :param fallen: whether its process died and is started again.
    :param restarts: how often it was started again after its process died.
    :param last_exit: how it died last; empty if it never did.
    :param last_exit_time: when, seconds since 1970.
    :param ready_time: since when it is ready, or was.
    :param failed_starts: how many starts have failed since it died last.
    :param failed_start: why the last of them did.
    :param failing_since: when the first of them did, seconds since 1970.
    """

    project: str
    name: str
    kind: str
    state: str
    reason: str
    address: str
    url: str
    pid: int | None
    log: str
    fallen: bool = False
    restarts: int = 0
    last_exit: str = ""
    last_exit_time: float | None = None
    ready_time: float | None = None
    failed_starts: int = 0
    failed_start: str = ""
    failing_since: float | None = None


class Stack:
    """Control plane and Valkey of one home.

    :param home: folder of all local state; made when needed.
    :param source_root: repository that deployed functions import from.
    :param patience: how long to wait for the servers.
    :raises MovedHomeError: if the home is not where it was made.
    """

    def __init__(self, home: Path, source_root: Path, patience: Patience = PATIENCE) -> None:
        self.home = home.resolve()
        check_place(self.home)
        self.source_root = source_root.resolve()
        self._patience = patience

    def up(self) -> StackInfo:
        """Start what is not running; safe to call again and from several commands at once.

        Servers come back on their earlier ports where those are free.

        :raises ServerError: if a server does not answer, with the end of its log.
        """
        with stack_lock(self.home):
            note_place(self.home)
            was_up = valkey.find(self.home, self._patience) is not None
            store = valkey.start(self.home, self._patience)
            state = control_plane.find(self.home, self._patience)
            if state is None:
                try:
                    state = control_plane.start(self.home, self.source_root, store.url, self._patience)
                except ServerError:
                    if not was_up:  # Such as a damaged database: half of the servers are of no use.
                        valkey.stop(self.home)
                    raise
            else:
                control_plane.ask(state.port, "PUT", "/local/v1/redis-url", {"redis_url": store.url})
            return _info(state, store)

    def find(self) -> StackInfo | None:
        """The running servers, or None unless the control plane answers as ours."""
        state = control_plane.find(self.home, self._patience)
        return _info(state, valkey.find(self.home, self._patience)) if state else None

    def control_plane_lives(self) -> bool:
        """Whether the process of the control plane is there; it is not asked anything."""
        return control_plane.lives(self.home)

    def stop(self) -> bool:
        """Stop all functions, the control plane and Valkey.

        :returns: whether anything was running.
        """
        from project.local import offline_state

        with stack_lock(self.home):
            try:
                stopped = [control_plane.stop(self.home), offline_state.stop(self.home)]
            finally:  # Also where the database cannot be read.
                store_stopped = valkey.stop(self.home)
            return any(stopped) or store_stopped

    def orphans(self) -> list[tuple[str, str, str]]:
        """Project, name and address of the functions that live, read without the control plane."""
        from project.local import offline_state

        return offline_state.running(self.home)

    def dead_functions(self) -> list[tuple[str, str, str]]:
        """The same of functions that died; the next control plane starts them again."""
        from project.local import offline_state

        return offline_state.dead(self.home)

    def deployed_variables(self, project: str) -> dict[str, dict[str, str]]:
        """Variables of the functions of a project, by function, read without the control plane."""
        from project.local import offline_state

        return offline_state.variables(self.home, project)

    def store_url(self) -> str:
        """Address of the online store, or empty while it is down; asked without the control plane."""
        store = valkey.find(self.home, self._patience)
        return store.url if store else ""

    def valkey_restarts(self) -> int:
        """How often the control plane has started Valkey again since it runs.

        :raises ServerError: if it is not running.
        """
        return int(control_plane.ask(self._port(), "GET", "/local/v1/identity")["valkey_restarts"])

    def code(self) -> str:
        """Digest of the code that the control plane was started with; empty of a release that notes none.

        :raises ServerError: if it is not running.
        """
        answer = control_plane.ask(self._port(), "GET", "/local/v1/identity")
        return str(answer.get("code") or "")

    def waiting_schedules(self) -> list[dict[str, Any]]:
        """Schedules as the control plane answers them, read without it; nothing starts them meanwhile."""
        from project.local import offline_state

        return offline_state.schedules(self.home)

    def deployments(self) -> list[DeployedFunction]:
        """Deployed functions as they are now.

        :raises ServerError: if the control plane is not running.
        """
        answer = control_plane.ask(self._port(), "GET", "/local/v1/deployments")
        return [_function(item) for item in answer["deployments"]]

    def stop_function(self, project: str, name: str) -> DeployedFunction:
        """Stop a function; it can be deployed again.

        :raises ServerError: if the control plane is not running or knows no such function.
        """
        path = f"/local/v1/deployments/{project}/{name}/stop"
        return _function(control_plane.ask(self._port(), "POST", path, timeout=60.0))

    def _port(self) -> int:
        state = control_plane.find(self.home, self._patience)
        if state is None:
            raise ServerError(f"no control plane is running for {self.home}")
        return state.port


def _function(told: dict[str, Any]) -> DeployedFunction:
    """A function as a control plane tells it, which may be of another release until it is started again."""
    names = {each.name for each in fields(DeployedFunction)}
    return DeployedFunction(**{name: value for name, value in told.items() if name in names})


def _info(state: ServerState, store: valkey.ValkeyInstance | None) -> StackInfo:
    url, pid = (store.url, store.pid) if store else ("", 0)
    return StackInfo(f"http://127.0.0.1:{state.port}", url, state.pid, pid)
