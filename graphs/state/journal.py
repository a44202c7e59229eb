"""The journal: every accepted event, written before it is processed, so that a restart forgets nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from feature_sets.telemetry.events import LabelEvent, TelemetryEvent
from feature_sets.telemetry.incident_events import IncidentEvent
from feature_sets.telemetry.maintenance_event import MaintenanceEvent
from graphs.protocol.errors import ApiError
from graphs.protocol.event_names import SentEvents
from graphs.protocol.routes import Kind
from graphs.routing.change import RoutingChange
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.journal_bounds import JournalBounds
from graphs.state.snapshots.saved_state import SavedState

JournalEvent = TelemetryEvent | LabelEvent | IncidentEvent | MaintenanceEvent | RoutingChange
"""What a journal keeps."""

TOLD = frozenset((Kind.INCIDENTS, Kind.CALENDAR, Kind.REROUTED))
"""Kinds of entries that are no events of the network: what the history says, and changes of the routing.

Live incidents are among the labels.
"""


@dataclass(frozen=True)
class Entry:
    """The accepted events of one request, or of several that arrived together.

    :param id: place in the order of all entries.
    :param kind: telemetry, labels, maintenance, or one of ``TOLD``.
    :param arrival: when the request arrived, epoch seconds.
    :param events: telemetry, in the order it was sent.
    :param labels: labels and incidents, in the order they were sent.
    :param maintenance: changes of the calendar, in the order they were sent.
    :param routing: changes of the routing.
    :param sent: requests that brought the telemetry; empty if they had no id.
    :param of_other_schema: whether an endpoint of another schema accepted it, so that what it answered is
        that of another model; the readings are those of the schema of now, see ``ReadAnew``.
    """

    id: EntryId
    kind: Kind
    arrival: float
    events: list[TelemetryEvent] = field(default_factory=list)
    labels: list[LabelEvent | IncidentEvent] = field(default_factory=list)
    maintenance: list[MaintenanceEvent] = field(default_factory=list)
    routing: list[RoutingChange] = field(default_factory=list)
    sent: Sequence[SentEvents] = ()
    of_other_schema: bool = False

    @property
    def size(self) -> int:
        """How many events it has, labels and changes of the calendar among them; none that nobody sent."""
        if self.kind in TOLD:
            return 0
        return len(self.events) + len(self.labels) + len(self.maintenance)


class Journal(Protocol):
    """Takes accepted events and gives them back after a restart."""

    bounds: JournalBounds

    def append(
        self, kind: Kind, arrival: float, events: Sequence[JournalEvent], sent: Sequence[SentEvents] = ()
    ) -> EntryId:
        """Keep the events of one request, or of several; ids only grow.

        :param sent: the requests that brought telemetry, so that labels may name its events.
        :raises ApiError: 503 if they cannot be kept; they must not be processed then.
        """

    def entries(self, after: EntryId = BEFORE_ALL) -> Iterator[Entry]:
        """Everything kept after an id, oldest first."""

    @property
    def place(self) -> EntryId | None:
        """The last entry, if all before it were given to who appends; else None, see ``missed``."""

    def away(self) -> ApiError | None:
        """Why nothing could be kept now, as ``append`` would raise it; None if it could."""

    def has_lost(self) -> bool:
        """Whether the store lost what it had, since this was asked last."""

    def go_on(self, place: EntryId, state: SavedState) -> bool:
        """Go on after an entry, whatever is kept of before it.

        :param state: ``bounds.saved`` of then.
        :returns: whether the store still knows of that entry; else it lost its content.
        """

    def reaches_start(self, known: EntryId = BEFORE_ALL) -> bool:
        """Whether nothing was ever dropped or lost.

        :param known: an entry that there was.
        """

    def look(self) -> bool:
        """Whether another process appended since our latest entry, which ``missed`` gives from now on.

        :raises ApiError: 503 if that cannot be known.
        """

    def missed(self) -> Iterator[Entry]:
        """What another process appended between our latest entry and the one before it, oldest first."""

    def merge(self, name: str, merged: Callable[[dict[str, Any] | None], dict[str, Any]]) -> None:
        """Keep what is made of the small document of a name that is kept, as one step for all processes.

        :param merged: gives the document by the one that is kept, None without one; it may be asked again.
        """

    def load(self, name: str) -> dict[str, Any] | None:
        """The document kept under a name."""

    def close(self) -> None:
        """End what runs beside the requests; called, maybe more than once, before the process ends."""
