"""The control plane as a process of this machine.

It is asked with ``http.client``: every command begins here, ``netops status`` too, and httpx takes 0.15 s of
processor time to import.
"""

from __future__ import annotations

import http.client
import json
import sys
from pathlib import Path
from typing import Any

from project.local.servers import Patience, ServerError, ServerState, read_state, start_server

# Stopping it stops its functions first, and they finish their requests.
_STOP_SECONDS = 60.0
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


def _state_file(home: Path) -> Path:
    return home / "stack.json"


def find(home: Path, patience: Patience) -> ServerState | None:
    """Our living control plane, or None unless it answers as ours.

    :param home: the folder that all local state is under.
    :raises ServerError: if its state file is broken.
    """
    state = read_state(_state_file(home))
    if state is None or not state.process.alive() or identity(home, state.port, patience) is None:
        return None
    return state


def lives(home: Path) -> bool:
    """Whether its process is there, without asking it anything.

    :raises ServerError: if its state file is broken.
    """
    state = read_state(_state_file(home))
    return state is not None and state.process.alive()


def identity(home: Path, port: int, patience: Patience) -> dict[str, Any] | None:
    """What the server on a port says it is, or None unless it is the control plane of that home."""
    try:
        answer = ask(port, "GET", "/local/v1/identity", timeout=patience.answer)
    except ServerError:
        return None
    ours = answer.get("service") == "netops-control-plane" and answer.get("home") == str(home)
    return answer if ours else None


def start(home: Path, source_root: Path, redis_url: str, patience: Patience) -> ServerState:
    """Start it, on its earlier port where that is free, and wait until it answers.

    :param source_root: repository that deployed functions import from.
    :param redis_url: address of the online store that clients are told.
    :raises ServerError: if it does not answer in time, with the end of its log.
    """
    log = home / "logs" / "api.log"

    def run_id(port: int) -> str:
        answer = identity(home, port, patience)
        return str(answer["pid"]) if answer else ""

    return start_server(
        "the control plane",
        _state_file(home),
        lambda port: [
            *(sys.executable, "-m", "project.local.api", "--home", str(home), "--port", str(port)),
            *("--redis-url", redis_url, "--source-root", str(source_root), "--log", str(log)),
        ],
        run_id,
        log=log,
        cwd=_PACKAGE_ROOT,
        patience=patience,
    )


def stop(home: Path) -> bool:
    """Stop it after it has stopped its functions.

    :returns: whether there was one to stop.
    """
    state = read_state(_state_file(home))
    if state is None:
        return False
    was_alive = state.process.alive()
    state.process.stop(_STOP_SECONDS)
    return was_alive


def ask(
    port: int, method: str, path: str, body: dict[str, Any] | None = None, timeout: float = 30.0
) -> dict[str, Any]:
    """Answer of the control plane on a port.

    :param timeout: seconds to wait for it.
    :raises ServerError: if nobody answers with JSON, or the answer is an error.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServerError(
            f"{method} {path}: the control plane on port {port} did not answer ({error})"
        ) from error
    finally:
        connection.close()
    if response.status >= 400:
        raise ServerError(f"{method} {path}: {answer.get('detail', response.status)}")
    return answer
