"""What became of incidents, kept beside the journal: it drops old entries, an incident may be older."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from feature_sets.telemetry.cell_text import id_text
from feature_sets.telemetry.incident_events import Incident, IncidentEvent
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.incident_book import IncidentBook

_KEPT = 10_000
"""So many changes are kept of incidents that are over or were changed again, for a replay of before."""

SENT = "sent"
"""Source of an incident that is told anew, as it was forgotten, in the way in which it was sent last."""


class KeptIncidents:
    """Incidents as they were after each entry that said something of them.

    A replay takes over what was said before each of its entries; the entries say the rest again.

    :param is_known: whether an incident of an id is remembered.
    """

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        self._is_known = is_known
        self._changes: dict[tuple[EntryId, str], Incident | IncidentEvent] = {}
        self._newest: dict[str, EntryId] = {}
        self._pending: list[tuple[EntryId, Incident | IncidentEvent]] = []
        self._most = 2 * _KEPT
        self.is_saved = True
        """Whether the last content has all that is noted; who saves it says so."""

    def note(self, place: EntryId, incident: Incident | IncidentEvent) -> None:
        """Keep what became of an incident by an entry, or all that waits for its start then."""
        self._changes.pop((place, incident.id), None)
        self._changes[place, incident.id] = incident
        self._newest[incident.id] = place
        self.is_saved = False
        if len(self._changes) > self._most:
            self._tidy()

    def last(self, name: str) -> Incident | None:
        """The incident of an id after its last change, if that is kept."""
        place = self._newest.get(name)
        found = None if place is None else self._changes[place, name]
        return found if isinstance(found, Incident) else None

    def tells(self, event: IncidentEvent, book: IncidentBook) -> bool:
        """Have a book know an incident as it was sent last; whether an event says no more than that.

        Another process may have appended entries in between, with which it was forgotten or is another one.
        """
        kept = self.last(event.id)
        if kept is None or event.source not in ("", SENT):
            return False
        if book.get(event.id) is None:
            book.put(kept)
        return event.source == SENT

    def before(self, place: EntryId | None) -> Iterator[Incident | IncidentEvent]:
        """What was loaded of before an entry and is not given yet, in its order; all of it without one."""
        while self._pending and (place is None or self._pending[-1][0] < place):
            at, incident = self._pending.pop()
            self.note(at, incident)
            yield incident

    def load(self, content: dict[str, Any] | None, known_to: EntryId = BEFORE_ALL) -> None:
        """Take what ``content`` gave.

        :param known_to: an entry up to which everything is known; what was said by then is left out.
        """
        found = [change for change in _read(content) if change[0] > known_to or known_to == BEFORE_ALL]
        self._pending = sorted(found, key=lambda change: change[0], reverse=True)

    def restore(self, content: dict[str, Any]) -> None:
        """Keep what ``content`` gave; the incidents are remembered already."""
        for place, incident in _read(content):
            self.note(place, incident)

    def content(self) -> dict[str, Any]:
        """Plain content for JSON; ``load`` reads it back."""
        self._tidy()
        return {"changes": [(place, _plain(incident)) for (place, _), incident in self._changes.items()]}

    def merged(self, kept: dict[str, Any] | None, place: EntryId) -> dict[str, Any]:
        """Our content, and what another process has kept of entries that were not read here yet.

        :param place: the last entry that was.
        """
        own = self.content()
        unread = [
            (at, incident)
            for at, incident in (kept["changes"] if kept else ())
            if tuple(at) > place and (tuple(at), id_text(incident["id"])) not in self._changes
        ]
        return {"changes": [*own["changes"], *unread]}

    def _tidy(self) -> None:
        """Forget changes that are not the last one of an incident that is remembered, the oldest first."""
        self._newest = newest = {name: place for place, name in self._changes}
        past = [key for key in self._changes if newest[key[1]] != key[0] or not self._is_known(key[1])]
        for key in past[: max(0, len(past) - _KEPT)]:
            del self._changes[key]
            if newest[key[1]] == key[0]:
                del newest[key[1]]
        self._most = 2 * max(len(self._changes), _KEPT)


def _plain(incident: Incident | IncidentEvent) -> dict[str, Any]:
    return incident.plain() if isinstance(incident, Incident) else incident.row()


def _read(content: dict[str, Any] | None) -> list[tuple[EntryId, Incident | IncidentEvent]]:
    changes = content["changes"] if content else []
    return [((place[0], place[1]), _of_plain(incident)) for place, incident in changes]


def _of_plain(content: dict[str, Any]) -> Incident | IncidentEvent:
    return IncidentEvent.of_row(content) if "ended" in content else Incident.of_plain(content)
