"""What our two servers, the control plane and Valkey, have in common.

A file says where the server was started. A later command believes it only after the server there has shown
that it is ours, because another program may have taken the port.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from project.errors import NetopsError
from project.local.atomic_write import write_atomically
from project.local.ports import free_port
from project.local.processes import NOBODY, Process, log_tail
from project.local.processes import start as start_process

_POLL_SECONDS = 0.01


class ServerError(NetopsError):
    """A server did not start or did not answer; the message carries the end of its log."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, in seconds.

    :param start: until a new server answers.
    :param answer: for one answer; a server that takes longer counts as hung.
    :param end: for a hung server to end by itself before it is killed.
    :param port: for the server's earlier port to become free.
    """

    start: float = 30.0
    answer: float = 5.0
    end: float = 2.0
    port: float = 2.0


PATIENCE = Patience()


@dataclass(frozen=True)
class ServerState:
    """Where a server was started.

    :param port: its loopback port.
    :param pid: its process id.
    :param created: the moment that process was created, see ``Process``.
    :param run_id: what only this run of the server answers; empty until it has answered.
    """

    port: int
    pid: int
    created: float
    run_id: str = ""

    @property
    def process(self) -> Process:
        """Its process, dead or alive."""
        return Process(self.pid, self.created)


def read_state(file: Path) -> ServerState | None:
    """Where the server of that file was started, or None if it never was.

    :raises ServerError: if the file is not one of ours.
    """
    try:
        return ServerState(**json.loads(file.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        state = _left_of(file)
        if state is not None:
            return state
        raise ServerError(
            f"{file}: not a state file of ours ({error}), and what it names may be running; "
            "end that process if there is one, and delete the file"
        ) from error


def _left_of(file: Path) -> ServerState | None:
    """A server of before the machine was started, of whose file a part is left: it ran, and had this port.

    Functions know the store by its address, so that must not change. Of later a part is not enough: the
    process that it names may be alive, and two must not write to one folder.
    """
    if file.stat().st_mtime >= psutil.boot_time():
        return None
    port = re.search(r'"port": (\d+),', file.read_text(encoding="utf-8", errors="replace"))
    return ServerState(int(port[1]) if port else 0, NOBODY.pid, NOBODY.created)


def _write_state(file: Path, state: ServerState) -> ServerState:
    write_atomically(file, json.dumps(asdict(state)))
    return state


def start_server(
    name: str,
    state_file: Path,
    command: Callable[[int], Sequence[str]],
    identify: Callable[[int], str],
    *,
    log: Path,
    cwd: Path,
    patience: Patience,
    keep_port: bool = False,
) -> ServerState:
    """Start a server and wait until it answers as ours, on its earlier port where that is free.

    An earlier process that lives without answering is ended first: two must not write to one folder.

    :param name: how messages call it.
    :param command: its command line for a port.
    :param identify: the run id that our server on a port answers, or nothing.
    :param log: file for its output.
    :param cwd: its working folder.
    :param keep_port: whether it must have its earlier port, because others know it by that.
    :raises ServerError: if it does not answer in time, with the end of its log.
    """
    before = read_state(state_file)
    if before is not None:
        before.process.stop(patience.end)
    port = free_port(before.port if before else 0, patience.port)
    if keep_port and before is not None and port != before.port:
        raise ServerError(f"{name} cannot have its port {before.port} again: another program has it")
    process = start_process(command(port), log=log, cwd=cwd)
    try:
        # Noted before it answers: if this command is killed now, the next one still finds the process.
        state = _write_state(state_file, ServerState(port, process.pid, process.created))
        deadline = time.monotonic() + patience.start
        while time.monotonic() < deadline and process.alive():
            run_id = identify(port)
            if run_id:
                return _write_state(state_file, replace(state, run_id=run_id))
            time.sleep(_POLL_SECONDS)
    except BaseException:
        # Interrupted, or a full disk: a process that is noted nowhere would never be found.
        process.stop()
        raise
    process.stop()
    raise ServerError(
        f"{name} did not start on port {port} ({process.exit_reason()}); {log} ends with:\n{log_tail(log)}"
    )
