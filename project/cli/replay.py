"""``netops replay``: what a model would have alarmed in a stretch of the past."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Annotated

import typer

from feature_sets.checks import InputError, check_number
from project.cli.known_project import known_project
from project.cli.options import JsonOption, ProjectOption
from project.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


def replay(
    start: Annotated[str, typer.Argument(metavar="FROM", help="Start, such as 2024-01-05T06:00Z.")],
    end: Annotated[str, typer.Argument(metavar="TO", help="End, not included.")],
    project: ProjectOption = None,
    model: Annotated[
        str | None, typer.Option(help="Address of a model, store://... or a folder. Default: production.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="Speed as a multiple of real time. Default: as fast as possible.")
    ] = None,
    label_delay: Annotated[
        float, typer.Option("--label-delay", help="Seconds from an event to its label, after the horizon.")
    ] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Replay recorded telemetry, and show the alarms it would raise.

    Readings that arrived, and labels that became known, between FROM and TO pass through a separate graph as
    they were known then. The live endpoint, its journal and the history stay unchanged.
    """
    first, after = _instant("FROM", start), _instant("TO", end)
    if after <= first:
        raise InputError("TO", f"must be later than FROM, {start}", end)
    if speed is not None:
        check_number("--speed", speed, above=0)
    check_number("--label-delay", label_delay, at_least=0)
    from project.session import open_session

    settings = Settings.from_environment()
    session = open_session(settings)
    name = known_project(project, settings, session)
    _check_project(session.mlrun_dbpath, name)

    # Only now, because these take seconds to load.
    import mlrun
    from rich.console import Console

    from project.replay.lines import replay_lines
    from project.replay.outcome import Stretch
    from project.replay.progress import replay_progress
    from project.replay.replay import replay as play

    mlrun.utils.logger.set_logger_level("ERROR")
    # MLRun reports on standard output.
    with replay_progress(Console(stderr=True)) as told, redirect_stdout(StringIO()):
        facts = play(settings, name, Stretch(first, after, label_delay), model or "", speed, told)
    if as_json:
        print(json.dumps(facts))
        return
    for line in replay_lines(facts):
        print(line)


def _instant(where: str, text: str) -> pd.Timestamp:
    """A time with a zone.

    :raises InputError: unless it is one.
    """
    import pandas as pd

    from feature_sets.telemetry.event_time import seconds_of

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None  # Told below, with all forms that are taken.
    if moment is not None and moment.tzinfo is None:
        raise InputError(where, f"must have a zone; in UTC it is {moment.isoformat()}Z", text)
    try:
        return pd.Timestamp(round(seconds_of(text) * 1_000_000), unit="us", tz="UTC").as_unit("ns")
    except InputError as error:
        raise InputError(where, error.rule, text) from None


def _check_project(dbpath: str, project: str) -> None:
    from project.api_reader import projects
    from project.errors import NetopsError

    found = projects(dbpath)
    if project not in found:
        known = ", ".join(sorted(found)) or "none"
        raise NetopsError(
            f"project '{project}' must exist, got none of that name (there are: {known}); see --project"
        )
