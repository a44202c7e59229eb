"""What a running endpoint and the registered devices have to do with each other."""

from __future__ import annotations

from typing import Any

from project.errors import NetopsError
from project.http_json import AbsentError, UnreachableError, get_json, post_json

RELOAD_FAILURE = "reload_failure"
"""Result of a job if an endpoint that is up did not take over what was ingested: why, and what to do."""

_PAGE = 10_000
"""Devices that are asked for at a time."""


class EarlierVersionError(NetopsError):
    """An endpoint of a version that reads the devices at its start only."""


def reload_devices(address: str, token: str) -> int:
    """Have an endpoint read the devices anew; the next event sees them.

    :param address: of the endpoint.
    :param token: of its guarded routes.
    :returns: how many devices it knows.
    :raises EarlierVersionError: if it has no such route.
    :raises NetopsError: if it does not do so.
    """
    try:
        answer = post_json(f"{address.rstrip('/')}/devices/reload", {}, token=token)
        return int(answer["devices"])
    except (UnreachableError, LookupError, TypeError, ValueError) as error:
        kind = EarlierVersionError if isinstance(error, AbsentError) else NetopsError
        raise kind(
            f"the endpoint must take over the devices, got {error}; 'netops serve' starts it anew"
        ) from error


def live_states(address: str) -> dict[str, dict[str, Any]]:
    """What an endpoint says each device is doing now, by device; nothing of an earlier version.

    :param address: of the endpoint.
    :raises NetopsError: if it does not answer.
    """
    try:
        found: dict[str, dict[str, Any]] = {}
        behind = ""
        while True:
            # Of an earlier version the answer has all of them, whatever is asked for.
            answer = get_json(f"{address.rstrip('/')}/devices", limit=_PAGE, after=behind)
            found |= {str(row["device"]): dict(row) for row in answer["devices"]}
            if not answer.get("next"):
                return found
            behind = str(answer["next"])
    except AbsentError:
        return {}
    except (LookupError, TypeError, ValueError) as error:
        raise NetopsError(f"the endpoint must tell the states of its devices, got {error!r}") from error
