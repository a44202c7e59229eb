"""Versions that an endpoint was to answer with and could not load, so that another took their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from drift.drift_event import utc_time
from graphs.protocol.roles import Role
from graphs.routing.change import APPLIED, ENDPOINT, NOT_LOADABLE
from project.endpoint_routing import champion_of, routing_if_any
from project.http_json import DeniedError, UnreachableError
from project.settings import Settings
from project.token_files import token_file


def left_out_versions(settings: Settings, address: str) -> list[str]:
    """A sentence for each, with the reason; none where all are loaded, or no token is there to ask with.

    :param address: of the endpoint; that it does not answer, or knows no such token, is told elsewhere.
    :raises NetopsError: if it answers with anything but its routing.
    """
    if not settings.token and not token_file(settings.home, Role.ADMIN).is_file():
        return []
    try:
        routing = routing_if_any(address, settings.bearer_token())
    except (UnreachableError, DeniedError):
        return []
    return [] if routing is None else left_out(routing.changes)


def left_out(changes: Iterable[Mapping[str, Any]]) -> list[str]:
    """The same of the changes of a routing, the newest last, see ``GET /routing``."""
    away: dict[str, Mapping[str, Any]] = {}
    for change in changes:
        if change["outcome"] != APPLIED:
            continue
        after = {each["version"] for each in change["to"]}
        if change["who"] != ENDPOINT:
            if change["from"] != change["to"]:  # What somebody wants by now is there.
                away.clear()
        elif change["why"].startswith(NOT_LOADABLE):
            away |= {each["version"]: change for each in change["from"] if each["version"] not in after}
        else:
            away = {version: gone for version, gone in away.items() if version not in after}
    return [
        f"version {version[:8]} could not be loaded at {utc_time(gone['time'])[:16].replace('T', ' ')} UTC, "
        f"and is tried again; {champion_of(gone['to'])[:8]} is the champion: "
        f"{gone['error'] or 'the log of the endpoint has the reason'}"
        for version, gone in away.items()
    ]
