"""Has a running endpoint take over the devices as they are registered now."""

from __future__ import annotations

from project.errors import NetopsError
from project.http_json import AbsentError, UnreachableError, post_json


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
