"""Predictions of requests go to the ledger, and the pairs that they complete to the request."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from feature_sets.windows import event_status
from graphs.joined_labels import JoinedLabels, left
from graphs.labels_by_request import LabelsByRequest
from graphs.protocol.device_state import DeviceState
from graphs.protocol.device_status import DeviceStatus
from graphs.protocol.records import LabelRecord, Position, Prediction, TelemetryRecord
from graphs.protocol.request import Request
from graphs.protocol.telemetry_columns import TelemetryColumns, columns_of
from graphs.state.accepted_before import AcceptedBefore
from graphs.state.ahead_stream import AheadStream
from graphs.state.derived_ledger import DerivedLedger
from graphs.state.ledger import PredictionLedger
from graphs.state.silenced import Silenced, SilencedPredictions

_NOWHERE = Position(0, 0, 0)


class JoinedPredictions:
    """Takes predictions one by one, or those of a list at once; each once, also after a failure.

    A repeated event is given the answer that it got first.

    :param ledger: that labels join them in.
    :param silenced: has those of a maintenance; None without a calendar.
    :param accepted: knows events that the ledger has forgotten.
    :param labels: takes a label that waited for its event.
    :param by_request: knows what events are called.
    :param ahead: joins further horizons.
    :param deadline_seconds: of labels.
    :param gauges: metrics that are features as they are.
    :param inputs: features of the model that the graph was deployed with.
    """

    def __init__(
        self,
        ledger: PredictionLedger | DerivedLedger,
        silenced: SilencedPredictions | None,
        accepted: AcceptedBefore,
        labels: JoinedLabels,
        by_request: LabelsByRequest,
        ahead: AheadStream,
        deadline_seconds: float,
        gauges: Collection[str] = (),
        inputs: Sequence[str] = (),
    ) -> None:
        self._ledger, self._silenced, self._accepted = ledger, silenced, accepted
        self._labels, self._by_request, self._ahead = labels, by_request, ahead
        self._deadline = deadline_seconds
        self._gauges, self._inputs = frozenset(gauges), inputs

    def take(self, request: Request) -> None:
        """Note the predictions of a request; gives it the pairs that they complete."""
        if "joined" not in request.done:
            names = self._by_request.names(request)
            is_begun = "added" in request.done or "records" in request.done
            columns = columns_of(request.telemetry) if not names and not is_begun else None
            if columns is None or not self._column_predictions(request, columns):
                self._each_prediction(request, names)
            elif "accepted" not in request.done:
                self._note_accepted(request, columns)
                request.done["accepted"] = True
            request.done["joined"] = True
        newest = -math.inf if self._ledger.newest is None else self._ledger.newest
        if self._silenced is not None:
            self._silenced.forget_before(newest)
            if self._by_request.is_full:  # It may be that all are in a maintenance.
                newest = max(newest, self._silenced.newest)
        self._by_request.note(request, newest - self._deadline)

    def _column_predictions(self, request: Request, columns: TelemetryColumns) -> bool:
        """Note the predictions of a list at once; whether that could be done."""
        ledger = self._ledger
        if "repeated" not in request.done:
            if self._ahead.join is not None or self._silenced is not None:
                return False
            # What may be a repeated event is answered by its record.
            is_new = columns.made is not None and set(columns.statuses).issubset(event_status.COUNTED)
            if columns.made is None or not is_new or not isinstance(ledger, PredictionLedger):
                return False
            seconds, made = columns.seconds, columns.made
            if "joining" not in request.done:
                if ledger.forgets_some(seconds[made.events]):
                    return False
                repeated: list[int] = []
                joined = ledger.note_predictions(
                    columns.plain.devices, seconds, made, request.arrival, repeated
                )
                request.done["joining"] = joined, repeated
            joined, repeated = request.done["joining"]
            request.pairs += ledger.pairs_of(columns.plain.devices, seconds, joined, request.position(0))
            request.done["repeated"] = repeated
        for place in request.done["repeated"]:
            record = columns.records[place]
            self._answer_again(record, ledger.prediction(record.event.device, record.event.time))
        return True

    def _note_accepted(self, request: Request, columns: TelemetryColumns) -> None:
        """Take note of what was counted of a list whose predictions were noted at once."""
        made = columns.made
        if made is not None and len(made) == len(columns) and not request.done["repeated"]:
            self._accepted.note_all(columns.plain.devices, columns.seconds, request.arrival)
            return
        predicted = set() if made is None else set(made.events.tolist())
        for place in set(range(len(columns))) - set(request.done["repeated"]):
            device, time = columns.plain.devices[place], columns.plain.times[place]
            self._accepted.note(device, time, request.arrival, place in predicted)

    def _each_prediction(self, request: Request, names: Sequence[str]) -> None:
        for index, record in left(request, request.telemetry):
            if (
                "added" not in request.done
            ):  # Else what follows has failed, and this is no earlier prediction.
                request.done["added"] = self._prediction(request, record, index)
            if request.done["added"]:
                self._ahead.advance(self._ledger.newest, request.arrived(index))
            waited = self._by_request.waits(record, names[index]) if names else None
            if waited is not None:
                self._labels.take_one(request, LabelRecord(waited, index), index)
                self._by_request.end(names[index])
            if record.status in event_status.COUNTED:
                event, is_kept = record.event, record.prediction is not None
                self._accepted.note(event.device, event.time, request.arrived(index), is_kept)
            del request.done["added"]

    def _prediction(self, request: Request, record: TelemetryRecord, index: int) -> bool:
        """Note a prediction, or answer by the one that there is; whether it was noted."""
        ledger = self._ledger
        event, made = record.event, record.prediction
        # What has failed while it was taken is no earlier one.
        first = None if "taking" in request.done else ledger.prediction(event.device, event.time)
        if first is not None:
            self._answer_again(record, first)
            return False
        arrived = request.arrived(index)
        if record.status == event_status.TOO_LATE and self._accepted.has(event.device, event.time, arrived):
            record.status = event_status.DUPLICATE  # What was said of it then, nobody knows any more.
        if self._silenced is not None:
            self._silenced.forget_before(ledger.newest)
            said = self._silenced.of(event.device, event.time)
            if said is not None:
                self._answer_again(record, said.made, said.maintenance)
                return False
            if record.maintenance is not None:
                if record.status in event_status.COUNTED:
                    self._ahead.exclude(event.device, event.time, ledger.newest)
                    if made is not None:
                        said = Silenced(made, record.maintenance)
                        self._silenced.put(event.device, event.time, said, arrived)
                return False
        if made is None:
            return False
        if isinstance(ledger, DerivedLedger):
            request.done["taking"] = True
            self._labels.give(request, ledger.add_prediction(event.device, event.time, made, arrived))
            del request.done["taking"]
        else:
            pair = ledger.add_prediction(event.device, event.time, made, arrived, _NOWHERE)
            if pair is not None:
                request.pairs.append(pair._replace(position=request.position(index)))
        return True

    def _answer_again(
        self, record: TelemetryRecord, first: Prediction | None, maintenance: str | None = None
    ) -> None:
        """Give a repeated event the answer that it got first.

        Only the ledger knows all of them: the windows have lost an event that is older than they reach back,
        and all of a device that they have forgotten. One with other values is told as that, and counted.
        """
        is_told = record.status == event_status.CONFLICTING
        is_other = first is not None and self._contradicts(record, first)
        self._ledger.conflicting_readings += is_other and not is_told
        status = event_status.CONFLICTING if is_other else event_status.DUPLICATE
        record.status, record.prediction, record.maintenance = status, first, maintenance
        if record.device_state and maintenance is not None:  # By now that entry may be another, or none.
            is_retired = record.device_status is DeviceStatus.RETIRED
            record.device_state = (DeviceState.RETIRED if is_retired else DeviceState.MAINTENANCE).value

    def _contradicts(self, record: TelemetryRecord, first: Prediction) -> bool:
        """Whether an event has another value of a metric than the inputs of an earlier prediction have."""
        inputs = (first.inputs or self._inputs) if self._gauges else ()
        for name, before in zip(inputs, first.features.tolist(), strict=bool(inputs)):
            if name in self._gauges:
                now = record.event.metrics[name]
                if now != before and not (now != now and before != before):
                    return True
        return False
