"""The journal in a Redis stream."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from graphs.protocol.errors import ApiError
from graphs.protocol.routes import Kind
from graphs.state.journal import TOLD, Entry, EntryId, JournalEvent
from graphs.state.journal_archive import JournalArchive
from graphs.state.journal_entries import BEFORE_ALL, RawEntry, encoded, entry_id, id_text

_CHUNK = 500
_TIMEOUT_SECONDS = 2.0
_ARCHIVE_ROWS = 10_000

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


class RedisJournal:
    """A journal in a Redis stream: one entry a request, one round trip to append it.

    While a function is deployed anew, the old and the new process both append for a moment. The order of the
    entries is the order of the events, so each takes in what the other has appended, see ``missed``.

    :param url: ``redis://host:port``.
    :param key: prefix of our keys; one a function.
    :param metrics: columns of a reading in schema order; an entry holds values only. Entries with other
        metrics, of an earlier schema, are skipped and counted in ``skipped``.
    :param max_events: events kept at least; older entries are dropped. It must cover the longest window and
        the label deadline, for all devices.
    :param label: column that the labels are of.
    :param archive: folder of Parquet files; an entry is dropped only after it is in one. None drops entries
        for good.
    :param on_failure: called with the error when a file of the archive cannot be written; entries stay in
        Redis until one can.
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
        self.skipped = 0
        self._max_events = max_events
        self._append = self._redis.register_script(_APPEND)
        self._last: EntryId = BEFORE_ALL
        self._gap: tuple[EntryId, EntryId] | None = None
        self._sizes: deque[tuple[EntryId, int]] = deque()
        self._total = 0
        self.archive: JournalArchive | None = None
        if archive is not None:
            rows = max(1, min(_ARCHIVE_ROWS, max_events // 2))
            self.archive = JournalArchive(archive, self.raw, rows, on_failure)

    def append(self, kind: Kind, arrival: float, events: Sequence[JournalEvent]) -> EntryId:
        """Write one entry; see ``Journal``."""
        row = RawEntry(BEFORE_ALL, kind.value, self._schema, self._label, arrival, encoded(events))
        size = 0 if kind in TOLD else len(events)
        try:
            written, before = self._append(
                [self._stream, f"{self._stream}:last"],
                [self._oldest_kept(size), *(part for item in row.fields().items() for part in item)],
            )
        except redis.RedisError as error:
            raise _away("accept events", error) from error
        entry = entry_id(written)
        if before and entry_id(before) > self._last:
            self._gap = (self._gap[0] if self._gap else self._last, entry)
        self._note(entry, size)
        return entry

    def entries(self) -> Iterator[Entry]:
        """Read everything kept, in chunks; from then on the journal knows how much it holds."""
        self._sizes.clear()
        self._total = self.skipped = 0
        for raw in self._read("-", "+"):
            size, entry = self._decoded(raw)
            self._note(raw.id, size)
            if entry is not None:
                yield entry
        if self.archive is not None and self._last < self.archive.last:
            self._go_on_after(self.archive.last)

    def _go_on_after(self, entry: EntryId) -> None:
        """Have ids grow beyond one that the server no longer knows: it lost its data, or is another one."""
        empty = RawEntry(BEFORE_ALL, Kind.LABELS.value, self._schema, self._label, 0.0, encoded([]))
        with contextlib.suppress(redis.ResponseError):  # Its ids are beyond it already.
            self._redis.xadd(self._stream, empty.fields(), id=id_text((entry[0], entry[1] + 1)))

    def raw(self, after: EntryId = BEFORE_ALL) -> Iterator[RawEntry]:
        """Everything kept after an id, of earlier schemas too, oldest first.

        :raises ApiError: 503 if it cannot be read.
        """
        try:
            yield from self._read(f"({id_text(after)}", "+")
        except redis.RedisError as error:
            raise _away("give what it holds", error) from error

    def missed(self) -> Iterator[Entry]:
        """See ``Journal``.

        What cannot be read, or is given to somebody who raises over it, is given the next time.

        :raises ApiError: 503 if they cannot be read.
        """
        if self._gap is None:
            return
        after, before = self._gap
        try:
            found = list(self._read(f"({id_text(after)}", f"({id_text(before)}"))
        except redis.RedisError as error:
            raise _away("accept events", error) from error
        for raw in found:
            size, entry = self._decoded(raw)
            if entry is not None:
                yield entry
            self._total += size
            self._gap = (raw.id, before)
        self._gap = None

    def _read(self, start: str, end: str) -> Iterator[RawEntry]:
        while True:
            found = self._redis.xrange(self._stream, min=start, max=end, count=_CHUNK)
            for written, fields in found:
                yield RawEntry.of_fields(written, fields)
            if len(found) < _CHUNK:
                return
            start = f"({found[-1][0].decode()}"

    def _decoded(self, raw: RawEntry) -> tuple[int, Entry | None]:
        """How many events an entry has, and the entry itself unless it is of an earlier schema."""
        if raw.schema == self._schema or raw.kind in (Kind.MAINTENANCE, Kind.CALENDAR):
            entry = raw.decoded(self._metrics)
            return entry.size, entry
        size = 0 if raw.kind in TOLD else len(raw.rows)
        self.skipped += size
        return size, None

    def save(self, name: str, content: dict[str, Any] | None) -> None:
        """Keep a document beside the stream, or forget it.

        :raises ApiError: 503 if it cannot be kept.
        """
        try:
            if content is None:
                self._redis.delete(f"{self._key}:{name}")
            else:
                self._redis.set(f"{self._key}:{name}", orjson.dumps(content))
        except redis.RedisError as error:
            raise _away("save", error) from error

    def load(self, name: str) -> dict[str, Any] | None:
        """The document kept under a name."""
        text = self._redis.get(f"{self._key}:{name}")
        content: dict[str, Any] | None = orjson.loads(text) if text else None
        return content

    def close(self) -> None:
        """End what runs beside the requests."""
        if self.archive is not None:
            self.archive.close()

    def _oldest_kept(self, incoming: int) -> str:
        """Id of the first entry to keep, if the ones before it may be dropped; else empty."""
        dropped = False
        while self._sizes and self._total - self._sizes[0][1] + incoming >= self._max_events:
            self._total -= self._sizes.popleft()[1]
            dropped = True
        if not dropped or not self._sizes:
            return ""
        oldest = self._sizes[0][0]
        if self.archive is not None:
            milliseconds, sequence = self.archive.last
            oldest = min(oldest, (milliseconds, sequence + 1))
        return id_text(oldest)

    def _note(self, entry: EntryId, size: int) -> None:
        self._last = entry
        self._sizes.append((entry, size))
        self._total += size
        if self.archive is not None:
            self.archive.note(entry, size)


def _away(purpose: str, error: redis.RedisError) -> ApiError:
    return ApiError(503, "journal", f"must be reachable to {purpose} ({type(error).__name__})")
