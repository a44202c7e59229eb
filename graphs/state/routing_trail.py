"""The routing of an endpoint over time: which document was in force at which place of the journal."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from graphs.routing.change import DEPLOYMENT, RoutingChange
from graphs.routing.document import RoutingDocument
from graphs.routing.routing import Routing
from graphs.state.entry_id import BEFORE_ALL, EntryId

MOST = 500
"""Changes that are kept; what was in force before the oldest of them is kept, too."""


class Placed(NamedTuple):
    """A change and its entry of the journal."""

    place: EntryId
    change: RoutingChange


class Start(NamedTuple):
    """What a process was started with.

    :param number: how many starts before it had another deployment or document.
    :param deployment: its id; empty of an earlier version.
    :param document: the routing that the deployment declares.
    """

    number: int
    deployment: str
    document: RoutingDocument


class RoutingTrail:
    """Every change of the routing in the order of the journal, applied or refused.

    Events are answered by what was in force at their entry. So a replay answers as it was answered then.

    :param base: in force before the first change.
    """

    def __init__(self, base: Routing) -> None:
        self.base = base
        self.changes: list[Placed] = []
        self._applied: list[Placed] = []
        self.dropped = 0
        self.started: Start | None = None
        """The newest start; None where an earlier version kept the trail."""
        self.is_kept = False
        """Whether it was taken from where it is kept."""
        self.waiting: Callable[[], RoutingChange | None] | None = None
        """Gives a change that is checked, to be journaled before the next event; None if it is overtaken."""

    @property
    def now(self) -> Routing:
        """What is in force."""
        return self._applied[-1].change.routing if self._applied else self.base

    @property
    def revision(self) -> int:
        """Grows by one with each change."""
        return self.dropped + len(self.changes)

    @property
    def declared(self) -> RoutingDocument:
        """What the newest deployment that counted has declared."""
        for _, change in reversed(self._applied):
            if change.declared or (change.who == DEPLOYMENT and change.is_wish):
                return change.routing.document
        return self.base.document

    @property
    def deployed(self) -> RoutingDocument:
        """What the newest deployment that counted has declared, whatever was declared since."""
        for _, change in reversed(self._applied):
            if change.who == DEPLOYMENT and change.is_wish:
                return change.routing.document
        return self.base.document

    @property
    def wished(self) -> Routing:
        """What a person or a deployment wanted last: the endpoint may have had to leave versions out."""
        for _, change in reversed(self._applied):
            if change.is_wish:
                return change.routing
        return self.base

    def at(self, entry: EntryId) -> Routing:
        """What was in force for the events of an entry."""
        if not self._applied or entry > self._applied[-1].place:
            return self.now
        place = bisect_left(self._applied, entry, key=lambda placed: placed.place)
        return self._applied[place - 1].change.routing if place else self.base

    def threshold(self, version: str) -> float | None:
        """Probability from which on a version predicts 1; None for one that was never routed."""
        now = self.now.thresholds.get(version)
        if now is not None:
            return now
        known: Iterable[Routing] = [placed.change.routing for placed in reversed(self.changes)]
        for routing in (*known, self.base):
            if version in routing.thresholds:
                return routing.thresholds[version]
        return None

    def further_threshold(self, horizon: str, version: str) -> float | None:
        """The same of a version of a further horizon."""
        known: Iterable[Routing] = [placed.change.routing for placed in reversed(self._applied)]
        for routing in (self.now, *known, self.base):
            for each in routing.further or ():
                if (each.horizon, each.version) == (horizon, version):
                    return each.threshold
        return None

    def start(self, deployment: str, document: RoutingDocument) -> bool:
        """Note what this process was started with; whether that is another than before."""
        before = self.started
        if before is not None and before[1:] == (deployment, document):
            return False
        self.started = Start(0 if before is None else before.number + 1, deployment, document)
        return True

    def note(self, place: EntryId, change: RoutingChange) -> bool:
        """Note a change; whether it is new here."""
        if any(placed.change.id == change.id for placed in self.changes):
            return False
        self.changes.append(Placed(place, change))
        self.changes.sort(key=lambda placed: placed.place)
        while len(self.changes) > MOST:
            oldest = self.changes.pop(0)
            self.dropped += 1
            if oldest.change.is_applied:
                self.base = oldest.change.routing
        self._applied = [placed for placed in self.changes if placed.change.is_applied]
        return True

    def content(self) -> dict[str, Any]:
        """Plain form; ``take`` reads it."""
        started = self.started
        return {
            "base": self.base.to_dict(),
            "dropped": self.dropped,
            "changes": [[list(placed.place), placed.change.row()] for placed in self.changes],
            "started": started and [started.number, started.deployment, started.document.to_dict()],
        }

    def merged(self, kept: Mapping[str, Any] | None) -> dict[str, Any]:
        """Our content, with changes and a start of another process that were not read here yet."""
        own = self.content()
        if kept is None:
            return own
        newest = self.changes[-1].place if self.changes else BEFORE_ALL
        unread = [row for row in kept["changes"] if tuple(row[0]) > newest]
        starts = [one for one in (own["started"], kept.get("started")) if one]
        started = max(starts, key=lambda one: one[0], default=None)
        return {**own, "changes": [*own["changes"], *unread], "started": started}

    def take(self, content: Mapping[str, Any]) -> None:
        """Know what was kept, beside what is known already."""
        self.is_kept = True
        if content.get("started"):
            number, deployment, document = content["started"]
            if self.started is None or number > self.started.number:
                self.started = Start(number, deployment, RoutingDocument.from_dict(document))
        oldest = self.changes[0].place if self.changes else BEFORE_ALL
        is_older = content["dropped"] < self.dropped
        if not is_older:
            self.base, self.dropped = Routing.from_dict(content["base"]), content["dropped"]
        known = {placed.change.id for placed in self.changes}
        for place, row in content["changes"]:
            if row["id"] not in known and (not is_older or tuple(place) > oldest):
                self.note((place[0], place[1]), RoutingChange.of_row(row))
