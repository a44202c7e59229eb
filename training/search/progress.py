"""How far a search has come: a bar on a terminal, lines in a log elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar


class Progress:
    """Counts fits, inside a ``with``.

    :param say: takes a line for people when standard error is not a terminal, for instance a logger's
        ``info``.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._bar: Bar | None = None
        if sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._bar = Bar(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("search", total=None)

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def plan(self, fits: int) -> None:
        """Say how many fits there will be."""
        if self._bar is not None:
            self._bar.update(self._task, total=fits)

    def advance(self) -> None:
        """Count one fit."""
        if self._bar is not None:
            self._bar.advance(self._task)

    def say(self, line: str) -> None:
        """Say where the search is."""
        if self._bar is not None:
            self._bar.update(self._task, description=line)
        else:
            self._say(line)
