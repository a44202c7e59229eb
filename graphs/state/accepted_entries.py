"""Everything that an endpoint accepted: in the archive of its journal, or still in Redis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graphs.protocol.routes import Kind
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.journal_archive import archived
from graphs.state.journal_entries import RawEntry
from graphs.state.redis_journal import RedisJournal


@dataclass(frozen=True)
class AcceptedEntries:
    """Entries of a journal in order, each once.

    :param new: those after an id.
    :param before: those up to it that Redis still holds; they cover the longest window.
    """

    new: list[RawEntry]
    before: list[RawEntry]


def accepted_entries(url: str, key: str, archive: Path, after: EntryId) -> AcceptedEntries:
    """What an endpoint accepted after an id; nothing is changed, and the endpoint may go on.

    :param url: ``redis://host:port``; empty if nothing was ever accepted into a journal.
    :param key: prefix of the journal's keys.
    :param archive: folder of the archive; it need not exist.
    :raises ApiError: if Redis does not answer: what is in no file yet would be missing.
    :raises OSError: if a file cannot be read.
    """
    # Redis first: what is dropped there meanwhile is in a file by then.
    kept = list(RedisJournal(url, key, (), 1).raw()) if url else []
    found = {entry.id: entry for entry in kept if entry.id > after}
    # A store that began empty with a clock that is behind may have given an id once more.
    found |= {entry.id: entry for entry in archived(archive, after)}
    return AcceptedEntries(
        [found[entry] for entry in sorted(found)], [entry for entry in kept if entry.id <= after]
    )


def requests_by_columns(url: str, key: str, archive: Path) -> Counter[str]:
    """How many requests of telemetry were ever accepted, by the columns of their readings.

    These are as ``RawEntry.schema`` has them. Of the archive no events are read, so it takes little memory.

    :raises ApiError: if Redis does not answer.
    :raises OSError: if a file cannot be read.
    """
    kept = {entry.id: entry for entry in RedisJournal(url, key, (), 1).raw()} if url else {}
    found: Counter[str] = Counter()
    for entry in archived(archive, BEFORE_ALL, with_events=False):
        kept.pop(entry.id, None)
        found.update([entry.schema] if entry.kind == Kind.TELEMETRY else ())
    found.update(entry.schema for entry in kept.values() if entry.kind == Kind.TELEMETRY)
    return found


def all_entries(entries: AcceptedEntries, archive: Path) -> Iterator[RawEntry]:
    """All that was ever accepted, in order, up to the last of the new entries.

    :raises OSError: if a file cannot be read.
    """
    last, first_new = BEFORE_ALL, entries.new[0].id
    for entry in archived(archive, BEFORE_ALL):
        if entry.id >= first_new:
            break
        last = entry.id
        yield entry
    yield from (entry for entry in entries.before if entry.id > last)
    yield from entries.new
