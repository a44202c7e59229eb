"""Does something again and again in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from project.disk_errors import log_failure

log = logging.getLogger("netops.api.ticker")


class Ticker:
    """Calls functions, and calls them again after a pause, until it is stopped.

    :param functions: called in this order; one that raises is written to the log, and the others are called.
    :param seconds: the pause.
    """

    def __init__(self, functions: Sequence[Callable[[], None]], seconds: float) -> None:
        self._functions = tuple(functions)
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Start calling."""
        self._thread.start()

    def stop(self) -> None:
        """Stop calling; returns when the last call has."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            for function in self._functions:
                try:
                    function()
                except Exception as error:
                    log_failure(log, error, f"the next call is in {self._seconds:g} s")
