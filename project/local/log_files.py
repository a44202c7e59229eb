"""Logs of processes that run for years: the file is put aside when it is large, and the oldest piece goes.

A process writes to the file itself, so what it said last is there however it ended. It looks after a while
whether the file under the name of its log is still the one that it writes to, and goes on in the new one if
not. So no line is lost or cut: what is written in between is at the end of the piece. It does not matter who
put the file aside: this process, another one that writes to it, an operator, or ``logrotate``.
"""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("netops.log_files")

MOST_BYTES = 10_000_000
"""A file that is larger is put aside."""
PIECES = 5
"""Files that were put aside and are kept: ``NAME.log.1`` is the newest."""
_LOOK_SECONDS = 1.0


def piece(file: Path, number: int) -> Path:
    """A piece of a log: 1 is the newest that was put aside."""
    return file.with_name(f"{file.name}.{number}")


def put_aside(file: Path, most: int = MOST_BYTES, pieces: int = PIECES) -> bool:
    """Have a log begin anew if it is too large; of several that try one does it.

    :param most: bytes of a file that stays.
    :param pieces: files that are kept beside it.
    :returns: whether it did.
    :raises OSError: if no file can be made or renamed there.
    """
    if not _is_larger(file, most):
        return False
    with file.with_name(f"{file.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_larger(file, most):
            return False
        for number in range(pieces - 1, 0, -1):
            if piece(file, number).exists():
                piece(file, number).replace(piece(file, number + 1))
        file.replace(piece(file, 1))
        file.touch(mode=stat.S_IMODE(piece(file, 1).stat().st_mode))
        return True


def _is_larger(file: Path, most: int) -> bool:
    try:
        return file.stat().st_size > most
    except FileNotFoundError:
        return False


class Attempts:
    """Attempts to look after a log, which is no reason to leave other work undone."""

    def __init__(self) -> None:
        self._is_told = False

    def make(self, look: Callable[[], object]) -> None:
        """One of them; of failures in a row the first is logged."""
        try:
            look()
            self._is_told = False
        except OSError as error:  # Such as a full disk.
            if not self._is_told:
                log.error("the log stays one file until it can be put aside: %s", error)
            self._is_told = True


class OwnLog:
    """Both outputs of this process, which are the end of a log.

    :param file: the log.
    :param most: bytes after which it is put aside.
    :param pieces: files that are kept beside it.
    """

    def __init__(self, file: Path, most: int = MOST_BYTES, pieces: int = PIECES) -> None:
        self._file, self._most, self._pieces = file, most, pieces
        self._attempts = Attempts()

    def look(self) -> None:
        """Put the file aside if it is too large, and write to the one that has its name."""
        put_aside(self._file, self._most, self._pieces)
        own = os.fstat(sys.stdout.fileno())
        try:
            named = self._file.stat()
        except FileNotFoundError:  # Somebody has taken it away.
            named = None
        if named is not None and (named.st_dev, named.st_ino) == (own.st_dev, own.st_ino):
            return
        with self._file.open("ab") as anew:
            os.dup2(anew.fileno(), sys.stdout.fileno())
            os.dup2(anew.fileno(), sys.stderr.fileno())

    def follow(self) -> None:
        """Look again and again, beside whatever this process does."""
        threading.Thread(target=self._run, name="own-log", daemon=True).start()

    def _run(self) -> None:
        ended = threading.Event()
        while True:
            self._attempts.make(self.look)  # Without success it goes on in the file that it has.
            ended.wait(_LOOK_SECONDS)
