"""Labels and incidents of requests go to the ledger, and the pairs that they complete to the request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from feature_sets.telemetry.events import LabelEvent
from feature_sets.telemetry.incident_events import IncidentStatus
from graphs.excluded_labels import ExcludedLabels
from graphs.joined_incidents import JoinedIncidents
from graphs.labels_by_request import LabelsByRequest
from graphs.protocol.label_status import LabelStatus
from graphs.protocol.records import IncidentRecord, LabeledPair, LabelRecord
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from graphs.state.ahead_stream import AheadStream
from graphs.state.derived_ledger import DerivedLedger
from graphs.state.kept_labels import KeptLabels
from graphs.state.ledger import LabelOf, PredictionLedger
from graphs.state.ledger_counts import Conflict

_SEVERAL = 8
"""Labels of a list that are noted at once, at least: fewer are quicker one by one."""
Record = TypeVar("Record")


class JoinedLabels:
    """Takes labels one by one, or plain ones of a list at once; each once, also after a failure.

    :param ledger: that they join predictions in.
    :param excluded: tells those that nothing is learned from.
    :param by_request: knows the events of labels that name a request.
    :param ahead: is told of rows that do not count.
    :param incidents: takes incidents; None where the schema has labels in another form.
    :param kept: remembers labels that join no prediction, as those with a horizon.
    """

    def __init__(
        self,
        ledger: PredictionLedger | DerivedLedger,
        excluded: ExcludedLabels,
        by_request: LabelsByRequest,
        ahead: AheadStream,
        incidents: JoinedIncidents | None,
        kept: KeptLabels,
    ) -> None:
        self._ledger, self._excluded = ledger, excluded
        self._by_request, self._ahead, self._incidents = by_request, ahead, incidents
        self._kept = kept

    def take(self, request: Request) -> None:
        """Take the labels and incidents of a request; gives it the pairs that they complete."""
        if self._plain_labels(request):
            return
        for index, record in left(request, request.labels):
            if isinstance(record, IncidentRecord):
                self._incident(request, record, request.arrived(index))
            else:
                if request.kind is Kind.INCIDENTS and self._incidents is not None:
                    self._incidents.note_positive(record.event)
                self.take_one(request, record, index)

    def _plain_labels(self, request: Request) -> bool:
        """Note a list of labels at once, if each is one of an event, by device and time; whether it was."""
        ledger = self._ledger
        if (
            not isinstance(ledger, PredictionLedger)
            or len(request.labels) < _SEVERAL
            or "records" in request.done
            or request.arrivals
            or self._ahead.join is not None
            or not self._excluded.is_none
        ):
            return False
        labels = []
        for record in request.labels:
            if isinstance(record, IncidentRecord):
                return False
            device, time, label, _, _, name = record.event
            if name or label is None:
                return False
            labels.append(LabelOf(device, time, label))
        statuses, pairs = ledger.add_labels(labels, request.arrival, request.position(0))
        request.done["records"] = len(labels)
        for record, status in zip(request.labels, statuses, strict=True):
            record.status = status.value
        request.pairs += pairs
        return True

    def take_one(self, request: Request, record: LabelRecord, index: int) -> None:
        """Take a label.

        :param index: of it, or of the reading that it waited for, among those of the request.
        """
        event, arrived = record.event, request.arrived(index)
        if event.name:
            told = self._by_request.take(event, arrived)
            if isinstance(told, LabelStatus):
                record.status = told.value
                return
            record.event = event = told
        if event.label is None and event.observed is not None:
            record.status = self._observed(request, event, event.observed, arrived).value
            return
        ledger, excluded = self._ledger, self._excluded.has(event)
        if isinstance(ledger, DerivedLedger):
            label = None if excluded else event.label
            status, pairs = ledger.add_label(event.device, event.time, label, arrived)
            record.status = status.value
            self.give(request, pairs)
            return
        if event.label is None or excluded:
            record.status = self._left_out(event, excluded, arrived).value
            return
        status, pair = ledger.add_label(
            event.device, event.time, event.label, arrived, request.position(index)
        )
        record.status = status.value
        if pair is not None:
            request.pairs.append(pair)

    def _observed(self, request: Request, event: LabelEvent, said: int, arrived: float) -> LabelStatus:
        """Take a label that says whether the device is in error: with a horizon it joins no prediction.

        :param said: 0 or 1.
        """
        ledger, kept = self._ledger, self._kept
        status = LabelStatus.KEPT
        if not ledger.from_future(event.time, arrived):
            status = kept.status(event.device, event.time, said, ledger.newest, event.others)
        if status is LabelStatus.CONFLICTING:
            before = kept.said(event.device, event.time)
            ledger.note_conflict(Conflict(event.device, event.time, before, said, arrived))
        if status is not LabelStatus.KEPT:
            return status
        excluded = self._excluded.has(event)
        if not isinstance(ledger, DerivedLedger):
            status = self._left_out(event, excluded, arrived)
        elif excluded:
            status, pairs = ledger.add_label(event.device, event.time, None, arrived)
            self.give(request, pairs)
        else:
            status = ledger.add_observed(event.device, event.time, arrived)
        if status is LabelStatus.KEPT:  # Last: who tries again must not find it as a repeat.
            kept.note(event.device, event.time, said, ledger.newest, event.others)
        return status

    def _left_out(self, event: LabelEvent, excluded: bool, arrived: float) -> LabelStatus:
        """Take a label of a row that is joined with no prediction."""
        future = self._ledger.from_future(event.time, arrived)
        if excluded and not future:
            self._ahead.exclude(event.device, event.time, self._ledger.newest)
        return LabelStatus.QUARANTINED if future else LabelStatus.KEPT

    def _incident(self, request: Request, record: IncidentRecord, arrived: float) -> None:
        """Note an incident; the ingress takes none, unless the schema has its labels in that form."""
        if self._incidents is None:  # Of a journal from before the schema was another.
            record.status = IncidentStatus.UNKNOWN.value
            return
        self.give(request, self._incidents.take(request, record, arrived))

    def give(self, request: Request, pairs: list[LabeledPair]) -> None:
        """Have each pair of a request its own position: one event may complete several."""
        for pair in pairs:
            request.pairs.append(pair._replace(position=request.position(len(request.pairs))))
        if isinstance(self._ledger, DerivedLedger):
            for pair in self._ledger.take_mature():
                request.mature.append(pair._replace(position=request.position(len(request.mature))))


def left(request: Request, records: Sequence[Record]) -> Iterator[tuple[int, Record]]:
    """Records by their index, without those that were taken before a failure at a later one."""
    for index in range(request.done.get("records", 0), len(records)):
        yield index, records[index]
        request.done["records"] = index + 1
