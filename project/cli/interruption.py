"""Ctrl-C and SIGTERM: the command ends what it started, and a second one does not disturb that."""

from __future__ import annotations

import os
import signal
import sys

INTERRUPTED = 130
"""Exit code of an interrupted command, as shells give it."""

_AGAIN = b"netops: still ending what it started; a third time leaves that as it is\n"
_times = 0


def watch_for_interruption() -> None:
    """Let Ctrl-C and SIGTERM interrupt this process, unless it was started so that they do not."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def told_interruption() -> None:
    """Say that the command was interrupted, and how to see what is left."""
    print("netops: interrupted; 'netops status' tells what runs", file=sys.stderr)


def _interrupt(_signal: int, _frame: object) -> None:
    global _times
    _times += 1
    if _times == 2:
        # Not print(): the signal may have come in the middle of one.
        os.write(2, _AGAIN)
        return
    raise KeyboardInterrupt
