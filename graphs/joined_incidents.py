"""Incidents and positives of which the ledger derives its labels, and what is kept and told of them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from feature_sets.checks import duration_seconds
from feature_sets.ingestion.label_state import LabelState
from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.early_incidents import with_early
from feature_sets.telemetry.events import LabelEvent
from feature_sets.telemetry.incident_events import CHANGES, Incident, IncidentEvent, IncidentStatus
from feature_sets.telemetry.incidents_that_count import closed_by_files
from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.errors import ApiError
from graphs.protocol.records import IncidentRecord, LabeledPair
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from graphs.state.derived_ledger import DerivedLedger
from graphs.state.early_in_request import with_what_waits
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.history_incidents import HistoryIncidents
from graphs.state.incident_book import IncidentBook
from graphs.state.incident_change import Changed
from graphs.state.journal import Journal, JournalEvent
from graphs.state.kept_incidents import KeptIncidents
from graphs.state.new_incidents import refuse_nameless
from graphs.state.serving_state import ServingState
from graphs.state.told_labels import ToldPositives, untold_incidents, untold_positives

_INCIDENTS = "incidents"
"""Document beside the journal."""
_MOST_FOLLOWED = 200_000
"""Predictions that the history is asked for at once, at most; the others are at the next time."""


class JoinedIncidents:
    """What is said of incidents goes to the ledger. It is kept beside the journal before that drops it.

    :param state: of the endpoint.
    :param ledger: derives labels of incidents or positives.
    :param book: the incidents of the ledger.
    :param logger: is told when they cannot be kept.
    """

    def __init__(self, state: ServingState, ledger: DerivedLedger, book: IncidentBook, logger: Any) -> None:
        self._ledger, self._book, self._logger = ledger, book, logger
        self._journal, self._told, self._devices = state.journal, state.told, state.devices
        self._schema = state.schema
        self._most_told = max(1, state.settings.ledger_max_size // 2)
        self._save_every, self._unsaved = max(1, state.settings.journal_max_events // 4), 0
        self._place: EntryId = BEFORE_ALL
        self._told_positives = ToldPositives()
        self._kept: KeptIncidents | None = None
        if state.schema.labels.has_incidents:
            self._history = HistoryIncidents(state.schema, self._most_told)
            self._tolerance = duration_seconds(state.schema.windows.future_tolerance)
            self._kept = KeptIncidents(lambda name: book.get(name) is not None or name in book.early)

    def go_to(self, entry: EntryId) -> None:
        """An entry is about to be handled: take over the incidents that were kept of before it."""
        self._place = max(self._place, entry)
        self._take_over(entry)

    def note(self, request: Request) -> None:
        """Take note of a request that was handled: incidents may have to be kept beside the journal."""
        self._unsaved += len(request.telemetry) + len(request.labels)
        if self._unsaved >= self._save_every and not request.replayed:
            self.save()

    def prepare(self, request: Request) -> None:
        """Have an incident that files told, or that was waited for, say all of it: history reads it alone.

        :raises ApiError: 422 if a new incident names no device that there is.
        """
        if request.entry == BEFORE_ALL:
            self._take_over(None)
            refuse_nameless(request, self._book)
        if self._kept is None or (request.kind is Kind.INCIDENTS and request.entry > BEFORE_ALL):
            return
        self._take_over(request.entry if request.entry > BEFORE_ALL else None)
        with_what_waits(request, self._book, self._tolerance)

    def note_positive(self, event: LabelEvent) -> None:
        """The history has told a positive; with a horizon it tells what followed, of each prediction once."""
        if not self._schema.horizon_seconds:
            self._told_positives.note(event)

    def take(self, request: Request, record: IncidentRecord, arrived: float) -> list[LabeledPair]:
        """Take what is said of an incident; gives the pairs that it completes.

        :param arrived: epoch seconds.
        """
        if "changed" not in request.done:  # Else what follows has failed, and this is no repeat.
            if self._kept is not None and self._kept.tells(record.event, self._book):
                record.status = IncidentStatus.DUPLICATE.value
                return []
            request.done["changed"] = self._ledger.add_incident(record.event, arrived)
        changed: Changed = request.done["changed"]
        record.status, record.labeled = changed.status.value, changed.labeled
        record.too_late, record.is_late = changed.too_late, changed.is_late
        if not request.replayed and not record.event.source:  # Nobody waits for the other answers.
            record.devices = self._named(record.event.id)
            known = self._book.get(record.event.id)
            record.stays_cancelled = (
                known is not None and known.cancelled and changed.status != IncidentStatus.CANCELLED
            )
        name, is_early = record.event.id, changed.status is IncidentStatus.WAITING
        told = self._book.early.get(name) if is_early else self._book.get(name)
        if (is_early or changed.status in CHANGES) and told is not None and self._kept is not None:
            self._kept.note(request.entry, told)
        del request.done["changed"]
        return changed.pairs

    def untold(self) -> Iterator[tuple[Kind, Sequence[JournalEvent]]]:
        """Incidents and positives that the history has, as far as they are not known here."""
        state = self._told.read() if self._told is not None else None
        if state is None:
            return
        if self._kept is not None:
            oldest, most = self._ledger.oldest, self._most_told
            rows = closed_by_files(state.incidents)
            self._history.load(rows)
            yield (
                Kind.INCIDENTS,
                untold_incidents(rows, self._schema, self._book, self._kept, oldest, most),
            )
            yield Kind.LABELS, self._opened_by_history()
            yield Kind.INCIDENTS, self._followed_by_files(state)
        elif not self._schema.horizon_seconds:
            told, most = self._told_positives, self._most_told
            yield Kind.INCIDENTS, untold_positives(state, self._schema, self._ledger, told, most)

    def asked(self, request: Request) -> Iterator[tuple[Kind, Sequence[JournalEvent]]]:
        """Incidents that are not known here any more: the history knows what a request leaves out."""
        if self._kept is None or not request.labels:
            return
        self._take_over(None)
        ids = [record.event.id for record in request.labels if isinstance(record, IncidentRecord)]
        names = [name for name in dict.fromkeys(ids) if self._book.get(name) is None]
        if names:
            yield Kind.INCIDENTS, list(self._history.told(names, self._kept))

    def changes(self) -> dict[str, Any] | None:
        """What a snapshot has of incidents that are kept; None if none are."""
        return None if self._kept is None else self._kept.content()

    def restore(self, changes: dict[str, Any]) -> None:
        """Go on from what ``changes`` gave."""
        if self._kept is not None:
            self._kept.restore(changes)

    def keep_anew(self) -> None:
        """Keep them beside the journal again: they are lost there."""
        if self._kept is not None:
            self._kept.is_saved = False
            self.save()

    def before_replay(self, journal: Journal, after: EntryId) -> None:
        """Remember incidents of which the journal may have dropped what was said."""
        self._place = after
        if self._kept is not None:
            self._kept.load(journal.load(_INCIDENTS), after)

    def after_replay(self) -> None:
        """Take over the incidents that are left."""
        self._take_over(None)
        self._unsaved = self._save_every  # What was replayed may be dropped soon.

    def save(self) -> None:
        """Keep them beside the journal; a failure only makes a restart know less of what it has dropped."""
        self._unsaved = 0
        if self._kept is None or self._kept.is_saved:
            return
        try:
            kept, place = self._kept, self._place
            self._journal.merge(_INCIDENTS, lambda before: kept.merged(before, place))
            self._kept.is_saved = True
        except ApiError as error:
            self._logger.error(f"incidents could not be saved beside the journal: {error}")

    def _take_over(self, until: EntryId | None) -> None:
        """Take over the incidents that were kept of before an entry; all of them without one."""
        if self._kept is not None:
            for incident in self._kept.before(until):
                if isinstance(incident, IncidentEvent):
                    self._book.early.put(incident)
                else:
                    self._book.put(incident)

    def _followed_by_files(self, state: LabelState) -> list[LabelEvent]:
        """What the history says of predictions ahead whose device went on in files: no error followed.

        An error that followed is known from its incident. Of many, the newest are told.
        """
        rows = self._ledger.unfollowed(state.newest) if state.newest is not None else []
        if self._told is None or not rows:
            return []
        rows = heapq.nlargest(_MOST_FOLLOWED, rows, key=itemgetter(1)) if len(rows) > _MOST_FOLLOWED else rows
        return [LabelEvent(device, micros / 1_000_000, 0) for device, micros in self._told.healthy(rows)]

    def _opened_by_history(self) -> list[IncidentEvent]:
        """What waited for the start of incidents that the history has by now, each as a whole event."""
        if self._kept is None or not len(self._book.early):
            return []
        found = []
        for told in self._history.told([event.id for event in self._book.early], self._kept):
            known = Incident.told(told)
            waiting = self._book.early.get(told.id)
            if waiting is not None:
                nothing = IncidentEvent(told.id, {}, None, None, False, None, {})
                found.append(known.whole(with_early(known, waiting, nothing)))
        return found

    def _named(self, name: str) -> int | None:
        """How many registered devices an incident names at its start; None if there is none of this id."""
        incident = self._book.get(name)
        if incident is None or self._devices is None:
            return None
        micros = event_micros(incident.start)
        one = incident.names.get(DEVICE)
        devices = self._devices.known if one is None else [one] if one in self._devices.known else []
        return sum(self._book.names(incident, device, micros) for device in devices)
