"""The journal in a Redis stream."""

from __future__ import annotations

import contextlib
import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from graphs.protocol.errors import ApiError
from graphs.protocol.event_names import SentEvents, names_text
from graphs.protocol.routes import Kind
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.journal import TOLD, Entry, JournalEvent
from graphs.state.journal_archive import JournalArchive, archived, archived_to
from graphs.state.journal_bounds import JournalBounds
from graphs.state.journal_entries import RawEntry, encoded, entry_id, id_text, waiting_names
from graphs.state.read_anew import ReadAnew
from graphs.state.redis_script import RedisScript
from graphs.state.snapshots.saved_state import SavedState
from graphs.state.store_probe import StoreProbe
from graphs.state.unarchived import Unarchived

_CHUNK = 500
_TIMEOUT_SECONDS = 2.0
_ARCHIVE_ROWS = 10_000
_SAID = 200
_AGAIN = "nothing was processed yet, so send it again: what the journal took all the same counts once"
"""An answer may be lost behind an entry that was written; the next one finds it, see ``missed``."""
_UNREAD = "nothing was changed, so do it again"
_UNKNOWN = "what others accepted is not known, so nothing of this was journaled: send it again"
_WAITS = "what the journal has already waits for that: sent again, it counts once"
_UNSAVED = "without that a restart knows less, so send it again to have it kept"
_OF_ANY_SCHEMA = (Kind.MAINTENANCE, Kind.CALENDAR, Kind.REROUTED)

_APPEND = """
local before = redis.call('GET', KEYS[2])
local entry
if ARGV[1] == '' then
    entry = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
else
    entry = redis.call('XADD', KEYS[1], 'MINID', '~', ARGV[1], '*', unpack(ARGV, 2))
end
redis.call('SET', KEYS[2], entry)
return {entry, before}
"""
"""Appends an entry and gives the id of the one before it, as one step for all processes."""

_REPLACE = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
"""Replaces a document, unless it is another one by now."""
_MERGES = 20


