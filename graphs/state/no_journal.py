"""The journal of a graph that has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from graphs.protocol.errors import ApiError
from graphs.protocol.event_names import SentEvents
from graphs.protocol.routes import Kind
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.journal import Entry, JournalEvent
from graphs.state.journal_bounds import JournalBounds
from graphs.state.snapshots.saved_state import SavedState


class NoJournal:
    """Keeps nothing: windows, ledger and detectors start empty after a restart."""

    def __init__(self) -> None:
        self._last: EntryId = BEFORE_ALL
        self.bounds = JournalBounds(1, 0.0)

    def append(
        self, kind: Kind, arrival: float, events: Sequence[JournalEvent], sent: Sequence[SentEvents] = ()
    ) -> EntryId:
        """Give the events an id; nothing is written."""
        milliseconds, sequence = max(int(arrival * 1000), 0), 0
        if milliseconds <= self._last[0]:
            milliseconds, sequence = self._last[0], self._last[1] + 1
        self._last = (milliseconds, sequence)
        return self._last

    @property
    def place(self) -> EntryId | None:
        """The last id that was given."""
        return self._last

    def away(self) -> ApiError | None:
        """It is never away."""
        return None

    def has_lost(self) -> bool:
        """It has nothing to lose."""
        return False

    def go_on(self, place: EntryId, state: SavedState) -> bool:
        """There is nothing to go on from."""
        return False

    def reaches_start(self, known: EntryId = BEFORE_ALL) -> bool:
        """It keeps nothing, and drops nothing."""
        return True

    def entries(self, after: EntryId = BEFORE_ALL) -> Iterator[Entry]:
        """Nothing."""
        return iter(())

    def look(self) -> bool:
        """Nobody else appends."""
        return False

    def missed(self) -> Iterator[Entry]:
        """Nothing."""
        return iter(())

    def merge(self, name: str, merged: Callable[[dict[str, Any] | None], dict[str, Any]]) -> None:
        """Do nothing."""

    def load(self, name: str) -> dict[str, Any] | None:
        """Nothing."""
        return None

    def close(self) -> None:
        """Do nothing."""
