"""Versions that an endpoint was to answer with and could not load, so that another took their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from drift.drift_event import utc_time
from graphs.protocol.roles import Role
from graphs.routing.change import APPLIED, DEADLINE, DEPLOYMENT, ENDPOINT, NOT_LOADABLE
from project.endpoint_routing import champion_of, routing_if_any
from project.http_json import DeniedError, UnreachableError
from project.settings import Settings
from project.token_files import token_file


def left_out_versions(settings: Settings, address: str, now: datetime) -> list[str]:
    """A sentence for each, with the reason; none where all are loaded, or no token is there to ask with.

    :param address: of the endpoint; that it does not answer, or knows no such token, is told elsewhere.
    :param now: with a zone.
    :raises NetopsError: if it answers with anything but its routing.
    """
    if not settings.token and not token_file(settings.home, Role.ADMIN).is_file():
        return []
    try:
        routing = routing_if_any(address, settings.bearer_token())
    except (UnreachableError, DeniedError):
        return []
    return [] if routing is None else left_out(routing.changes, now)


def left_out(changes: Iterable[Mapping[str, Any]], now: datetime) -> list[str]:
    """The same of the changes of a routing, the newest last, see ``GET /routing``."""
    away: dict[str, Mapping[str, Any]] = {}
    for change in changes:
        if change["outcome"] != APPLIED:
            continue
        after = {each["version"] for each in change["to"]}
        if change["who"] != ENDPOINT:
            # As ``RoutingChange.is_wish``: what somebody wants by now is there.
            if change["who"] != DEADLINE and (change["who"] != DEPLOYMENT or change["from"] != change["to"]):
                away.clear()
        elif change["why"].startswith(NOT_LOADABLE):
            gone = [each for each in change["from"] if each["version"] not in after]
            away |= {each["version"]: change for each in gone if not _is_over(each, now)}
        else:
            away = {version: gone for version, gone in away.items() if version not in after}
    return [
        f"version {version[:8]} could not be loaded at {utc_time(gone['time'])[:16].replace('T', ' ')} UTC, "
        f"and is tried again; {champion_of(gone['to'])[:8]} is the champion: "
        f"{gone['error'] or 'the log of the endpoint has the reason'}"
        for version, gone in away.items()
    ]


def _is_over(version: Mapping[str, Any], now: datetime) -> bool:
    """Whether it was to be in shadow, and its time is over: it is not tried again then."""
    until = version.get("until")
    return until is not None and datetime.fromisoformat(until) < now
