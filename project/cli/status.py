"""``netops status``: what runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from project.cli.options import JsonOption
from project.cli.tables import print_columns
from project.function_names import ENDPOINTS
from project.settings import Settings

if TYPE_CHECKING:
    from project.api_reader import Endpoint
    from project.session import Session


def status(as_json: JsonOption = False) -> None:
    """Tell what runs: servers and endpoints.

    These are the MLRun API, the online store, and every endpoint with its state and model.
    """
    from project.api_reader import Endpoint
    from project.session import Session, find_session, local_stack

    settings = Settings.from_environment()
    session = find_session(settings)
    if session is not None:
        print_status(session, as_json)
        return
    # Endpoints outlive a control plane that was killed.
    living = [
        Endpoint(name, address, "ready", "", "", project)
        for project, name, address in local_stack(settings).orphans()
    ]
    if not living and not as_json:
        print("nothing is running; 'netops up' starts the control plane")
        return
    _print(Session("", "", owned=True, started=False), living, as_json)


def print_status(session: Session, as_json: bool) -> None:
    """Where the servers of a session are, and the endpoints that its API knows."""
    from project.api_reader import endpoints

    _print(session, endpoints(session.mlrun_dbpath), as_json)


def _print(session: Session, found: Sequence[Endpoint], as_json: bool) -> None:
    from project.api_reader import redis_url

    shown = [vars(endpoint) for endpoint in found if endpoint.name in ENDPOINTS]
    online = session.redis_url
    if not online and not session.owned:
        online = redis_url(session.mlrun_dbpath)
    if as_json:
        facts = {
            "mlrun_dbpath": session.mlrun_dbpath or None,
            "redis_url": online or None,
            "endpoints": shown,
        }
        print(json.dumps(facts))
        return
    down = "not running; 'netops up' starts it"
    print(f"MLRun API     {session.mlrun_dbpath or down}\nonline store  {online or down}")
    if not shown:
        print("endpoints     none")
        return
    header = ("project", "endpoint", "address", "state", "model", "version")
    print_columns(header, [tuple(e[key] for key in ("project", "name", *header[2:])) for e in shown])
