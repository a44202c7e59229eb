"""The store of the journal in memory, with everything that may go wrong between it and a process."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import redis

if TYPE_CHECKING:
    from tests.simulation.world import World

Id = tuple[int, int]
T = TypeVar("T")

REFUSED, LOST, TIMEOUT, FULL, SLOW = "refused", "lost", "timeout", "full", "slow"
FAULTS = (REFUSED, LOST, TIMEOUT, FULL, SLOW)
"""Not taken; taken, and the answer lost, which the client repeats; the same without; full; slow."""


class Sent(NamedTuple):
    """A request.

    :param place: among those of its turn.
    :param path: of the route.
    :param body: a list of events.
    """

    place: int
    path: str
    body: list[dict[str, Any]]


class Committed(NamedTuple):
    """An entry that the store has taken.

    :param sent: the requests that it was written for, in order; none for an entry that no request sent.
    """

    id: Id
    kind: str
    arrival: float
    events: bytes
    sent: Sequence[Sent] = ()


class Content:
    """What a server holds."""

    def __init__(self) -> None:
        self.entries: list[tuple[Id, dict[bytes, bytes]]] = []
        self.keys: dict[str, bytes] = {}
        self.last: Id = (0, 0)
        self.added = 0

    def copy(self) -> Content:
        """The same now; entries are never changed."""
        found = Content()
        found.entries, found.keys = list(self.entries), dict(self.keys)
        found.last, found.added = self.last, self.added
        return found


class Store:
    """A Redis server as far as the journal needs one.

    :param world: its clock, and the moments at which a process may die.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._content = Content()
        self._earlier = Content()
        self.is_away = self.had_fault = False
        self.faults: list[str] = []
        self.log: list[Committed] = []
        self.is_slow = False
        self.sending: Sequence[Sent] = ()

    @property
    def ids(self) -> list[Id]:
        """Entries that it holds."""
        return [entry for entry, _ in self._content.entries]

    def remember(self) -> None:
        """Keep a copy of now, for ``go_back``."""
        self._earlier = self._content.copy()

    def go_back(self) -> None:
        """Be as it was when it remembered."""
        self._content = self._earlier.copy()

    def lose(self) -> None:
        """Be empty."""
        self._content = Content()
        self._earlier = Content()

    def asked(self, effect: Callable[[Content], T], writes: bool = True) -> T:
        """Do something as the client of a process does it: once more at once, where the connection broke."""
        for is_last in (False, True):
            try:
                return self.asked_once(effect, writes)
            except redis.ConnectionError:
                if is_last:
                    raise
        raise AssertionError

    def asked_once(self, effect: Callable[[Content], T], writes: bool = True) -> T:
        """The same as a connection does it, which repeats nothing."""
        if self.is_away:
            self.had_fault = True
            raise redis.ConnectionError("refused")
        if not writes:
            return effect(self._content)
        fault = self.faults.pop(0) if self.faults else ""
        self.had_fault |= bool(fault)
        if fault == REFUSED:
            raise redis.ConnectionError("broken")
        if fault == FULL:
            raise redis.ResponseError("OOM command not allowed")
        self._world.write()
        found = effect(self._content)
        self._world.write()
        if fault == SLOW or self.is_slow:
            self._world.now += 1.5
        if fault == LOST:
            raise redis.ConnectionError("broken")
        if fault == TIMEOUT:
            self._world.now += 2.0
            raise redis.TimeoutError("no answer")
        return found

    def add(self, content: Content, fields: dict[bytes, bytes], at: Id | None = None) -> bytes:
        """Append an entry, at the time of the server's clock."""
        if at is None:
            milliseconds = int(self._world.now * 1000)
            newer = milliseconds > content.last[0]
            at = (milliseconds, 0) if newer else (content.last[0], content.last[1] + 1)
        elif at <= content.last:
            raise redis.ResponseError("The ID specified in XADD is equal or smaller")
        content.entries.append((at, fields))
        content.last, content.added = at, content.added + 1
        kind, arrival = fields[b"kind"].decode(), float(fields[b"arrival"])
        sent = (
            self.sending
            if kind in ("telemetry", "labels", "maintenance") and fields[b"events"] != b"[]"
            else ()
        )
        # With an empty server whose clock is behind, an entry is written again at a place that counts.
        if not self.log or at > self.log[-1].id:
            self.log.append(Committed(at, kind, arrival, fields[b"events"], sent))
        return id_bytes(at)


