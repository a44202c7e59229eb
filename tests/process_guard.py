"""Ends everything that a test run has started when the run ends, however it ends.

Fixtures stop their servers, but a killed pytest runs no fixture to its end. So every process below pytest
inherits a mark in its environment. A guard outside pytest's session waits for pytest to end, and then ends
whatever carries the mark: control planes, Valkeys, function hosts, clients, xdist workers.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

MARK = "STARTED_BY_PYTEST"
# A control plane stops its functions in this time, and they flush what they hold.
_GRACE_SECONDS = 20.0
_guards: list[subprocess.Popen[bytes]] = []


def guard_this_process() -> None:
    """Mark what this process starts from now on, and have it ended together with this process."""
    mark = f"{MARK}_{os.getpid()}_{uuid.uuid4().hex}"
    _guards.append(
        subprocess.Popen(
            [sys.executable, "-IS", __file__, str(os.getpid()), mark],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    )
    os.environ[mark] = "1"


def _wait_for_the_end_of(pid: int) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([process], [], [])


def _marked(mark: str) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue  # another user's, or gone
        if mark.encode() in environment:
            yield int(folder.name)


def _end(mark: str) -> None:
    """Ask the marked processes to end, and kill those that take too long, until there are none."""
    deadline = time.monotonic() + _GRACE_SECONDS
    asked: set[int] = set()
    while living := set(_marked(mark)):
        late = time.monotonic() > deadline
        for pid in living if late else living - asked:
            try:
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
            except ProcessLookupError:
                continue
        asked |= living
        time.sleep(0.1)


if __name__ == "__main__":
    _wait_for_the_end_of(int(sys.argv[1]))
    _end(sys.argv[2])
