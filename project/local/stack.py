"""The laptop's servers as one thing: control plane and Valkey, started, found again and stopped.

All state is under one folder, ``home``; two homes never meet. Nothing here imports mlrun, so a command that
only looks is quick, and the servers are up before anything imports mlrun (whose import asks the server).
"""

from __future__ import annotations

import fcntl
import http.client
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from project.errors import NetopsError
from project.local import valkey
from project.local.api.deployments.records import change_deployment, read_deployments
from project.local.api.records.store import Store
from project.local.api.settings import database_file
from project.local.processes import Process, free_port, log_tail
from project.local.processes import start as start_process

_START_SECONDS = 30.0
_STOP_SECONDS = 60.0
_PORT_SECONDS = 2.0
_HUNG_SECONDS = 2.0
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class StackError(NetopsError):
    """The servers did not start, or did not answer; the message carries the end of the log."""


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


@dataclass(frozen=True)
class _State:
    port: int
    pid: int
    created: float


class Stack:
    """Control plane and Valkey of one home.

    :param home: folder of all local state; made when needed.
    :param source_root: repository that deployed functions import from.
    """

    def __init__(self, home: Path, source_root: Path) -> None:
        self.home = home.resolve()
        self.source_root = source_root.resolve()

    @property
    def _state_file(self) -> Path:
        return self.home / "stack.json"

    @property
    def _log(self) -> Path:
        return self.home / "logs" / "api.log"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Only one command at a time starts or stops servers of this home; others wait."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "stack.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _state(self) -> _State | None:
        try:
            return _State(**json.loads(self._state_file.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise StackError(f"{self._state_file}: not a state file of ours ({error}); delete it") from error

    def up(self) -> StackInfo:
        """Start what is not running; safe to call again and from several commands at once.

        Ports are those of the time before where they are free.

        :raises StackError: if the control plane does not answer, with the end of its log.
        :raises valkey.ValkeyError: the same of Valkey.
        """
        with self._locked():
            store = valkey.start(self.home)
            state = self._state()
            identity = self._identity(state)
            if state is None or identity is None:
                state = self._start_api(state, store.url)
            elif identity["redis_url"] != store.url:
                self._call(state, "PUT", "/local/v1/redis-url", {"redis_url": store.url})
            return self._info(state, store)

    def find(self) -> StackInfo | None:
        """The running servers, or None unless the control plane answers as ours."""
        state = self._state()
        if state is None or self._identity(state) is None:
            return None
        return self._info(state, valkey.find(self.home))

    def stop(self) -> bool:
        """Stop all functions, the control plane and Valkey.

        :returns: whether anything was running.
        """
        with self._locked():
            state = self._state()
            stopped = False
            if state is not None:
                process = Process(state.pid, state.created)
                stopped = process.alive()
                # SIGTERM makes it stop its functions first.
                process.stop(_STOP_SECONDS)
            stopped = self._stop_functions() or stopped
            return valkey.stop(self.home) or stopped

    def _stop_functions(self) -> bool:
        """Stop functions that a killed control plane left behind."""
        if not database_file(self.home).exists():
            return False
        store = Store(database_file(self.home))
        stopped = False
        for deployment in read_deployments(store):
            for process in (deployment.process, deployment.next_process):
                if process is not None and process.alive():
                    process.stop()
                    stopped = True
                    change_deployment(
                        store,
                        deployment.project,
                        deployment.name,
                        state="offline",
                        reason="stopped",
                        pid=None,
                        created=None,
                        next_pid=None,
                        next_created=None,
                    )
        store.close()
        return stopped

    def orphans(self) -> list[tuple[str, str, str]]:
        """Project, name and address of the functions that live on, read without the control plane."""
        if not database_file(self.home).exists():
            return []
        store = Store(database_file(self.home))
        try:
            return [
                (each.project, each.name, f"http://127.0.0.1:{each.port}")
                for each in read_deployments(store)
                if each.process is not None and each.process.alive()
            ]
        finally:
            store.close()

    def deployments(self) -> list[DeployedFunction]:
        """Deployed functions as they are now.

        :raises StackError: if the control plane is not running.
        """
        answer = self._call(self._running(), "GET", "/local/v1/deployments")
        return [DeployedFunction(**item) for item in answer["deployments"]]

    def stop_function(self, project: str, name: str) -> DeployedFunction:
        """Stop a function; it can be started again.

        :raises StackError: if the control plane is not running or knows no such function.
        """
        path = f"/local/v1/deployments/{project}/{name}/stop"
        return DeployedFunction(**self._call(self._running(), "POST", path, timeout=60.0))

    def start_function(self, project: str, name: str) -> DeployedFunction:
        """Start a function again as it was deployed, and wait until it is ready or has failed.

        :raises StackError: if the control plane is not running or knows no such function.
        """
        path = f"/local/v1/deployments/{project}/{name}/start"
        return DeployedFunction(**self._call(self._running(), "POST", path, timeout=180.0))

    def _running(self) -> _State:
        state = self._state()
        if state is None or self._identity(state) is None:
            raise StackError(f"no control plane is running for {self.home}")
        return state

    def _info(self, state: _State, store: valkey.ValkeyInstance | None) -> StackInfo:
        url, pid = (store.url, store.pid) if store else ("", 0)
        return StackInfo(f"http://127.0.0.1:{state.port}", url, state.pid, pid)

    def _start_api(self, before: _State | None, redis_url: str) -> _State:
        if before is not None:
            # It may live without answering; two servers must not write to one folder.
            Process(before.pid, before.created).stop(_HUNG_SECONDS)
        port = free_port(before.port if before else 0, _PORT_SECONDS)
        ready = self.home / "api.ready"
        ready.unlink(missing_ok=True)
        process = start_process(
            [
                *(sys.executable, "-m", "project.local.api", "--home", str(self.home), "--port", str(port)),
                *(
                    "--redis-url",
                    redis_url,
                    "--source-root",
                    str(self.source_root),
                    "--ready-file",
                    str(ready),
                ),
            ],
            log=self._log,
            cwd=_PACKAGE_ROOT,
        )
        state = _State(port, process.pid, process.created)
        # Written before it answers: if we are killed now, the next command still finds the process.
        temporary = self._state_file.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(state)))
        temporary.replace(self._state_file)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if ready.exists() and self._identity(state) is not None:
                return state
            if not process.alive():
                break
            time.sleep(0.01)
        process.stop()
        raise StackError(
            f"the control plane did not start on port {port} ({process.exit_reason()}); "
            f"{self._log} ends with:\n{log_tail(self._log)}"
        )

    def _identity(self, state: _State | None) -> dict[str, Any] | None:
        """What the server on the recorded port says it is, or None unless it is ours."""
        if state is None or not Process(state.pid, state.created).alive():
            return None
        try:
            answer = self._call(state, "GET", "/local/v1/identity", timeout=5.0)
        except StackError:
            return None
        ours = answer.get("service") == "netops-control-plane" and answer.get("home") == str(self.home)
        return answer if ours else None

    def _call(
        self, state: _State, method: str, path: str, body: dict[str, Any] | None = None, timeout: float = 30.0
    ) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", state.port, timeout=timeout)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise StackError(
                f"{method} {path}: the control plane on port {state.port} did not answer ({error})"
            ) from error
        finally:
            connection.close()
        if response.status >= 400:
            raise StackError(f"{method} {path}: {answer.get('detail', response.status)}")
        return answer
