"""The application: its commands, and what becomes of their failures."""

from __future__ import annotations

import os
import sqlite3
import sys

import typer

from feature_sets.checks import InputError
from feature_sets.damaged_file import DamagedFileError
from feature_sets.telemetry.errors import TelemetryError
from project.cli.audit import audit
from project.cli.check import check
from project.cli.compile import compile_workflow
from project.cli.devices import devices
from project.cli.history import history
from project.cli.ingest import ingest
from project.cli.init import init
from project.cli.interruption import INTERRUPTED, told_interruption, watch_for_interruption
from project.cli.models import models
from project.cli.prune import prune
from project.cli.replay import replay
from project.cli.retrain import retrain
from project.cli.rollback import rollback
from project.cli.routing import canary, promote, shadow
from project.cli.run import run
from project.cli.runs import list_runs
from project.cli.serve import serve
from project.cli.status import status
from project.cli.stop import stop
from project.cli.stream import stream
from project.cli.token import token
from project.cli.up import up
from project.disk_errors import disk_failure
from project.errors import NetopsError
from project.settings import default_home

app = typer.Typer(
    name="netops",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Importing rich takes longer than the help.
    help="Predicts network device errors from live telemetry, and notices when its own model goes stale.\n\n"
    "State is in $NETOPS_HOME (default: .netops in the checkout, or ~/.netops without a checkout). If "
    "MLRUN_DBPATH is set, that MLRun API is used; otherwise a local one is started when needed.",
)
for name, command in (
    ("check", check),
    ("init", init),
    ("run", run),
    ("ingest", ingest),
    ("devices", devices),
    ("up", up),
    ("serve", serve),
    ("stream", stream),
    ("replay", replay),
    ("status", status),
    ("stop", stop),
    ("runs", list_runs),
    ("audit", audit),
    ("history", history),
    ("retrain", retrain),
    ("models", models),
    ("promote", promote),
    ("shadow", shadow),
    ("canary", canary),
    ("rollback", rollback),
    ("prune", prune),
    ("token", token),
    ("compile", compile_workflow),
):
    app.command(name)(command)


def main() -> None:
    """Entry point: a failure prints one clear message; it exits with 2 if what was given is wrong, else 1."""
    watch_for_interruption()
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            told_interruption()
        raise
    except TelemetryError as error:
        # The command was right; the rows it found are not.
        print(f"netops: {error}", file=sys.stderr)
        sys.exit(1)
    except InputError as error:
        print(f"netops: {error}", file=sys.stderr)
        sys.exit(2)
    except NetopsError as error:
        print(f"netops: {error}", file=sys.stderr)
        sys.exit(1)
    except (OSError, sqlite3.OperationalError) as error:
        is_damaged = isinstance(error, DamagedFileError)
        failure = (
            str(error) if is_damaged else disk_failure(error, os.environ.get("NETOPS_HOME") or default_home())
        )
        if not failure:
            raise
        print(f"netops: {failure}", file=sys.stderr)
        sys.exit(1)
