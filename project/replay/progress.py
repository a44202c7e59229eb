"""How far a replay is: a bar on a terminal, else a line for each tenth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

_LINES = 10


@contextmanager
def replay_progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Shows what it gives is called with: how many readings were sent, of how many."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(pulse_style="cyan"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("reading the history", total=None)
        shown = -1

        def told(sent: int, total: int) -> None:
            nonlocal shown
            progress.update(task, description="playing readings", completed=sent, total=total)
            tenths = sent * _LINES // max(1, total)
            if not console.is_terminal and tenths > shown:
                shown = tenths
                console.print(f"  playing {sent:,} of {total:,} readings", highlight=False)

        yield told
