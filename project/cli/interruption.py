"""Ctrl-C and SIGTERM: the command ends what it started, and a second one does not disturb that."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""Exit code of an interrupted command, as shells give it."""

_AGAIN = b"netops: still ending what it started; a third time leaves that as it is\n"
_FINISHED_FIRST = b"netops: the change is under way and is finished first; a third time leaves it as it is\n"
_times = 0
_is_finishing = False


def watch_for_interruption() -> None:
    """Let Ctrl-C and SIGTERM interrupt this process, unless it was started so that they do not."""
    global _times
    _times = 0
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def told_interruption() -> None:
    """Say that the command was interrupted, and how to see what is left."""
    print("netops: interrupted; 'netops status' tells what runs", file=sys.stderr)


@contextmanager
def finished_first() -> Iterator[None]:
    """Finish this block, which takes seconds, before an interruption counts; a third one counts at once.

    Half of a change is worse than all of it, and nobody sees which half was done.
    """
    global _times, _is_finishing
    before = _is_finishing
    _is_finishing = True
    try:
        yield
    finally:
        _is_finishing, _times = before, 0


def _interrupt(_signal: int, _frame: object) -> None:
    global _times
    _times += 1
    if _is_finishing and _times < 3:
        os.write(2, _FINISHED_FIRST)
        return
    if _times == 2:
        # Not print(): the signal may have come in the middle of one.
        os.write(2, _AGAIN)
        return
    raise KeyboardInterrupt
