"""The endpoint that a command speaks to."""

from __future__ import annotations

import getpass
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from project.api_reader import Endpoint
    from project.session import Session


def running_endpoint(session: Session, project: str) -> Endpoint | None:
    """The endpoint of a project, if it is up."""
    from project.api_reader import endpoints
    from project.function_names import SERVING

    of_project = endpoints(session.mlrun_dbpath, project)
    return next((one for one in of_project if (one.name, one.state) == (SERVING, "ready")), None)


def is_watched(session: Session, project: str) -> bool | None:
    """Whether detectors watch the champion of a project; None where its endpoint does not tell."""
    from project.http_json import UnreachableError, get_json

    up = running_endpoint(session, project)
    try:
        return None if up is None else bool(get_json(f"{up.address.rstrip('/')}/drift")["attached"])
    except UnreachableError:
        return None


def who_asks() -> str:
    """The user of this command, for the trail of the endpoint."""
    return f"{getpass.getuser()}@{socket.gethostname()}"
