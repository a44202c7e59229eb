"""``netops history``: every decision about the model in production, with its evidence."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from project.cli.arguments import project_name
from project.cli.options import JsonOption, ProjectOption
from project.settings import Settings


def history(
    project: ProjectOption = None,
    limit: Annotated[int, typer.Option(help="Newest decisions to show.", min=1)] = 40,
    as_json: JsonOption = False,
) -> None:
    """Tell every decision about the model in production, newest last: what, when, why, on what evidence.

    Those of the loop from drift to a new model, those of the gate in other runs, and those of people.
    """
    from project.retraining.history import decisions, lines
    from project.session import open_session

    settings = Settings.from_environment()
    session = open_session(settings)
    found = decisions(settings, session.mlrun_dbpath, project_name(project))[-limit:]
    if as_json:
        print(json.dumps([vars(decision) for decision in found], default=_plain))
        return
    for line in lines(found):
        print(line)


def _plain(value: Any) -> Any:
    return dict(value)
