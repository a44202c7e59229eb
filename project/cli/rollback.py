"""``netops rollback``: the model before the one in production, back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from project.cli.arguments import project_name
from project.cli.options import JsonOption, ProjectOption
from project.settings import Settings

if TYPE_CHECKING:
    from project.session import Session


def rollback(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Put the model that was in production before back.

    What 'netops promote' did is undone at once, in the running endpoint. What a run did is undone by the way
    a new model takes: rehearsed, then served. The loop from drift to a new model does not undo that within a
    day, see NETOPS_RETRAIN_POLICY. A second rollback undoes the first.
    """
    from project.session import open_session

    settings = Settings.from_environment()
    session = open_session(settings)
    # mlrun takes the address of its API when it is imported, so what imports it comes after.
    from project.cli.routing import promote_version

    name = project_name(project)
    now, before = _promoted_over(settings, session, name)
    if before:
        promote_version(settings, name, before, "rolled back", as_json, force=True)  # It answered before.
        _tell_loop(settings, name, now, before, "")
        return
    from rich.console import Console

    from project.cli.release import release_version
    from project.retraining.history import replaced_version

    now, before = replaced_version(session.mlrun_dbpath, name)
    run_id = release_version(settings, session, name, before, Console(stderr=as_json))
    _tell_loop(settings, name, now, before, run_id)
    if as_json:
        print(json.dumps({"project": name, "before": now, "after": before, "run_id": run_id}))
    else:
        print(f"version {before[:8]} is in production again, instead of {now[:8]}")


def _tell_loop(settings: Settings, project: str, now: str, before: str, run_id: str) -> None:
    """Have the loop leave the version that was put back alone for a while."""
    from project.retraining.policy import rolled_back
    from project.retraining.state import StateFile

    file = StateFile(settings.loops, project)
    with file.changing() as state:
        file.write(rolled_back(state, now, before, run_id, datetime.now(UTC), settings.retraining))


def _promoted_over(settings: Settings, session: Session, project: str) -> tuple[str, str]:
    """The champion, and the version that it has replaced in the running endpoint.

    The second is empty if a run has brought the champion.
    """
    from project.cli.endpoint import running_endpoint
    from project.endpoint_routing import routing_if_any

    up = running_endpoint(session, project)
    routing = routing_if_any(up.address, settings.bearer_token()) if up is not None else None
    if routing is None:
        return "", ""
    return routing.document.champion.version, routing.champion_before