class RedisJournal:
    """A journal in a Redis stream: one entry and one round trip a request, or several of them.

    While a function is deployed anew, the old and the new process both append for a moment. The order of the
    entries is the order of the events, so each takes in what the other has appended, see ``missed``.

    :param url: ``redis://host:port``.
    :param key: prefix of our keys; one a function.
    :param metrics: columns of a reading in schema order; an entry holds values only. Entries with other
        metrics, of another schema, are skipped and counted in ``skipped``, unless ``anew`` reads them.
    :param max_events: events kept at least; older entries are dropped when a restart does not need them.
    :param label: column that the labels are of.
    :param archive: folder of Parquet files; an entry is dropped only after it is in one. None drops entries
        for good.
    :param on_failure: called with the error when a file of the archive cannot be written; entries stay in
        Redis until one can.
    :param keep_seconds: how far a restart reaches back without a snapshot: to the label deadline, and as far
        as windows do. What is younger is not dropped, unless snapshots have it.
    """

    def __init__(
        self,
        url: str,
        key: str,
        metrics: tuple[str, ...],
        max_events: int,
        label: str = "",
        archive: Path | None = None,
        on_failure: Callable[[Exception], None] = lambda error: None,
        keep_seconds: float = 0.0,
        anew: ReadAnew | None = None,
    ) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            # Once more at once, for a server that was restarted; a repeated entry replays as duplicates.
            retry=Retry(NoBackoff(), 1),
            retry_on_error=[redis.ConnectionError],
        )
        self._key = key
        self._stream = f"{key}:journal"
        self._metrics = metrics
        self._schema = ",".join(metrics)
        self._label = label
        self._anew = anew
        self.skipped = 0
        self.bounds = JournalBounds(max_events, keep_seconds)
        self._lost = False
        self._append = RedisScript(self._redis, _APPEND)
        self._probe = StoreProbe(url, f"{key}:probe")
        self._last: EntryId = BEFORE_ALL
        self._gap: tuple[EntryId, EntryId] | None = None
        self._unarchived = Unarchived()
        self.archive: JournalArchive | None = None
        if archive is not None:
            rows = max(1, min(_ARCHIVE_ROWS, max_events // 2))
            self.archive = JournalArchive(
                archive, lambda after: self._unarchived.read(after, self.raw), rows, on_failure
            )

    def append(
        self, kind: Kind, arrival: float, events: Sequence[JournalEvent], sent: Sequence[SentEvents] = ()
    ) -> EntryId:
        """Write one entry; see ``Journal``."""
        names = waiting_names(events) if kind is Kind.LABELS else names_text(sent)
        row = RawEntry(BEFORE_ALL, kind.value, self._schema, self._label, arrival, encoded(events), names)
        size = 0 if kind in TOLD else len(events)
        entry, before = self._written(row, size)
        has_less = before < self._last
        if has_less:
            self._lost = True
            if self.archive is not None:
                self.archive.hurry()
            if entry <= self._last:  # The clock of the new one is behind.
                self._go_on_after(self._last)
                entry, _ = self._written(row, size)
        self._ask_written()  # If it is not, the next entry finds this one between: it is of another then.
        if not has_less and (self._gap or before > self._last):
            self._gap = (self._gap[0] if self._gap else self._last, entry)
        self._keep(RawEntry(entry, *row[1:]))
        self._note(entry, size)
        return entry

    def _keep(self, entry: RawEntry) -> None:
        """Keep an entry until it is in a file."""
        if self.archive is not None:
            self._unarchived.keep(entry, self.archive.last)

    def _note_whole(self) -> None:
        """All up to the last entry is kept, unless what others appended has yet to be read."""
        if self._gap is None:
            self._unarchived.is_whole_to(self._last)

    def _written(self, row: RawEntry, size: int) -> tuple[EntryId, EntryId]:
        """Append an entry; its id, and that of the one before it."""
        last_archived = self.archive.last if self.archive is not None else None
        oldest = self.bounds.oldest_kept(size, last_archived)
        try:
            written, before = self._append(
                [self._stream, f"{self._stream}:last"],
                ["" if oldest is None else id_text(oldest), *row.flat()],
            )
        except redis.RedisError as error:
            raise _away("accept events", error, _AGAIN) from error
        return entry_id(written), entry_id(before) if before else BEFORE_ALL

    def _ask_written(self) -> None:
        """Have nobody answered for what is in the memory of the store alone, as its disk is full."""
        try:
            self._append.ask_written()
        except redis.RedisError as error:
            raise _away("accept events", error, _AGAIN) from error

    @property
    def place(self) -> EntryId | None:
        """See ``Journal``."""
        return self._last if self._gap is None else None

    def away(self) -> ApiError | None:
        """See ``Journal``."""
        failure = self._probe.failure()
        return None if failure is None else _away("accept events", failure, _AGAIN)

    def has_lost(self) -> bool:
        """See ``Journal``."""
        lost, self._lost = self._lost, False
        return lost

    def go_on(self, place: EntryId, state: SavedState) -> bool:
        """See ``Journal``."""
        self.bounds.restore(state)
        self._last = place
        if self.archive is not None:
            for entry, size in self.bounds.entries:
                self.archive.note(entry, size)
        last = self._redis.get(f"{self._stream}:last")
        return bool(last) and entry_id(last) >= place

    def reaches_start(self, known: EntryId = BEFORE_ALL) -> bool:
        """See ``Journal``."""
        last = self._redis.get(f"{self._stream}:last")
        if known > BEFORE_ALL and (not last or entry_id(last) < known):
            return False
        try:
            found = self._redis.xinfo_stream(self._stream)
        except redis.ResponseError:  # There is no stream yet.
            return True
        return bool(found.get("entries-added", math.inf) == found["length"])

    def entries(self, after: EntryId = BEFORE_ALL) -> Iterator[Entry]:
        """Read everything kept after an id, in chunks; from then on the journal knows how much it holds.

        What a snapshot was taken before, and the server lost, is taken from the archive.
        """
        self.bounds.forget_after(after)
        self.skipped = 0
        self._unarchived.begin()
        archived_before = self.archive.last if self.archive is not None else BEFORE_ALL
        if self.archive is not None and after > self.archive.last:
            for raw in self._read(f"({id_text(self.archive.last)}", id_text(after)):
                self._keep(raw)
        for raw in self._after(after):
            self._keep(raw)
            size, entry = self._decoded(raw)
            self._note(raw.id, size)
            if entry is not None:
                yield entry
        last_archived = self.archive.last if self.archive is not None else BEFORE_ALL
        newest = max(after, last_archived, self._last)
        if newest > BEFORE_ALL:
            self._go_on_after(newest)
        self._unarchived.is_whole_after(archived_before, self._last)

    def _after(self, after: EntryId) -> Iterator[RawEntry]:
        """Entries of the server and, where it lost what is in a file, those of the archive, each once."""
        kept = self._read(f"({id_text(after)}" if after > BEFORE_ALL else "-", "+")
        if after == BEFORE_ALL or self.archive is None or not self._has_lost_after(self.archive, after):
            yield from kept
            return
        yield from _each_once(after, archived(self.archive.directory, after), kept)

    def _between(self, after: EntryId, before: EntryId) -> Iterator[RawEntry]:
        """Entries between two, each once.

        Where another process has trimmed the first of both away, as it has snapshots behind it, it may have
        trimmed some between them, too: these are in the archive.
        """
        kept = list(self._read(f"({id_text(after)}", f"({id_text(before)}"))
        name = id_text(after)  # Looked for after the others were read: what goes meanwhile goes with it.
        if after == BEFORE_ALL or self.archive is None or next(self._read(name, name), None) is not None:
            yield from kept
            return
        trimmed = archived(self.archive.directory, after)
        yield from _each_once(after, takewhile(lambda raw: raw.id < before, trimmed), kept)

    def _has_lost_after(self, archive: JournalArchive, after: EntryId) -> bool:
        """Whether the last entry of a file is gone, which the server would hold else: snapshots lack it."""
        names = (id_text(entry) for entry in archived_to(archive.directory) if entry > after)
        return any(next(self._read(name, name), None) is None for name in names)

    def _go_on_after(self, entry: EntryId) -> None:
        """Have ids grow beyond one that the server no longer knows: it lost its data, or is another one."""
        last = self._redis.get(f"{self._stream}:last")
        if last and entry_id(last) >= entry:
            return
        empty = RawEntry(BEFORE_ALL, Kind.LABELS.value, self._schema, self._label, 0.0, encoded([]))
        with contextlib.suppress(redis.ResponseError):  # Its ids are beyond it already.
            written = self._redis.xadd(self._stream, empty.fields(), id=id_text((entry[0], entry[1] + 1)))
            self._redis.set(f"{self._stream}:last", written)

    def raw(self, after: EntryId = BEFORE_ALL) -> Iterator[RawEntry]:
        """Everything kept after an id, of earlier schemas too, oldest first.

        :raises ApiError: 503 if it cannot be read.
        """
        try:
            yield from self._read(f"({id_text(after)}", "+")
        except redis.RedisError as error:
            raise _away("give what it holds", error, _UNREAD) from error

    def look(self) -> bool:
        """See ``Journal``."""
        try:
            found = self._redis.get(f"{self._stream}:last")
        except redis.RedisError as error:
            raise _away("tell what it holds", error, _UNKNOWN) from error
        last = entry_id(found) if found else BEFORE_ALL
        if last > self._last:
            self._gap = (self._gap[0] if self._gap else self._last, (last[0], last[1] + 1))
            self._last = last
        return self._gap is not None

    def missed(self) -> Iterator[Entry]:
        """See ``Journal``.

        What cannot be read, or is given to somebody who raises over it, is given the next time.

        :raises ApiError: 503 if they cannot be read.
        """
        if self._gap is None:
            return
        after, before = self._gap
        try:
            found = list(self._between(after, before))
        except (redis.RedisError, OSError) as error:
            raise _away("give what others appended", error, _WAITS) from error
        for raw in found:
            self._keep(raw)
            size, entry = self._decoded(raw)
            if entry is not None:
                yield entry
            self.bounds.add(size)
            self._gap = (raw.id, before)
        self._gap = None
        self._note_whole()

    def _read(self, start: str, end: str) -> Iterator[RawEntry]:
        while True:
            found = self._redis.xrange(self._stream, min=start, max=end, count=_CHUNK)
            for written, fields in found:
                yield RawEntry.of_fields(written, fields)
            if len(found) < _CHUNK:
                return
            start = f"({found[-1][0].decode()}"

    def _decoded(self, raw: RawEntry) -> tuple[int, Entry | None]:
        """How many events an entry has, and the entry itself unless nothing of it is read by this schema."""
        if self._anew is not None and raw.kind == Kind.TELEMETRY and self._anew.reads(raw):
            entry = self._anew.entry(raw)
            return entry.size, entry
        if raw.kind in _OF_ANY_SCHEMA or raw.has_columns(self._metrics):
            entry = raw.decoded(self._metrics)
            return entry.size, entry
        size = 0 if raw.kind in TOLD else len(raw.rows)
        self.skipped += size
        return size, None

    def merge(self, name: str, merged: Callable[[dict[str, Any] | None], dict[str, Any]]) -> None:
        """See ``Journal``.

        :raises ApiError: 503 if it cannot be kept.
        """
        key = f"{self._key}:{name}"
        try:
            for _ in range(_MERGES):
                kept = self._redis.get(key)
                content = orjson.dumps(merged(orjson.loads(kept) if kept else None))
                if self._redis.eval(_REPLACE, 1, key, kept or b"", content):
                    return
        except redis.RedisError as error:
            raise _away("save", error, _UNSAVED) from error
        raise ApiError(503, "journal", f"must not change '{name}' in other processes all the time")

    def load(self, name: str) -> dict[str, Any] | None:
        """The document kept under a name."""
        text = self._redis.get(f"{self._key}:{name}")
        content: dict[str, Any] | None = orjson.loads(text) if text else None
        return content

    def close(self) -> None:
        """End what runs beside the requests."""
        if self.archive is not None:
            self.archive.close()
        self._append.close()
        self._probe.close()

    def _note(self, entry: EntryId, size: int) -> None:
        self._last = entry
        self.bounds.note(entry, size)
        self._note_whole()  # Before the archive is told: it may read at once.
        if self.archive is not None:
            self.archive.note(entry, size)


def _each_once(after: EntryId, *sources: Iterable[RawEntry]) -> Iterator[RawEntry]:
    """Entries of several sources, each of which is in order; ids are beyond one."""
    newest = after
    for raw in heapq.merge(*sources, key=lambda entry: entry.id):
        if raw.id > newest:
            newest = raw.id
            yield raw


def _away(purpose: str, error: redis.RedisError | OSError, then: str) -> ApiError:
    """What is answered while the store is away.

    :param then: what became of what was asked, and what to do.
    """
    said = type(error).__name__
    if isinstance(error, redis.ResponseError):  # It answers, and says what it lacks: memory, or its disk.
        said = f"{said}: {str(error)[:_SAID]}"
    rule = f"must be reachable to {purpose} ({said}); {then}, and see to its store if that goes on"
    return ApiError(503, "journal", rule)
