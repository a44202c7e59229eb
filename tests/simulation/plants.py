"""Bugs that are planted in the real code, to see that the simulator finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import graphs.replay
from graphs.journal_step import JournalStep
from graphs.snapshot import Restored
from graphs.state.journal_bounds import JournalBounds
from graphs.state.redis_journal import RedisJournal
from graphs.state.routing_trail import RoutingTrail
from tests.simulation.patches import Machine


def skip_journal_write() -> Any:
    """One entry in fifty is answered and not written."""
    real = RedisJournal._written

    def written(self: Any, row: Any, size: int) -> Any:
        if size and Machine.world.random.random() < 0.02:
            milliseconds, sequence = self._last
            return (milliseconds, sequence + 1), self._last
        return real(self, row, size)

    return patch.object(RedisJournal, "_written", written)


def snapshot_before_write() -> Any:
    """A snapshot is taken when the entry is written, before the steps behind the journal have seen it."""
    real = JournalStep.handle

    def handle(self: Any, request: Any) -> None:
        real(self, request)
        respond: Any = self._context.root.steps["respond"].async_object
        if respond._taker is not None and self._journal.place is not None and request.records:
            respond._taker.note(self._journal.place, len(request.records), False)

    return patch.object(JournalStep, "handle", handle)


def double_replay() -> Any:
    """A start replays the last entry of its snapshot again."""
    real = graphs.replay.restore_snapshot

    def restored(context: Any) -> Restored:
        found = real(context)
        if found.place <= (0, 0):
            return found
        before = (found.place[0], found.place[1] - 1) if found.place[1] else (found.place[0] - 1, 10**6)
        return found._replace(place=before, begin=before)

    return patch.object(graphs.replay, "restore_snapshot", restored)


def lost_trim_bound() -> Any:
    """The journal is cut by the number of events alone, whatever is in snapshots and in the archive."""

    def oldest_kept(self: Any, incoming: int, archived: Any) -> Any:
        dropped = False
        while self._sizes and self._total - self._sizes[0][1] + incoming >= self._max_events:
            self._total -= self._sizes.popleft()[1]
            dropped = True
        return self._sizes[0][0] if dropped and self._sizes else None

    return patch.object(JournalBounds, "oldest_kept", oldest_kept)


def stale_swap() -> Any:
    """The first entry after a swap is answered by what was in force before."""
    real = RoutingTrail.at

    def at(self: Any, entry: Any) -> Any:
        last = self._applied[-1] if self._applied else None
        if last is not None and entry > last.place and entry[0] - last.place[0] < 4000:
            return real(self, last.place)
        return real(self, entry)

    return patch.object(RoutingTrail, "at", at)


PLANTS: dict[str, Callable[[], Any]] = {
    plant.__name__: plant
    for plant in (skip_journal_write, snapshot_before_write, double_replay, lost_trim_bound, stale_swap)
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Have a bug in the real code; without a name none."""
    if not name:
        yield
        return
    with PLANTS[name]():
        yield
