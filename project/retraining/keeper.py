"""Keeps the loop of a project going, in a thread of the runner."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from feature_sets.checks import InputError
from project.errors import NetopsError
from project.retraining.loop import Loop

log = logging.getLogger("netops.retraining")

_PAUSE_SECONDS = 1.0


class LoopKeeper:
    """Lets a loop tick until it is stopped. What a tick raises is told once, and the next one tries again.

    :param loop: ticks.
    :param pause: seconds between two ticks.
    :param tell: told what a tick raised.
    """

    def __init__(
        self, loop: Loop, pause: float = _PAUSE_SECONDS, tell: Callable[[str], None] = log.warning
    ) -> None:
        self._loop = loop
        self._pause = pause
        self._tell = tell
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retraining", daemon=True)

    def start(self) -> None:
        """Start ticking."""
        self._thread.start()

    def stop(self) -> None:
        """Tick no more; a tick under way is not waited for, it may be cut off anywhere."""
        self._ended.set()

    def _run(self) -> None:
        said = ""
        while not self._ended.wait(self._pause):
            failure = ""
            try:
                self._loop.tick()
            except (NetopsError, InputError, OSError) as error:
                failure = str(error)
            except Exception as error:
                log.exception("the loop goes on")
                failure = repr(error)
            if failure and failure != said:
                self._tell(f"the loop tries again: {failure}")
            said = failure
