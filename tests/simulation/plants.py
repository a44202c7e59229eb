"""Bugs that are planted in the real code, to see that the simulator finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import graphs.restart
import graphs.snapshot
import tests.simulation.world
from feature_sets.telemetry.incident_events import Incident
from graphs.device_states import DeviceStates
from graphs.horizon_models import HorizonModels
from graphs.journal_step import JournalStep
from graphs.labeled_join import LabeledJoin
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from graphs.respond import Respond
from graphs.snapshot import Restored
from graphs.state.journal_archive import JournalArchive
from graphs.state.journal_bounds import JournalBounds
from graphs.state.redis_journal import RedisJournal
from graphs.state.routing_trail import RoutingTrail
from graphs.state.snapshots import ledger_content
from graphs.state.snapshots.files import snapshot_files, write_snapshot
from graphs.state.unfinished import Unfinished
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
    real = graphs.snapshot.restore_snapshot

    def restored(context: Any) -> Restored:
        found = real(context)
        if found.place <= (0, 0):
            return found
        before = (found.place[0], found.place[1] - 1) if found.place[1] else (found.place[0] - 1, 10**6)
        return found._replace(place=before, begin=before)

    return patch.object(graphs.restart, "restore_snapshot", restored)


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


def early_note() -> Any:
    """A snapshot may be due before the events of requests that have arrived together are counted."""
    real = Respond.note_shared

    def note_shared(self: Any, merged: Request, requests: int) -> None:
        self.note_entry(len(merged.records))
        real(self, merged, requests)

    return patch.object(Respond, "note_shared", note_shared)


def unfinished_forgotten() -> Any:
    """Events that the model failed at are given to no step any more."""
    return patch.object(Unfinished, "note", lambda self, request, step: None)


def unseen_loss() -> Any:
    """A store that lost its content is not noticed."""
    return patch.object(RedisJournal, "has_lost", lambda self: False)


def old_ones_first() -> Any:
    """Older snapshots are deleted before the new one is written, which may fail."""
    real = write_snapshot

    def write(directory: Any, place: Any, state: Any) -> Any:
        for old in snapshot_files(directory):
            old.path.unlink()
        return real(directory, place, state)

    return patch.object(tests.simulation.world, "write_snapshot", write)


def archived_before_written() -> Any:
    """Entries count as archived although the file could not be written."""
    real = JournalArchive._write

    def write(self: Any, batch: Any) -> None:
        self.last = batch[-1].id
        real(self, batch)

    return patch.object(JournalArchive, "_write", write)


def arrival_after_write() -> Any:
    """Live events arrive when they are journaled, and replayed ones when they were sent."""
    real = JournalStep.handle

    def handle(self: Any, request: Any) -> None:
        real(self, request)
        if request.records and not request.replayed:
            request.arrival = Machine.world.now

    return patch.object(JournalStep, "handle", handle)


def shadows_forgotten() -> Any:
    """A snapshot does not have what was said in shadow."""
    return patch.object(ledger_content, "restored_shadows", lambda state, count: [()] * count)


def calendar_of_today() -> Any:
    """A replay and another process judge by the calendar that is kept beside the journal alone."""
    real = DeviceStates._change

    def change(self: Any, request: Any) -> None:
        if not request.replayed:
            real(self, request)

    return patch.object(DeviceStates, "_change", change)


def horizons_of_today() -> Any:
    """Further horizons are answered by the models that were deployed last, in a replay too."""
    return patch.object(HorizonModels, "at", lambda self, versions: self.deployed)


def ahead_forgotten() -> Any:
    """A snapshot does not have what was said of further horizons."""
    return patch.object(ledger_content, "restored_ahead", lambda state, count: [()] * count)


def told_forgotten() -> Any:
    """What the history told of incidents is given to no step in a replay, nor in another process."""
    real = LabeledJoin.handle

    def handle(self: Any, request: Any) -> None:
        if request.kind is not Kind.INCIDENTS or not request.replayed:
            real(self, request)

    return patch.object(LabeledJoin, "handle", handle)


def resent_takes_back() -> Any:
    """A ticket that is sent again takes back what a person cancelled."""
    return patch.object(Incident, "repeats", lambda _self, _earlier: False)


PLANTS: dict[str, Callable[[], Any]] = {
    plant.__name__: plant
    for plant in (
        skip_journal_write,
        snapshot_before_write,
        double_replay,
        lost_trim_bound,
        stale_swap,
        early_note,
        unfinished_forgotten,
        unseen_loss,
        old_ones_first,
        archived_before_written,
        arrival_after_write,
        shadows_forgotten,
        calendar_of_today,
        horizons_of_today,
        ahead_forgotten,
        told_forgotten,
        resent_takes_back,
    )
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Have a bug in the real code; without a name none."""
    if not name:
        yield
        return
    with PLANTS[name]():
        yield
