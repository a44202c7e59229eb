"""``netops audit``: whether what was served is what the history says."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from io import StringIO
from typing import Annotated

import typer

from project.cli.known_project import known_project
from project.cli.open_project import open_project
from project.cli.options import JsonOption, ProjectOption
from project.cli.progress_line import ProgressLine
from project.settings import Settings


def audit(
    project: ProjectOption = None,
    pairs: Annotated[
        int, typer.Option(help="About how many of the newest labeled pairs to compare.", min=1)
    ] = 100_000,
    since: Annotated[
        str,
        typer.Option(
            help="How far back: a duration before the newest answer, such as 7d, or a time with a zone."
        ),
    ] = "7d",
    as_json: JsonOption = False,
) -> None:
    """Compare what was served with the history.

    Features of labeled pairs must equal those of the history to the last bit, and their models must give the
    same answers again. Nothing is changed. Run 'netops ingest --live' first: what arrived live must be in the
    history. Exits with 1 if anything differs.
    """
    from project.session import open_session

    settings = Settings.from_environment()
    session = open_session(settings)
    name = known_project(project, settings, session)

    # MLRun reports on standard output.
    with redirect_stdout(StringIO()):
        # Only now, because these take seconds to load.
        from project.audit import audit as look
        from project.live_history import LiveJournal

        schema = open_project(session, name, settings)
        journal, directory = LiveJournal.of(name, settings), settings.labeled_pairs(name)
        with ProgressLine(sys.stderr, "audit") as line:
            found = look(name, directory, journal, schema, pairs, since, line.tell)
    print(json.dumps(found.to_dict()) if as_json else "\n".join(found.lines()))
    if found.mismatches:
        raise typer.Exit(1)
