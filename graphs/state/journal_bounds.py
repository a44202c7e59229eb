"""How far a journal may be cut: never what a restart still needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from graphs.state.entry_id import EntryId
from graphs.state.snapshots.saved_state import SavedState

_AT_ONCE = 256
"""Entries that one request drops at most, or as many as hold the events that it brings: a snapshot sets
thousands free, and whoever comes next would wait. So they do not pile up."""


class JournalBounds:
    """What a journal holds, and what of it may be dropped.

    An entry may be dropped when ``max_events`` events came after it, and it is at or before ``floor``.
    Without snapshots there is no floor; then it must be older than ``keep_seconds``.

    :param max_events: events kept at least.
    :param keep_seconds: what is younger than this, by the newest entry, a restart needs.
    """

    def __init__(self, max_events: int, keep_seconds: float) -> None:
        self._max_events = max_events
        self._keep_millis = round(keep_seconds * 1000)
        self._sizes: deque[tuple[EntryId, int]] = deque()
        self._total = 0
        self.floor: EntryId | None = None

    def forget_after(self, entry: EntryId) -> None:
        """Know of no entry after this one: they are about to be read, maybe again."""
        while self._sizes and self._sizes[-1][0] > entry:
            self._total -= self._sizes.pop()[1]

    @property
    def entries(self) -> Sequence[tuple[EntryId, int]]:
        """Entries that are known, the oldest first, each with the number of its events."""
        return tuple(self._sizes)

    def note(self, entry: EntryId, size: int) -> None:
        """Take note of an entry with so many events."""
        self._sizes.append((entry, size))
        self._total += size

    def add(self, size: int) -> None:
        """Take note of events that are in between."""
        self._total += size

    def oldest_kept(self, incoming: int, archived: EntryId | None) -> EntryId | None:
        """Id of the first entry to keep, if the ones before it may be dropped, of many at first some.

        :param incoming: events that are about to be added.
        :param archived: the last entry that is in a file; None if there are no files.
        """
        dropped = freed = 0
        while (
            (dropped < _AT_ONCE or freed < incoming)
            and self._sizes
            and self._total - self._sizes[0][1] + incoming >= self._max_events
        ):
            if self.floor is None and not self._is_old(self._sizes[0][0]):
                break
            if self.floor is not None and self._sizes[0][0] > self.floor:
                break
            size = self._sizes.popleft()[1]
            self._total -= size
            dropped, freed = dropped + 1, freed + size
        if not dropped or not self._sizes:
            return None
        oldest = self._sizes[0][0]
        for bound in (archived, self.floor):
            if bound is not None:
                oldest = min(oldest, (bound[0], bound[1] + 1))
        return oldest

    def _is_old(self, entry: EntryId) -> bool:
        return entry[0] < self._sizes[-1][0][0] - self._keep_millis

    def saved(self) -> SavedState:
        """What the journal holds; ``restore`` reads it back."""
        rows = [(*entry, size) for entry, size in self._sizes]
        return SavedState(arrays={"sizes": np.array(rows, dtype=np.int64).reshape(-1, 3)})

    def restore(self, state: SavedState) -> None:
        """Know of the entries that were saved."""
        rows = state.arrays["sizes"].tolist()
        self._sizes = deque(((milliseconds, sequence), size) for milliseconds, sequence, size in rows)
        self._total = sum(size for _, _, size in rows)
