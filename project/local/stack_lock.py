"""Only one program at a time starts or stops the servers of a home."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def stack_lock(home: Path, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a home for the block.

    :param wait: whether to wait for whoever has it.
    :returns: whether it is held; always, after waiting.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "stack.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
