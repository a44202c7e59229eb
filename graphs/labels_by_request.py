"""Labels that name their event by the request that brought it, see ``graphs.protocol.event_names``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.events import REQUEST_ID, EventError, LabelEvent
from feature_sets.windows import event_status
from graphs.ledger_room import LATER
from graphs.protocol.errors import ApiError
from graphs.protocol.label_status import LabelStatus
from graphs.protocol.records import LabelRecord, TelemetryRecord
from graphs.protocol.request import Request
from graphs.protocol.telemetry_columns import TelemetryColumns, columns_of
from graphs.state.known_names import Ambiguous, Key, KnownNames
from graphs.state.ledger_counts import LedgerCounts
from graphs.state.snapshots.saved_state import SavedState

_NAMES_AN_EVENT = 2
_SEVERAL = "must name one event: several requests had this id, so send device and time"


class _Waiting(NamedTuple):
    """A label whose event has not come; ``told_at`` in epoch seconds."""

    event: LabelEvent
    told_at: float


class LabelsByRequest:
    """Finds the events of such labels, and keeps those whose event has not come yet.

    One that waits takes its place among the labels of its event when that comes. Of two that wait for one
    event the first counts. It has no event time, so it waits by the clock: for the deadline after it came.

    :param ledger: counts them among its own.
    :param deadline_seconds: how long a label may wait.
    :param beside_seconds: how much later than its event the time of a label may be.
    :param most: events that the ledger remembers. There may be twice as many names: an event has another one
        each time that it is sent.
    """

    def __init__(
        self, ledger: LedgerCounts, deadline_seconds: float, beside_seconds: float, most: int
    ) -> None:
        self._ledger, self._deadline = ledger, deadline_seconds
        self._beside = round(beside_seconds * 1_000_000)
        self._most = _NAMES_AN_EVENT * most
        self._known = KnownNames(self._most)
        self._waiting: dict[str, _Waiting] = {}

    def waiting(self, now: float) -> int:
        """How many labels wait, without those that are given up by now, epoch seconds."""
        over = 0
        for told in self._waiting.values():
            if told.told_at >= now - self._deadline:
                break
            over += 1
        return len(self._waiting) - over

    @property
    def is_full(self) -> bool:
        """Whether there are as many names as are remembered."""
        return self._known.events >= self._most

    def check_room(self, newest: float) -> None:
        """Refuse readings whose names cannot be remembered: events that are sent again and again.

        :param newest: event time of the newest reading with those of the request, epoch seconds.
        :raises ApiError: 503 if there are too many names, and no newer event ends one.
        """
        if self.is_full and not self._known.frees(newest - self._deadline):
            rule = f"must be sent again later: {self._known.events} names of events wait for their deadline"
            raise ApiError(503, "ledger", rule, headers=LATER, reason="names")

    def resolve(self, request: Request) -> None:
        """Have labels say device and time of the event that they name, before they are journaled.

        :raises ApiError: 422 if the only label is refused, or one of several requests that came together.
        """
        named = [record for record in request.labels if isinstance(record, LabelRecord) and record.event.name]
        if not named:
            return
        found = self._known.find([record.event.name for record in named])
        refused: set[int] = set()
        for record, key in zip(named, found, strict=True):
            try:
                record.event = self._of_event(record.event, key)
            except EventError as error:
                if not request.id:  # Of several requests; each is answered by itself then.
                    raise ApiError(422, error.where, error.rule, error.got) from None
                request.refuse(record.place, error)
                refused.add(record.place)
        if refused:
            request.labels = [record for record in request.labels if record.place not in refused]

    def _of_event(self, event: LabelEvent, key: Key | Ambiguous | None) -> LabelEvent:
        """The label with what is known of its event.

        :raises EventError: if its name is that of another event, or of several.
        """
        if key is None:
            return event._replace(name="") if event.device else event
        if isinstance(key, Ambiguous):
            if event.device:
                return event._replace(name="")
            raise EventError(REQUEST_ID, _SEVERAL, event.name)
        if event.device:
            after = event_micros(event.time) - event_micros(key[1])
            if event.device != key[0] or not 0 <= after <= self._beside:
                raise EventError(REQUEST_ID, "must name the event of this device and time", event.name)
        return event._replace(device=key[0], time=key[1], name="")

    def take(self, event: LabelEvent, arrived: float) -> LabelEvent | LabelStatus:
        """Keep a label whose event was not known when it was journaled, unless that has come since.

        :param arrived: epoch seconds.
        """
        (key,) = self._known.find([event.name])
        if isinstance(key, Ambiguous):
            self._ledger.note_expired_label()
            return LabelStatus.EXPIRED
        if key is not None:  # Another process took it in between.
            return event._replace(device=key[0], time=key[1], name="")
        before = self._waiting.get(event.name)
        if before is None:
            self._waiting[event.name] = _Waiting(event, arrived)
            self._ledger.note_waiting(1)
            return LabelStatus.WAITING
        if before.event == event._replace(time=before.event.time):  # NaN is not equal to itself.
            return LabelStatus.DUPLICATE
        self._ledger.conflicting += 1
        return LabelStatus.CONFLICTING

    def names(self, request: Request) -> Sequence[str]:
        """Name of each reading of a request, if a label waits for any; else nothing."""
        return [name for sent in request.sent_events for name in sent.names] if self._waiting else ()

    def waits(self, record: TelemetryRecord, name: str) -> LabelEvent | None:
        """The label that waits for a reading, if there is one, of its device and time now."""
        if not _is_named(record) or name not in self._waiting:
            return None
        waited = self._waiting[name].event
        return waited._replace(device=record.event.device, time=record.event.time, name="")

    def end(self, name: str) -> None:
        """A label has taken its place among those of its event."""
        del self._waiting[name]
        self._ledger.note_waiting(-1)

    def note(self, request: Request, oldest: float) -> None:
        """Remember what the readings of a request are called; forget names of before an event time."""
        columns, place = columns_of(request.telemetry), 0
        if columns is not None:
            devices, times = columns.plain.devices, _named_times(columns)
            for sent in request.sent_events:
                end = place + sent.size
                if sent.places is None:
                    time = columns.plain.times[place]
                    self._known.note(sent, [None if math.isnan(times[place]) else (devices[place], time)])
                else:
                    self._known.note_list(sent, devices[place:end], times[place:end])
                place = end
            self._known.forget(oldest)
            return
        keys = _keys(request)
        for sent in request.sent_events:
            self._known.note(sent, keys[place : place + sent.size])
            place += sent.size
        self._known.forget(oldest)

    def expire(self, now: float) -> None:
        """Give up labels that have waited too long.

        :param now: arrival of a request, epoch seconds.
        """
        while self._waiting:
            name = next(iter(self._waiting))
            if self._waiting[name].told_at >= now - self._deadline:
                return
            del self._waiting[name]
            self._ledger.note_waiting(-1)
            self._ledger.note_expired_label()

    def saved(self) -> SavedState:
        """Everything that is remembered."""
        rows = [
            [name, told.event.label, list(told.event.others), told.event.observed, told.told_at]
            for name, told in self._waiting.items()
        ]
        return SavedState.of_parts({"known": self._known.saved()}).with_part(
            "waiting", SavedState({"rows": rows})
        )

    def restore(self, state: SavedState) -> None:
        """Remember what was saved; earlier snapshots have nothing of it."""
        self._known.restore(state.part("known"))
        self._waiting = {
            name: _Waiting(LabelEvent("", math.nan, label, tuple(others), observed, name), told_at)
            for name, label, others, observed, told_at in state.part("waiting").plain.get("rows", ())
        }


def _keys(request: Request) -> list[Key | None]:
    """Device and time of each reading of a request that a label may name."""
    return [(each.event.device, each.event.time) if _is_named(each) else None for each in request.telemetry]


def _named_times(columns: TelemetryColumns) -> npt.NDArray[np.float64]:
    """Event time of each reading of a list that a label may name, NaN of the others."""
    made = columns.made
    if made is not None and len(made) == len(columns):
        return columns.seconds
    times = np.full(len(columns), np.nan)
    if made is not None:
        times[made.events] = columns.seconds[made.events]
    return times


def _is_named(record: TelemetryRecord) -> bool:
    """Whether a label may name a reading: one with an answer of the model, even a silenced one."""
    if record.prediction is not None:
        return True
    return record.maintenance is not None and record.status in event_status.COUNTED
