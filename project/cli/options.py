"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TelemetryOption = Annotated[
    Path | None,
    typer.Option(help="Folder with metrics, labels and static files (Parquet or CSV). Default: simulate."),
]
SchemaOption = Annotated[
    Path | None, typer.Option(help="Telemetry schema, YAML. Default: the simulated network's.")
]
ProjectOption = Annotated[
    str | None,
    typer.Option(help="MLRun project. Default: netops, or netops-NAME with a schema called NAME."),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Workflow parameter as name=value; repeatable.")
]
SecondsOption = Annotated[int, typer.Option(help="How long to stream live telemetry, wall time.", min=1)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
