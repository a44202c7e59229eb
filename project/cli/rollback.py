"""``netops rollback``: the model before the one in production, back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from feature_sets.checks import InputError
from project.cli.known_project import known_project
from project.cli.options import JsonOption, ProjectOption
from project.errors import NetopsError
from project.settings import Settings

if TYPE_CHECKING:
    from project.session import Session


def rollback(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Return to the model that was in production before.

    The running endpoint does so at once: it loads the earlier version beside the present one, checks its
    digest and golden rows, and swaps. The tag production moves with it. If no endpoint is up, or it cannot
    load that version, for example after a change of the schema, the version is rehearsed and then served like
    a new model. The loop from drift to a new model does not undo that within a day, see
    NETOPS_RETRAIN_POLICY. A second rollback undoes the first.
    """
    from project.session import open_session

    settings = Settings.from_environment()
    session = open_session(settings)
    # mlrun takes the address of its API when it is imported, so what imports it comes after.
    from project.cli.routing import promote_version
    from project.endpoint_routing import ROLLED_BACK, RefusedError

    name = known_project(project, settings, session)
    now, before, is_at_once = _versions(settings, session, name)
    if is_at_once:
        try:
            # It answered before, whatever the gate says of it.
            promote_version(
                settings,
                name,
                before,
                ROLLED_BACK,
                as_json,
                force=True,
                # A rollback that the loop is not told of seems to be none: a second one would undo it.
                then=lambda: _tell_loop(settings, session, name, now, before, ""),
            )
            return
        except RefusedError as error:
            typer.echo(f"{error}; version {before[:8]} is released instead", err=True)
    from rich.console import Console

    from project.cli.release import release_version

    run_id = release_version(settings, session, name, before, Console(stderr=as_json))
    _tell_loop(settings, session, name, now, before, run_id)
    if as_json:
        print(json.dumps({"project": name, "before": now, "after": before, "run_id": run_id}))
    else:
        print(f"version {before[:8]} is in production again, instead of {now[:8]}")


def _tell_loop(
    settings: Settings, session: Session, project: str, now: str, before: str, run_id: str
) -> None:
    """Have the loop leave the version that was put back alone for a while, and say so."""
    from project.retraining.by_person import rolled_back
    from project.retraining.state_file import StateFile

    file = StateFile(settings.loops, project)
    try:
        with file.changing() as state:
            held = rolled_back(state, now, before, run_id, datetime.now(UTC), settings.retraining)
            file.write(held)
    except (InputError, OSError) as error:  # Whoever must roll back is not kept from it by that file.
        raise NetopsError(
            f"version {before[:8]} is in production again, but the loop is not told, and may replace it: "
            f"{error}"
        ) from error
    dropped = ""
    if held.case is not None:
        dropped = f"the drift of version {before[:8]} goes on, and "
    elif state.case is not None:
        dropped = "the drift that was being answered is dropped, and "
    typer.echo(
        f"{dropped}no training begins by itself before {held.hold_until[:19]} UTC; "
        f"{_watch_of(session, project, before)}; "
        f"'netops retrain --project {project} --resume' ends the wait",
        err=True,
    )


def _watch_of(session: Session, project: str, version: str) -> str:
    """Whether detectors watch the version that is back, as its endpoint says, in words."""
    from project.cli.endpoint import is_watched
    from project.function_names import attaches_detectors

    watched = is_watched(session, project)
    if watched:
        return f"detectors watch version {version[:8]} anew"
    if watched is None:
        return f"whether detectors watch version {version[:8]} is not known, as its endpoint does not tell"
    return f"no detectors watch version {version[:8]}; {attaches_detectors(project)}"


def _versions(settings: Settings, session: Session, project: str) -> tuple[str, str, bool]:
    """The champion, the version that it has replaced, and whether the running endpoint may swap them.

    Who has replaced it does not matter: a person or the loop in the endpoint, or a run by a deployment. What
    a rollback that was killed has left is done first: then these are the versions that it had.
    """
    from project.cli.endpoint import running_endpoint
    from project.endpoint_routing import routing_if_any
    from project.production_model import production_version
    from project.retraining.history import replaced_version

    up = running_endpoint(session, project)
    routing = routing_if_any(up.address, settings.bearer_token()) if up is not None else None
    if routing is None:
        return *replaced_version(session.mlrun_dbpath, project), False
    champion = routing.document.champion.version
    left = routing.rolled_back_from
    if left and left == production_version(session.mlrun_dbpath, project):
        return left, champion, True  # The tag alone is left to be moved.
    if routing.champion_before:
        return champion, routing.champion_before, True
    now, before = replaced_version(session.mlrun_dbpath, project)
    return now, before, now == champion
