"""The journal in a Redis stream."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from feature_sets.telemetry.events import LabelEvent, TelemetryEvent
from graphs.protocol.errors import ApiError
from graphs.protocol.routes import Kind
from graphs.state.journal import Entry, EntryId

_CHUNK = 500
_TIMEOUT_SECONDS = 2.0
_BEFORE_ALL = (0, 0)

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
    :param metrics: metric names in schema order; an entry holds values only. Entries with other metrics, of
        an earlier schema, are skipped and counted in ``skipped``.
    :param max_events: events kept at least; older entries are dropped. It must cover the longest window and
        the label deadline, for all devices.
    """

    def __init__(self, url: str, key: str, metrics: tuple[str, ...], max_events: int) -> None:
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
        self.skipped = 0
        self._max_events = max_events
        self._append = self._redis.register_script(_APPEND)
        self._last: EntryId = _BEFORE_ALL
        self._gap: tuple[EntryId, EntryId] | None = None
        self._sizes: deque[tuple[EntryId, int]] = deque()
        self._total = 0

    def append(self, kind: Kind, arrival: float, events: Sequence[TelemetryEvent | LabelEvent]) -> EntryId:
        """Write one entry; see ``Journal``."""
        rows = [
            (event.device, event.time, *event.metrics.values())
            if isinstance(event, TelemetryEvent)
            else tuple(event)
            for event in events
        ]
        fields = {
            "kind": kind.value,
            "schema": self._schema,
            "arrival": repr(arrival),
            "events": orjson.dumps(rows),
        }
        try:
            written, before = self._append(
                [self._stream, f"{self._stream}:last"],
                [self._oldest_kept(len(rows)), *(part for item in fields.items() for part in item)],
            )
        except redis.RedisError as error:
            raise _away("accept events", error) from error
        entry = _entry_id(written)
        if before and _entry_id(before) > self._last:
            self._gap = (self._gap[0] if self._gap else self._last, entry)
        self._note(entry, len(rows))
        return entry

    def entries(self) -> Iterator[Entry]:
        """Read everything kept, in chunks; from then on the journal knows how much it holds."""
        self._sizes.clear()
        self._total = 0
        for entry, fields, rows in self._read("-", "+"):
            self._note(entry, len(rows))
            yield from self._known(entry, fields, rows)

    def missed(self) -> Iterator[Entry]:
        """See ``Journal``.

        :raises ApiError: 503 if they cannot be read; they are given the next time.
        """
        if self._gap is None:
            return
        after, before = self._gap
        try:
            found = list(self._read(f"({_text(after)}", f"({_text(before)}"))
        except redis.RedisError as error:
            raise _away("accept events", error) from error
        self._gap = None
        for entry, fields, rows in found:
            self._total += len(rows)
            yield from self._known(entry, fields, rows)

    def _read(self, start: str, end: str) -> Iterator[tuple[EntryId, Mapping[bytes, bytes], list[list[Any]]]]:
        while True:
            found = self._redis.xrange(self._stream, min=start, max=end, count=_CHUNK)
            for written, fields in found:
                yield _entry_id(written), fields, orjson.loads(fields[b"events"])
            if len(found) < _CHUNK:
                return
            start = f"({found[-1][0].decode()}"

    def _known(self, entry: EntryId, fields: Mapping[bytes, bytes], rows: list[list[Any]]) -> Iterator[Entry]:
        if fields[b"schema"].decode() == self._schema:
            yield self._entry(entry, fields, rows)
        else:
            self.skipped += len(rows)

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

    def _oldest_kept(self, incoming: int) -> str:
        """Id of the first entry to keep, if the ones before it may be dropped; else empty."""
        dropped = False
        while self._sizes and self._total - self._sizes[0][1] + incoming >= self._max_events:
            self._total -= self._sizes.popleft()[1]
            dropped = True
        if not dropped or not self._sizes:
            return ""
        return _text(self._sizes[0][0])

    def _note(self, entry: EntryId, size: int) -> None:
        self._last = entry
        self._sizes.append((entry, size))
        self._total += size

    def _entry(self, entry: EntryId, fields: Mapping[bytes, bytes], rows: list[list[Any]]) -> Entry:
        kind, arrival = Kind(fields[b"kind"].decode()), float(fields[b"arrival"])
        if kind is Kind.LABELS:
            return Entry(entry, kind, arrival, labels=[LabelEvent(*row) for row in rows])
        events = [
            TelemetryEvent(device, time, dict(zip(self._metrics, map(_reading, values), strict=True)))
            for device, time, *values in rows
        ]
        return Entry(entry, kind, arrival, events)


def _away(purpose: str, error: redis.RedisError) -> ApiError:
    return ApiError(503, "journal", f"must be reachable to {purpose} ({type(error).__name__})")


def _reading(value: float | None) -> float:
    return math.nan if value is None else value


def _text(entry: EntryId) -> str:
    return f"{entry[0]}-{entry[1]}"


def _entry_id(written: bytes) -> EntryId:
    milliseconds, _, sequence = written.partition(b"-")
    return int(milliseconds), int(sequence)
