"""One line that says what a long command does, on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

_TERMINAL_SECONDS, _SECONDS = 0.5, 60.0
_WIDTH = 100


class ProgressLine:
    """What is done, in one line: written over on a terminal, else a line a minute.

    A command that takes less says nothing.

    :param stream: standard error.
    :param what: the command, which begins the line.
    :param clock: seconds that only grow.
    """

    def __init__(self, stream: TextIO, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._what, self._clock = stream, what, clock
        self._is_terminal = stream.isatty()
        self._every = _TERMINAL_SECONDS if self._is_terminal else _SECONDS
        self._told, self._is_shown = clock(), False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown:
            self._stream.write("\r" + " " * _WIDTH + "\r")
            self._stream.flush()

    def tell(self, text: str) -> None:
        """Say what is done now, unless something was said just before."""
        now = self._clock()
        if now - self._told < self._every:
            return
        self._told = now
        line = f"{self._what}: {text}"[:_WIDTH]
        if self._is_terminal:
            self._is_shown = True
            self._stream.write(f"\r{line:{_WIDTH}}")
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()
