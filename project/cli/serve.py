"""``netops serve``: the registered model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from feature_sets.checks import InputError
from graphs.protocol.roles import Role
from project.cli.known_project import known_project
from project.cli.options import IS_OPEN, JsonOption, OpenOption, ProjectOption
from project.cli.status import print_status
from project.errors import NetopsError
from project.settings import Settings

if TYPE_CHECKING:
    from project.session import Session


def serve(project: ProjectOption = None, is_open: OpenOption = False, as_json: JsonOption = False) -> None:
    """Serve the production model.

    Brings back an endpoint that was stopped, or died too often. If no detectors watch its champion, those of
    its evaluation are attached.
    """
    from rich.console import Console

    from project.api_reader import check_production_model
    from project.cli.workflow_progress import run_to_end
    from project.run_lock import RUN, BusyError, holder
    from project.session import find_session, open_session

    settings = Settings.from_environment()
    console = Console(stderr=as_json)
    if find_session(settings) is None:
        console.print("  start  the control plane and the online store", highlight=False)
    session = open_session(settings)
    name = known_project(project, settings, session)
    console.print(f"netops serve: project {name}, MLRun API {session.mlrun_dbpath}", highlight=False)
    # At once, and not after the workflow has loaded.
    other = holder(settings.home, name, (RUN,))
    if other is not None:
        raise BusyError(other)
    check_production_model(session.mlrun_dbpath, name)
    if settings.anonymous == Role.WRITE:
        console.print(IS_OPEN, highlight=False)
    run_to_end(settings, session, name, "serve", {}, console)
    _watch(settings, session, name)
    print_status(settings, session, as_json)


def _watch(settings: Settings, session: Session, project: str) -> None:
    """Attach the detectors of the champion where none are, as after a promotion without an endpoint."""
    from project.cli.endpoint import is_watched, running_endpoint
    from project.cli.routing import watch
    from project.endpoint_routing import routing_if_any
    from project.last_run import recall
    from project.run_lock import PATIENCE_SECONDS, SWAP, held

    dbpath = session.mlrun_dbpath
    try:
        # Nobody else swaps the champion, or attaches the detectors of one, meanwhile.
        with held(settings.home, project, "netops serve", SWAP, PATIENCE_SECONDS):
            up = running_endpoint(session, project)
            if up is None or is_watched(session, project) is not False:
                return  # What does not answer is told by its state.
            memory = recall(dbpath, project)
            if memory is not None and memory.arguments.get("deploy_concept_drift") is False:
                typer.echo("the champion is not watched for drift: deploy_concept_drift is False", err=True)
                return
            routing = routing_if_any(up.address, settings.bearer_token())
            if routing is not None:
                watch(settings, dbpath, project, routing.document.champion.version, up.address)
    except (NetopsError, InputError) as error:  # The second of a memory that a newer release has stored.
        typer.echo(f"whether the champion is watched for drift is not known: {error}", err=True)
