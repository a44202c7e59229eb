"""Step after the features: the state of each device, and the calendar of maintenance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from feature_sets.telemetry.calendar import Maintenance
from feature_sets.telemetry.maintenance_event import MaintenanceEvent
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows import event_status
from graphs.doubtful_readings import DoubtfulReadings
from graphs.protocol.device_state import ORDER
from graphs.protocol.errors import ApiError
from graphs.protocol.maintenance_answer import maintenance_answer
from graphs.protocol.records import MaintenanceRecord
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind, kinds_of
from graphs.protocol.telemetry_columns import columns_of
from graphs.protocol.times import iso_time
from graphs.request_step import RequestStep
from graphs.state.device_activity import DeviceActivity
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.journal import Journal, JournalEvent
from graphs.state.serving_state import serving_state
from graphs.state.snapshots.saved_state import SavedState

_CHANGES, _HEARD = "maintenance", "heard"
_DAYS_KEPT = 30
"""So long the calendar has entries that are over, so that they can be changed."""
_CHANGES_KEPT = 10_000
"""Earlier changes of entries are kept up to so many, for a replay of what came before the last one."""
_SWEEP_SECONDS = 3600.0
"""Event time after which entries that are over are looked for; by the clock, devices that are forgotten."""
_TOLD = "told"
_PAGE, _LARGEST_PAGE = 1000, 10_000


class _Change(NamedTuple):
    """A change of the calendar, posted or taken over from the history."""

    event: MaintenanceEvent
    is_posted: bool


class DeviceStates(RequestStep):
    """Says in which state an event finds its device, and takes changes of the calendar over.

    Changes are kept beside the journal too: it drops old entries, and a maintenance may be older than these.
    A replay takes each change over where it was, in the order of all entries, and so it does with what the
    history knew. When devices were last heard is in the snapshots, and the journal drops nothing that these
    lack. Without snapshots it is kept beside the journal now and then, before entries are dropped.

    :param context: MLRun's graph context.
    :param name: name of the step.
    """

    kinds: ClassVar[frozenset[Kind]] = kinds_of("device_states")

    def __init__(self, context: Any, name: str = "device_states") -> None:
        self.name = name
        self._logger = context.logger
        state = serving_state(context)
        self._state = state
        self._calendar = state.calendar
        self._activity = DeviceActivity(state.schema, state.devices, state.calendar)
        self._doubtful = DoubtfulReadings(state.schema, state.metrics, self._moment)
        self._tells = state.schema.tells_device_states
        self._save_every = max(1000, state.settings.journal_max_events // 4)
        self._unsaved, self._looked = 0, -math.inf
        self._changes: dict[tuple[EntryId, str], _Change] = {}
        self._pending: list[tuple[EntryId, _Change]] = []
        self._place: EntryId = BEFORE_ALL
        horizon = state.schema.horizon_seconds
        deadline = state.settings.label_deadline_seconds + horizon
        healthy = state.schema.labels.healthy_seconds + 3 * horizon
        self._kept_seconds = max(_DAYS_KEPT * 86_400.0, deadline, healthy)
        self._newest = self._swept = -math.inf

    def handle(self, request: Request) -> None:
        """Note readings, take changes over, or tell the states or the calendar."""
        self._place = max(self._place, request.entry)
        self._take_pending(request.entry, is_before=bool(request.maintenance))
        if request.kind is Kind.TELEMETRY:
            self._readings(request)
            self._doubtful.take(request)
        elif request.maintenance:
            self._change(request)
            self._take_pending(request.entry)  # They are those of this entry.
        elif request.kind is Kind.DEVICES:
            request.reply(self._devices(request.query))
        elif request.kind is Kind.CALENDAR:
            request.reply(self._entries())
        elif request.kind is Kind.READINGS:
            request.reply(self._doubtful.told())
        else:
            self._count_devices()

    def saved(self) -> SavedState:
        """When devices were last heard, and the calendar with its changes."""
        plain: dict[str, Any] = {
            "heard": self._activity.heard,
            "newest": self._newest,
            "swept": self._swept,
            "changes": self._changes_content(),
        }
        if self._calendar is not None:
            plain["calendar"] = self._calendar.saved()
        return SavedState(plain).with_part("doubtful", self._doubtful.saved())

    def restore(self, state: SavedState, lost: bool) -> bool:
        """Go on from what was saved."""
        plain = state.plain
        self._activity.heard.update(plain["heard"])
        self._newest, self._swept = plain["newest"], plain["swept"]
        self._doubtful.restore(state.part("doubtful"))
        if self._calendar is not None and "calendar" in plain:
            self._calendar.restore(plain["calendar"])
        for place, change in _read(plain["changes"]):
            self._changes[place, change.event.id] = change
        return True

    def before_snapshot(self, lost: bool) -> None:
        """Keep beside the journal again what is lost there, and settle what nobody waits for."""
        self._doubtful.settle()
        if lost:
            self._save_heard()
            if self._calendar is not None:
                self._save_changes()

    def before_replay(self, journal: Journal, after: EntryId) -> None:
        """Remember what the journal may have dropped."""
        self._place = after
        saved = journal.load(_CHANGES) or {"changes": []}
        self._pending = [
            (place, change)
            for place, change in _read(saved["changes"])
            if place > after or after == BEFORE_ALL  # The calendar of the snapshot has the others.
        ]
        if after > BEFORE_ALL:
            self._pending.sort(key=lambda pending: pending[0], reverse=True)
            return
        if not saved.get(_TOLD) and self._calendar is not None and next(journal.entries(), None) is not None:
            # Earlier versions did not journal it: a replay began with what the history knew then.
            known = [_Change(event, is_posted=False) for event in self._calendar.untold()]
            self._pending += [(BEFORE_ALL, change) for change in known]
        self._pending.sort(key=lambda pending: pending[0], reverse=True)
        self._activity.heard.update(journal.load(_HEARD) or {})

    def after_replay(self) -> None:
        """Take over the changes that are left, and keep that the history's are journaled from now on."""
        self._take_pending(None)
        if self._calendar is not None:
            self._save_changes()

    def untold(self) -> Iterator[tuple[Kind, Sequence[JournalEvent]]]:
        """Entries of the calendar that the history knows otherwise."""
        if self._calendar is not None:
            yield Kind.CALENDAR, self._calendar.untold()

    def terminate(self) -> None:
        """Save when devices were last heard."""
        self._save_heard()

    def _take_pending(self, until: EntryId | None, is_before: bool = False) -> None:
        """Take over the remembered changes up to an entry; all of them without one.

        :param is_before: whether those of the entry itself are left.
        """
        while self._pending and (until is None or self._pending[-1][0] <= until):
            if is_before and self._pending[-1][0] == until:
                return
            self._take(*self._pending.pop())

    def _take(self, place: EntryId, change: _Change) -> None:
        if self._calendar is not None:
            self._changes[place, change.event.id] = change
            self._calendar.put(*change)

    def _readings(self, request: Request) -> None:
        calendar, activity = self._calendar, self._activity
        columns = columns_of(request.telemetry)
        if calendar is None and not self._tells and columns is not None:
            places = columns.counted
            devices = map(columns.plain.devices.__getitem__, places.tolist())
            activity.heard.update(dict.fromkeys(devices, request.arrival))
            self._newest = max(self._newest, float(columns.seconds[places].max(initial=-math.inf)))
            self._heard(request)
            return
        if calendar is None and not self._tells and not request.arrivals:
            counted = [record.event for record in request.telemetry if record.status in event_status.COUNTED]
            activity.heard.update(dict.fromkeys([event.device for event in counted], request.arrival))
            self._newest = max([self._newest, *(event.time for event in counted)])
            self._heard(request)
            return
        for index, record in enumerate(request.telemetry):
            event = record.event
            if calendar is not None:
                record.maintenance = calendar.at(event.device, event.time)
            arrived = request.arrived(index)
            if self._tells and not record.device_state:  # Else it was told before a failure.
                record.device_state = activity.found(record, arrived).value
            if record.status in event_status.COUNTED:
                activity.heard[event.device] = arrived
                self._newest = max(self._newest, event.time)
        self._heard(request)

    def _heard(self, request: Request) -> None:
        """Forget what is over and, without snapshots, save now and then when devices were heard."""
        self._forget_over(request.arrival)
        if not 0 <= request.arrival - self._looked < _SWEEP_SECONDS:  # Below 0 the clock was set back.
            self._looked = request.arrival
            self._activity.forget(request.arrival)
        self._unsaved += len(request.telemetry)
        if self._unsaved >= self._save_every and not request.replayed:
            self._unsaved = 0
            if self._state.snapshot_directory is None:
                self._save_heard()

    def _change(self, request: Request) -> None:
        for record in request.maintenance:
            record.status = record.status or self._status(record.event)
            self._take(request.entry, _Change(record.event, request.kind is Kind.MAINTENANCE))
            if request.kind is Kind.MAINTENANCE and not request.replayed:  # Nobody waits for other answers.
                record.devices = self._covered(record)
        if not request.replayed:
            self._save_changes()

    def _save_changes(self) -> None:
        self._forget_old()
        self._save(_CHANGES, self._merged_changes)

    def _merged_changes(self, kept: dict[str, Any] | None) -> dict[str, Any]:
        """Our changes, and those of entries that another process has appended and we have not read yet."""
        unread = [
            row
            for row in (kept or {"changes": ()})["changes"]
            if (row[0], row[1]) > self._place and ((row[0], row[1]), row[2]) not in self._changes
        ]
        return {"changes": [*self._changes_content(), *unread], _TOLD: True}

    def _save_heard(self) -> None:
        self._save(_HEARD, self._merged_heard)

    def _merged_heard(self, kept: dict[str, Any] | None) -> dict[str, Any]:
        """When devices were heard, by whichever process heard them last."""
        own = self._activity.heard
        newest = max(own.values(), default=-math.inf)
        unread = {name: at for name, at in (kept or {}).items() if at > own.get(name, newest)}
        return {**own, **unread}

    def _changes_content(self) -> list[tuple[Any, ...]]:
        return [
            (
                *place,
                name,
                None if event.entry is None else event.entry.to_list(),
                *(() if is_posted else (_TOLD,)),
            )
            for (place, name), (event, is_posted) in self._changes.items()
        ]

    def _forget_over(self, arrived: float) -> None:
        """Forget entries of the calendar that were over long ago, by events and by the clock."""
        if self._calendar is None or not self._newest > self._swept + _SWEEP_SECONDS:
            return
        self._swept = self._newest
        self._calendar.forget(min(self._newest, arrived) - self._kept_seconds)
        for place, name in list(self._changes):
            if name not in self._calendar:
                del self._changes[place, name]

    def _status(self, event: MaintenanceEvent) -> str:
        known = self._calendar.entries.get(event.id) if self._calendar is not None else None
        if event.entry is None:
            return "unchanged" if known is None else "cancelled"
        if known is None:
            return "opened"
        return "unchanged" if known == event.entry else "changed"

    def _covered(self, record: MaintenanceRecord) -> int | None:
        devices, entry = self._state.devices, record.event.entry
        if devices is None or entry is None or self._calendar is None:
            return None
        return sum(self._calendar.covers(entry.scope, device) for device in devices.known)

    def _forget_old(self) -> None:
        """Forget earlier changes of entries that were changed again, the oldest first."""
        if len(self._changes) <= _CHANGES_KEPT:
            return
        newest = {name: place for place, name in self._changes}
        superseded = [key for key in self._changes if newest[key[1]] != key[0]]
        for key in superseded[: len(self._changes) - _CHANGES_KEPT]:
            del self._changes[key]

    def _devices(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Answer of ``GET /devices``: a page of them, and how many of all are in each state."""
        moment, limit = self._moment(), _limit(query)
        counts = self._activity.counts(moment)
        rows: list[dict[str, Any]] = []
        more = None
        for device, state in self._activity.all(moment, query.get("after", "")):
            if len(rows) == limit:
                more = rows[-1][DEVICE]
                break
            last = self._activity.heard.get(device)
            name = self._calendar.at(device, moment) if self._calendar is not None else None
            rows.append(
                {
                    DEVICE: device,
                    "state": state.value,
                    "last_heard": None if last is None else iso_time(last),
                    "maintenance": name,
                }
            )
        states = {state.value: counts[state] for state in ORDER}
        return {"at": iso_time(moment), "states": states, "devices": rows, "next": more}

    def _entries(self) -> dict[str, Any]:
        """Answer of ``GET /maintenance``."""
        entries = self._calendar.entries if self._calendar is not None else {}
        schema = self._state.schema
        ordered = sorted(entries.items(), key=lambda item: (item[1].start, item[0]))
        return {"entries": [maintenance_answer(name, entry, schema) for name, entry in ordered]}

    def _count_devices(self) -> None:
        counts = self._activity.counts(self._moment())
        for state in ORDER:
            self._state.metrics.devices.labels(state.value).set(counts[state])

    def _moment(self) -> float:
        return self._state.arrivals.now if self._state.arrivals is not None else self._state.clock()

    def _save(self, name: str, merged: Callable[[dict[str, Any] | None], dict[str, Any]]) -> None:
        """Save; a failure only makes a restart know less of what the journal has dropped."""
        try:
            self._state.journal.merge(name, merged)
        except ApiError as error:
            self._logger.error(f"'{name}' could not be saved beside the journal: {error}")


def _limit(query: Mapping[str, str]) -> int:
    """How many devices a page may have.

    :raises ApiError: 422 if it is not a number within the bounds.
    """
    given = query.get("limit", str(_PAGE))
    number = int(given) if given.isascii() and given.isdecimal() and len(given) <= 6 else 0
    if not 1 <= number <= _LARGEST_PAGE:
        raise ApiError(422, "limit", f"must be a number from 1 to {_LARGEST_PAGE}", given)
    return number


def _read(saved: Iterable[Sequence[Any]]) -> Iterator[tuple[EntryId, _Change]]:
    """Changes from their plain form, each with its place."""
    for milliseconds, sequence, name, entry, *told in saved:
        event = MaintenanceEvent(name, None if entry is None else Maintenance.from_list(entry))
        yield (milliseconds, sequence), _Change(event, is_posted=not told)
