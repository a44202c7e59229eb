"""The live stream with its count of events on the console."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from project.api_reader import ready_endpoint
from project.function_names import GENERATOR
from project.http_json import get_json
from project.session import Session

_POLL_SECONDS = 0.5


def wait_for_stream(session: Session, project: str, console: Console) -> dict[str, Any]:
    """Follow the telemetry generator to its end.

    :returns: its last report.
    """
    generator = ready_endpoint(session.mlrun_dbpath, project, GENERATOR)
    with Progress(
        SpinnerColumn(),
        TextColumn("streaming telemetry: {task.completed:,.0f} events"),
        BarColumn(pulse_style="cyan"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("stream", total=None)
        while True:
            report: dict[str, Any] = get_json(generator.address)
            progress.update(task, completed=report["events_sent"])
            if report["done"]:
                return report
            time.sleep(_POLL_SECONDS)
