"""The metrics of an endpoint, as it tells them to Prometheus."""

from __future__ import annotations

from project.http_json import UnreachableError, get_text

_TIMEOUT = 5.0


def metrics_of(address: str) -> str:
    """The text; empty of an endpoint that does not answer, as its state tells that.

    :param address: of the endpoint.
    """
    try:
        return get_text(f"{address}/metrics", _TIMEOUT)
    except UnreachableError:
        return ""