class Client:
    """What the journal uses of ``redis.Redis``.

    :param store: it speaks to.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def register_script(self, text: str) -> SimpleNamespace:
        """The one script that there is, see ``graphs.state.redis_journal``."""
        return SimpleNamespace(sha="append")

    @property
    def connection_pool(self) -> SimpleNamespace:
        """What connections of their own come from."""
        return SimpleNamespace(make_connection=lambda: Connection(self._store))

    def get(self, key: str) -> bytes | None:
        """A value."""
        return self._store.asked(lambda content: content.keys.get(key), writes=False)

    def set(self, key: str, value: bytes | str) -> None:
        """Keep a value."""
        kept = value if isinstance(value, bytes) else str(value).encode()
        self._store.asked(lambda content: content.keys.__setitem__(key, kept))

    def eval(self, text: str, count: int, key: str, before: bytes, after: bytes) -> int:
        """Replace a value, unless it is another one by now."""

        def effect(content: Content) -> int:
            if content.keys.get(key, b"") != before:
                return 0
            content.keys[key] = after
            return 1

        return self._store.asked(effect)

    def xadd(self, stream: str, fields: dict[str, Any], id: str) -> bytes:
        """Append an entry with an id."""
        parts = {name.encode(): _bytes(value) for name, value in fields.items()}
        return self._store.asked(lambda content: self._store.add(content, parts, read_id(id)))

    def xrange(self, stream: str, min: str, max: str, count: int) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Entries between two ids."""

        def effect(content: Content) -> list[tuple[bytes, dict[bytes, bytes]]]:
            begin, end = _place(content.entries, min), _place(content.entries, max, is_end=True)
            return [(id_bytes(at), fields) for at, fields in content.entries[begin:end][:count]]

        return self._store.asked(effect, writes=False)

    def xinfo_stream(self, stream: str) -> dict[str, int]:
        """How many entries there are and were."""

        def effect(content: Content) -> dict[str, int]:
            if not content.added:
                raise redis.ResponseError("no such key")
            return {"length": len(content.entries), "entries-added": content.added}

        return self._store.asked(effect, writes=False)


class Connection:
    """Runs the script that appends an entry; who uses it repeats what a broken connection has answered.

    :param store: it speaks to.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._arguments: tuple[Any, ...] = ()

    def send_command(self, *arguments: Any) -> None:
        """Ask for the script: its name, how many keys there are, keys and values."""
        self._arguments = arguments

    def send_packed_command(self, command: Any) -> None:
        """Ask whether all was written: ``PING``."""
        self._arguments = ()

    def read_response(self) -> Any:
        """Append the entry, or say that all was written."""
        if not self._arguments:
            return self._store.asked_once(lambda _: b"PONG", writes=False)
        _, _, count, *rest = self._arguments
        keys, arguments = rest[:count], rest[count:]
        parts = map(_bytes, arguments[1:])
        fields = dict(zip(parts, parts, strict=True))

        def effect(content: Content) -> list[Any]:
            before = content.keys.get(keys[1])
            if arguments[0]:
                del content.entries[: _place(content.entries, arguments[0])]
            entry = self._store.add(content, fields)
            content.keys[keys[1]] = entry
            return [entry, before]

        return self._store.asked_once(effect)

    def disconnect(self) -> None:
        """Nothing is kept."""


def _bytes(value: Any) -> bytes:
    """A value as Redis keeps it."""
    return value if value.__class__ is bytes else str(value).encode()


def id_bytes(entry: Id) -> bytes:
    """Id as Redis writes it."""
    return b"%d-%d" % entry


def read_id(text: str) -> Id:
    """Id as Redis reads it."""
    milliseconds, _, sequence = text.partition("-")
    return int(milliseconds), int(sequence)


def _place(entries: list[tuple[Id, dict[bytes, bytes]]], bound: str, is_end: bool = False) -> int:
    """Where a range of entries, which are in order, begins or ends."""
    if bound in "-+":
        return 0 if bound == "-" else len(entries)
    at = read_id(bound.removeprefix("("))
    is_after = is_end != bound.startswith("(")  # The entry itself is before the place.
    return (bisect_right if is_after else bisect_left)(entries, at, key=lambda entry: entry[0])
