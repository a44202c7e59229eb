"""Entries of the journal that are in no file of its archive yet."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import NamedTuple

from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.journal_entries import RawEntry

MOST_BYTES = 64_000_000
_ENTRY_BYTES = 400
"""What an entry takes beside its texts."""


class Unarchived:
    """Keeps entries until they are in a file, so that they get there also if the server loses them.

    If no file can be written, the oldest are left to the server in the end. One thread keeps, and another
    may read meanwhile.
    """

    def __init__(self) -> None:
        self._entries: list[RawEntry] = []
        self.bytes = 0
        self._whole: _Whole | None = None
        self._dropped = BEFORE_ALL

    def __len__(self) -> int:
        return len(self._entries)

    def keep(self, entry: RawEntry, archived: EntryId) -> None:
        """Keep an entry.

        :param archived: the last one that is in a file.
        """
        if entry.id <= archived:
            return
        kept = self._entries
        if kept and (kept[0].id <= archived or self.bytes > MOST_BYTES):
            dropped = kept[: len(kept) // 2] if self.bytes > MOST_BYTES else []
            # A list of its own: the archive may be reading the one before.
            self._entries = [each for each in kept[len(dropped) :] if each.id > archived]
            self.bytes = sum(map(_memory, self._entries))
            self._dropped = max((each.id for each in dropped), default=self._dropped)
            if self._whole is not None and dropped:
                self.is_whole_after(self._whole.after, self._whole.last)
        self._entries.append(entry)
        self.bytes += _memory(entry)

    def begin(self) -> None:
        """The journal is about to be read: it may have more than is kept, until ``is_whole_after``."""
        self._whole, self._dropped = None, BEFORE_ALL

    def is_whole_after(self, after: EntryId, last: EntryId) -> None:
        """All that the journal has after an entry, up to another one, was kept; the oldest may be dropped."""
        after = max(after, self._dropped)
        self._whole = _Whole(after, max(after, last), self._entries)

    def is_whole_to(self, last: EntryId) -> None:
        """The same up to a later entry; it begins where it did."""
        if self._whole is not None:
            self._whole = _Whole(self._whole.after, last, self._entries)

    def read(self, after: EntryId, of_server: Callable[[EntryId], Iterator[RawEntry]]) -> Iterator[RawEntry]:
        """Everything after an entry, oldest first: what the server has, and what it lost since.

        As long as all of it is kept here, nobody is asked: reading it again would take the interpreter from
        the requests for a tenth of a second.

        :param of_server: gives what the server has after an entry.
        """
        whole = self._whole
        if whole is not None and whole.after <= after:
            yield from sorted(entry for entry in whole.entries[:] if after < entry.id <= whole.last)
            return
        kept = sorted(entry for entry in self._entries[:] if entry.id > after)
        newest = after
        for entry in heapq.merge(kept, of_server(after), key=lambda each: each.id):
            if entry.id > newest:
                newest = entry.id
                yield entry


class _Whole(NamedTuple):
    """A stretch of the journal that is kept without a gap.

    :param after: it begins after this entry,
    :param last: and ends with this one.
    :param entries: has all of it, and maybe more: later ones are added while it is read.
    """

    after: EntryId
    last: EntryId
    entries: list[RawEntry]


def _memory(entry: RawEntry) -> int:
    return len(entry.events) + len(entry.names) + _ENTRY_BYTES
