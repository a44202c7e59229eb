"""Processes of this machine by identity: a pid alone is not one, because pids are used again.

A process is named by its pid and the moment it was created. Both are written to disk: a later command finds
the same process, or learns that it is gone. No wall clock has a part in that: where it is set, as after a
start of the machine or by hand, the time since 1970 of every process is another one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from project.local.log_files import Attempts, piece, put_aside

# A moment is the start of the machine, by a number for its id, and clock ticks since then: a whole number
# below 2^53, which a float has exactly.
_TICKS_OF_A_START, _STARTS = 10**11, 90_000
# An earlier release has seconds since 1970, which are fewer; two with one pid are further apart than this.
_TOLERANCE_SECONDS = 0.05

# A child that ended stays as a zombie until it is waited for; its handle is kept for that.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Process:
    """One process.

    :param pid: process id.
    :param created: the moment it was created, see ``created_at``; in a record of an earlier release seconds
        since 1970.
    """

    pid: int
    created: float

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        child = _children.get(self.pid)
        if child is not None and child.poll() is not None and child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
        try:
            found = psutil.Process(self.pid)
            if found.status() == psutil.STATUS_ZOMBIE:
                return False
            if self.created < _TICKS_OF_A_START:
                return bool(abs(found.create_time() - self.created) < _TOLERANCE_SECONDS)
            return created_at(self.pid) == self.created
        except (psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
            return False

    def exit_code(self) -> int | None:
        """Its exit code, below 0 for a signal; None while it runs, or unless this program started it."""
        child = _children.get(self.pid)
        if child is None:
            return None
        try:
            # Not poll(): that answers None while another thread is asking.
            return child.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            return None

    def exit_reason(self) -> str:
        """How it ended, in words; unknown unless this program started it."""
        if self.pid not in _children:
            return "the process is gone (how it ended is unknown: another program started it)"
        code = self.exit_code()
        if code is None:
            return "the process still runs"
        if code < 0:
            return f"killed by signal {-code} ({signal.Signals(-code).name})"
        return f"exited with code {code}"

    def stop(self, grace: float = 15.0) -> bool:
        """Ask it to end (SIGTERM), and end it and its process group by force after the grace.

        :param grace: seconds it gets to finish what it is doing.
        :returns: whether it ended by itself.
        """
        if not self.alive():
            return True
        process = psutil.Process(self.pid)
        # What we start leads a group of its own; whatever it has started itself is in there too.
        leads = os.getpgid(self.pid) == self.pid
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
        willing = _wait(self, process, grace)
        if leads:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        if not willing:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
            _wait(self, process, 10.0)
        self.alive()  # Closes the input of one that ended.
        return willing


NOBODY = Process(2**22 + 1, 0.0)
"""A process that never was: no pid of Linux is so large."""


def created_at(pid: int) -> float:
    """The moment a process was created, a number that no other process of this pid has.

    :raises OSError: if there is none.
    """
    after_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return float(_start_of_machine() * _TICKS_OF_A_START + int(after_name[19]))


@cache
def _start_of_machine() -> int:
    """A number from 1 on for the present start of the machine."""
    return 1 + zlib.crc32(Path("/proc/sys/kernel/random/boot_id").read_bytes()) % _STARTS


def _wait(identity: Process, process: psutil.Process, timeout: float) -> bool:
    child = _children.get(identity.pid)
    try:
        if child is not None:
            child.wait(timeout)
        else:
            process.wait(timeout)
    except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
        return not identity.alive()
    return True


def start(
    command: Sequence[str],
    *,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    listens: bool = False,
) -> Process:
    """Start a process that outlives this one: own session, no input, output appended to a log.

    :param log: file for both outputs, made with its folder.
    :param listens: whether it has an input, see ``tell``; it ends with this process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    Attempts().make(lambda: put_aside(log))  # One that dies at once has no time to do it.
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE if listens else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(env) if env is not None else None,
            start_new_session=True,
        )
    _children[child.pid] = child
    return Process(child.pid, created_at(child.pid))


def tell(process: Process, text: bytes) -> bool:
    """Give a process that listens its one word, and close its input.

    :returns: whether it was there to take it.
    """
    child = _children.get(process.pid)
    if child is None or child.stdin is None or not process.alive():
        return False
    try:
        with child.stdin:
            child.stdin.write(text)
    except BrokenPipeError:
        return False
    return True


def this_process() -> Process:
    """The process that asks."""
    return Process(os.getpid(), created_at(os.getpid()))


def log_tail(log: Path, lines: int = 30, start: int = 0) -> str:
    """Last lines of a log, for an error message; of one that began anew meanwhile those before that, too.

    :param start: bytes before this offset do not count, in the file that is shorter than that by now or not.
    """
    size = log.stat().st_size if log.exists() else 0
    is_new = size < start
    found = _last_lines(log, lines, 0 if is_new else start)
    if is_new and len(found) < lines:
        found = [*_last_lines(piece(log, 1), lines - len(found), start), *found]
    return "\n".join(found)


def _last_lines(file: Path, lines: int, start: int) -> list[str]:
    if not file.exists():
        return []
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(start, size - 64 * 1024))
        return opened.read().decode(errors="replace").splitlines()[-lines:]
