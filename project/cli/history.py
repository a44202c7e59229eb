"""``netops history``: every decision about the model in production, with its evidence."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from project.cli.known_project import known_project
from project.cli.options import JsonOption, ProjectOption
from project.errors import NetopsError
from project.settings import Settings


def history(
    project: ProjectOption = None,
    limit: Annotated[int, typer.Option(help="Newest decisions to show.", min=1)] = 40,
    as_json: JsonOption = False,
) -> None:
    """List every decision about the model in production.

    Each with what, when, why and on what evidence, newest last: those of the loop from drift to a new model,
    of the gate in other runs, and of people. Promotions made at once are known to the endpoint only, so they
    are listed while it is up.
    """
    from project.api_reader import check_project
    from project.cli.endpoint import running_endpoint
    from project.endpoint_routing import routing_if_any
    from project.retraining.history import decisions, lines, with_people
    from project.session import open_session

    settings = Settings.from_environment()
    session = open_session(settings)
    name = known_project(project, settings, session)
    check_project(session.mlrun_dbpath, name)
    found, up = decisions(settings, session.mlrun_dbpath, name), running_endpoint(session, name)
    if up is not None:
        try:
            routing = routing_if_any(up.address, settings.bearer_token())
            found = with_people(found, routing.changes if routing is not None else ())
        except NetopsError as error:  # The others are told all the same.
            print(error, file=sys.stderr)
    found = found[-limit:]
    if as_json:
        print(json.dumps([vars(decision) for decision in found], default=_plain))
        return
    for line in lines(found):
        print(line)


def _plain(value: Any) -> Any:
    return dict(value)
