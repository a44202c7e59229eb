"""The routing of a running endpoint: read, and changed through its guarded route."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, NamedTuple

from drift.drift_event import utc_time
from graphs.routing.change import DEPLOYMENT, ENDPOINT
from graphs.routing.document import CHAMPION, RoutedVersion, RoutingDocument
from project.errors import NetopsError
from project.http_json import AbsentError, BusyError, get_guarded, put_json

_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.5


LOOP = "loop"
"""Author of the changes that the loop from drift to a new model makes."""


ROLLED_BACK = "rolled back"
"""Why 'netops rollback' changes the champion."""


class RefusedError(NetopsError):
    """A change that the endpoint does not take; what was in force stays."""


class ReplacedError(NetopsError):
    """A person has put another champion in the place of this one."""


class ChampionChange(NamedTuple):
    """A change of the champion.

    :param who: its author.
    :param before: version of the champion until then.
    :param after: version of the champion from then on.
    :param why: what the author says.
    :param time: ISO 8601, with a zone.
    """

    who: str
    before: str
    after: str
    why: str
    time: str

    @property
    def is_by_a_person(self) -> bool:
        """Whether neither a deployment nor the loop has made it."""
        return self.who not in (DEPLOYMENT, LOOP)

    def to_dict(self) -> dict[str, str]:
        """Plain content for JSON."""
        return self._asdict()


@dataclass(frozen=True)
class EndpointRouting:
    """What an endpoint says of its routing.

    :param document: in force.
    :param revision: grows with each change.
    :param devices: version of a canary -> how many devices it was given; None where none are registered.
    :param changes: every change, the newest last, see ``GET /routing``.
    """

    document: RoutingDocument
    revision: int
    devices: Mapping[str, int | None]
    changes: Sequence[Mapping[str, Any]]

    @classmethod
    def of_answer(cls, answer: Mapping[str, Any]) -> EndpointRouting:
        """From the answer of the route."""
        # All of them: a document that is put back must not lose, for one, when a shadow ends.
        names = [field.name for field in fields(RoutedVersion)]
        versions = [{name: each[name] for name in names if name in each} for each in answer["versions"]]
        return cls(
            RoutingDocument.from_dict({"salt": answer["salt"], "versions": versions}),
            answer["revision"],
            {each["version"]: each["devices"] for each in answer["versions"] if "devices" in each},
            answer["changes"],
        )

    @property
    def champion_before(self) -> str:
        """The champion that a person has replaced by the one of now; empty if a deployment brought it."""
        newest = self._newest_change()
        if newest is None or newest.who == DEPLOYMENT:
            return ""
        return newest.before if newest.after == self.document.champion.version else ""

    @property
    def rolled_back_from(self) -> str:
        """The champion in whose place a rollback has put that of now; empty if no rollback was last."""
        newest = self._newest_change()
        return self.champion_before if newest is not None and newest.why == ROLLED_BACK else ""

    def is_replaced_by_a_person(self, version: str) -> bool:
        """Whether a version was the champion until a person put another one in its place."""
        newest = self._newest_change()
        return newest is not None and newest.before == version and newest.is_by_a_person

    def changed_by_a_person(self, since: str) -> ChampionChange | None:
        """The newest change of the champion, if a person has made it at a time or later.

        :param since: ISO 8601, with a zone.
        """
        newest = self._newest_change()
        if newest is None or not newest.is_by_a_person:
            return None
        began = datetime.fromisoformat(utc_time(since))
        return newest if datetime.fromisoformat(utc_time(newest.time)) >= began else None

    def _newest_change(self) -> ChampionChange | None:
        """The newest change of the champion; None if nobody has changed it."""
        for change in reversed(self.changes):
            if change["outcome"] != "applied" or change["who"] == ENDPOINT:
                continue  # What the endpoint could not load for a while is no change.
            before, after = champion_of(change["from"]), champion_of(change["to"])
            if before != after:
                why, time = str(change.get("why", "")), str(change.get("time", ""))
                return ChampionChange(str(change["who"]), before, after, why, time)
        return None


def champion_of(brief: Sequence[Mapping[str, Any]]) -> str:
    """Version of the champion in a list of versions and roles."""
    return str(next(each["version"] for each in brief if each["role"] == CHAMPION))


def read_routing(address: str, token: str) -> EndpointRouting:
    """What is in force at an endpoint.

    :param address: of the endpoint.
    :param token: of its guarded routes.
    :raises NetopsError: if it does not tell.
    """
    return EndpointRouting.of_answer(get_guarded(_route(address), token))


def change_routing(
    address: str,
    token: str,
    document: RoutingDocument,
    who: str,
    why: str,
    revision: int | None = None,
    declared: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Put a document in force, and wait until it is.

    :param revision: of the routing that the document was made from; another one refuses the change.
    :param declared: whether deployments declare its champion from then on, as its tag moves.
    :returns: the change as the endpoint tells it.
    :raises RefusedError: if it is refused; what was in force stays.
    :raises NetopsError: if it is not in force within the patience.
    """
    body = {"routing": document.to_dict(), "who": who, "why": why, "revision": revision, "declared": declared}
    deadline = time.monotonic() + _PATIENCE_SECONDS

    def patiently(ask: Callable[[], Any]) -> Any:
        """The answer, also where the endpoint limits requests."""
        while True:
            try:
                return ask()
            except BusyError as error:
                if time.monotonic() + error.wait > deadline:
                    raise
                sleep(error.wait)

    asked = patiently(lambda: put_json(_route(address), body, token=token))["change"]
    while time.monotonic() < deadline:
        changes = patiently(lambda: get_guarded(_route(address), token))["changes"]
        told = next((dict(change) for change in changes if change["id"] == asked), None)
        if told is not None and told["outcome"] != "applied":
            raise RefusedError(f"the endpoint refuses the change, and goes on as before: {told['error']}")
        if told is not None:
            return told
        sleep(_PAUSE_SECONDS)
    raise NetopsError(f"the endpoint must load the versions within {_PATIENCE_SECONDS:g} s, and has not")


def routing_if_any(address: str, token: str) -> EndpointRouting | None:
    """The same; None at an endpoint of an earlier version, which has no routing.

    :raises NetopsError: if it does not tell.
    """
    try:
        return read_routing(address, token)
    except AbsentError:
        return None


def _route(address: str) -> str:
    return f"{address.rstrip('/')}/routing"


def with_role(document: RoutingDocument, version: RoutedVersion) -> RoutingDocument:
    """A document in which a version has a role, and no other; a new champion replaces the old one."""
    kept = [
        each
        for each in document.versions
        if each.version != version.version and not (version.role == each.role == CHAMPION)
    ]
    return replace(document, versions=(*kept, version))


def without(document: RoutingDocument, version: str) -> RoutingDocument:
    """A document without a version."""
    return replace(document, versions=tuple(each for each in document.versions if each.version != version))
