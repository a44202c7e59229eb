"""Options that several commands have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from graphs.protocol.roles import Role

TelemetryOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder with metrics, labels and static files (Parquet or CSV). "
        "Default: as last time, otherwise the network is simulated."
    ),
]
SchemaOption = Annotated[
    Path | None,
    typer.Option(help="Telemetry schema, YAML. Default: as last time, otherwise the simulated network's."),
]
ProjectOption = Annotated[
    str | None,
    typer.Option(
        help="MLRun project. Default: netops, or netops-NAME with a schema called NAME. Commands that create "
        "no project use the only one there is."
    ),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Workflow parameter as name=value; may be repeated.")
]
SecondsOption = Annotated[
    int | None,
    typer.Option(
        help="Seconds to stream live telemetry, wall time. Default: as last time, otherwise 30.", min=1
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def _open(is_open: bool) -> bool:
    """Have this command, and the processes that it starts, read the setting of the open endpoint."""
    if is_open:
        os.environ["NETOPS_ANONYMOUS"] = Role.WRITE.value
    return is_open


IS_OPEN = "open: everybody on this machine may send telemetry, labels and incidents, without a token"
"""What a command says that deploys an open endpoint."""

OpenOption = Annotated[
    bool,
    typer.Option(
        "--open",
        callback=_open,
        help="Accept telemetry, labels and incidents without a token, from everybody on this machine.",
    ),
]
