"""Whether an endpoint that runs takes telemetry: it does not while its store is away or cannot write."""

from __future__ import annotations

from project.http_json import UnreachableError, get_json

_TIMEOUT = 5.0


def not_ready(address: str) -> str:
    """Why an endpoint answers no telemetry now; empty if it does.

    :param address: of the endpoint.
    """
    try:
        get_json(f"{address}/v2/health/ready", _TIMEOUT)
    except UnreachableError as error:
        return str(error)
    return ""
