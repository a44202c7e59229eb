"""What an endpoint tells of drift, for a report."""

from __future__ import annotations

from typing import Any

import mlrun

from project.endpoints import endpoint_address
from project.errors import NetopsError
from project.function_names import SERVING
from project.http_json import get_json

_TIMEOUT = 5.0


def read_drift(project: str) -> tuple[dict[str, Any] | None, str]:
    """What the endpoint of a project tells of drift by now, and why it does not; one of both is empty.

    :param project: name of the project.
    """
    try:
        return get_json(f"{endpoint_address(project, SERVING)}/drift", _TIMEOUT), ""
    except (NetopsError, mlrun.errors.MLRunBaseError) as error:
        return None, str(error)
