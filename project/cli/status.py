"""``netops status``: what runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from project.cli.options import JsonOption
from project.run_lock import holders
from project.settings import Settings

if TYPE_CHECKING:
    from project.api_reader import Endpoint, Schedule
    from project.session import Session


def status(
    project: Annotated[str | None, typer.Option(help="Show only this MLRun project. Default: all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what runs, and what needs attention.

    Shows the MLRun API, the online store, runs under way, every endpoint with its state and model, and every
    schedule with its next time and the outcome of the last. Also shows the newest report of each project, its
    open or newest drift alert, and what the loop from drift to a new model waits for, if that is a person or
    a time. Warns of devices whose readings are not taken because of their time, metrics that seem to have
    another unit than before, labels that come too late or not at all, tokens that the endpoint does not know,
    servers that run other code than is installed, files that the endpoint cannot write, versions that it
    could not load, data of old runs that could not be deleted, and further horizons without a model or with
    one older than the primary one.
    """
    from project.api_reader import Endpoint, schedule_of
    from project.orphaned_runs import settle
    from project.session import Session, find_session, local_stack

    settings = Settings.from_environment()
    session = find_session(settings)
    if session is not None:
        settle(settings, session)
        print_status(settings, session, as_json, project)
        return
    # Endpoints outlive a control plane that was killed.
    stack = local_stack(settings)
    left = [
        Endpoint(name, address, state, "", "", of_project)
        for state, functions in (("ready", stack.orphans()), ("dead", stack.dead_functions()))
        for of_project, name, address in functions
    ]
    waiting = [schedule_of(answer) for answer in stack.waiting_schedules()]
    if left or waiting or as_json or holders(settings.home):
        away = Session("", stack.store_url(), owned=True, started=False)
        _print(settings, away, left, waiting, as_json, project)
    else:
        print("nothing is running; 'netops up' starts the control plane")


def print_status(settings: Settings, session: Session, as_json: bool, project: str | None = None) -> None:
    """Where the servers of a session are, what runs, and the endpoints that its API knows.

    :param project: of which alone it is told; None tells of all.
    :raises NetopsError: if there is no such project.
    """
    from project.api_reader import check_project, endpoints, schedules

    if project is not None:
        check_project(session.mlrun_dbpath, project)
    known = endpoints(session.mlrun_dbpath, project), schedules(session.mlrun_dbpath)
    _print(settings, session, *known, as_json, project)


def _print(
    settings: Settings,
    session: Session,
    found: Sequence[Endpoint],
    schedules: Sequence[Schedule],
    as_json: bool,
    project: str | None,
) -> None:
    # Only now: these take a while to load.
    from project.cli.status_facts import status_facts
    from project.cli.status_text import print_text
    from project.session import local_stack

    told = status_facts(settings, session, found, schedules, project)
    if as_json:
        print(json.dumps(told.to_dict()))
        return
    is_ours = session.owned and session.mlrun_dbpath
    print_text(told, local_stack(settings).valkey_restarts() if is_ours else 0)
