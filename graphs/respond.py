"""Last step: the HTTP answer to a request, or to a failure of ours."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from feature_sets.telemetry.events import REQUEST_ID as REQUEST_ID_FIELD
from feature_sets.telemetry.incident_events import IncidentStatus
from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.errors import ApiError
from graphs.protocol.list_answer import answers_apart, list_answer
from graphs.protocol.maintenance_answer import maintenance_answer
from graphs.protocol.openapi import openapi_document
from graphs.protocol.records import (
    Ahead,
    IncidentRecord,
    LabelRecord,
    MaintenanceRecord,
    Prediction,
    TelemetryRecord,
)
from graphs.protocol.request import JSON, Request
from graphs.protocol.request_id import REQUEST_ID, made_id
from graphs.protocol.roles import anonymous_role
from graphs.protocol.routes import Kind
from graphs.protocol.telemetry_columns import TelemetryColumns, columns_of
from graphs.protocol.times import iso_time
from graphs.replay import tell_history
from graphs.request_counts import count_refused, count_request
from graphs.request_log import RequestLog
from graphs.rerouting import start_routing
from graphs.restart import patiently, replay
from graphs.snapshot import snapshot_taker
from graphs.state.serving_state import serving_state
from graphs.state.snapshots.taker import SnapshotTaker
from graphs.state.told_counts import ToldCounts

NO_DEVICE = "no registered device has the values of this scope; it holds for those that register later"
"""Note of an answer whose scope names none."""

WITHOUT_DEVICES = "it has a start and no device, so it makes no error until one is sent of this id"
"""Note of an incident that waits, not for its start, but for whom it names."""

TOLD_LATE = (
    "it began before what is taken as healthy by now: predictions of that time count as healthy here, "
    "and the history has them as errors"
)
STAYS_CANCELLED = (
    "it is still cancelled, so that no reading is an error by it; "
    "the id alone with cancelled: false takes that back"
)
"""Note of an answer to a change of an incident that was none."""

_NOTHING = dict.fromkeys(
    ("model", "version", "prediction", "probability", "threshold", "inputs", "missing_inputs")
)
"""Of an event without a prediction."""


class Respond:
    """Completes the answer of every request.

    :param context: MLRun's graph context.
    :param name: name of the step.
    """

    def __init__(self, context: Any, name: str = "respond") -> None:
        self.name = name
        self._context = context
        state = serving_state(context)
        self._metrics = state.metrics
        self._schema = state.schema
        self._anonymous = anonymous_role(state.settings.anonymous)
        self._has_horizons = bool(state.schema.further_horizons)
        self._routing = state.routing
        self._further = {
            (horizon, package.schema.version): package.schema.threshold
            for horizon, package in state.further.items()
        }
        """Of this deployment; those of earlier ones are in the trail."""
        self._journal, self._unfinished = state.journal, state.unfinished
        self._taker: SnapshotTaker | None = None
        self._told_counts = ToldCounts(state.metrics, state.journal, state.clock)
        self._log = RequestLog(context.logger, state.settings.request_log)

    def post_init(self, mode: str = "sync", **kwargs: Any) -> None:
        """All steps were made, this being the last: remember what was before."""
        started = time.perf_counter()
        self._unfinished.is_starting = True
        replayed = replay(self._context)
        seconds = time.perf_counter() - started
        self._context.logger.info(f"replayed {replayed.events} events from the journal in {seconds:.1f} s")
        patiently(self._context, None, partial(start_routing, self._context))
        told = patiently(self._context, None, partial(tell_history, self._context))
        if told is None:
            self._context.logger.error(
                "a step failed at what the history tells; POST /devices/reload has the rest"
            )
        else:
            self._context.logger.info(f"took over from the history: {told}")
        self._unfinished.is_starting = False
        for step, entries in self._unfinished.left_out.items():
            self._context.logger.error(
                f"step {step} failed at {entries} more entries, which stay out until the next start; "
                "no snapshot is taken until then"
            )
        self._metrics.started.set(serving_state(self._context).clock())
        self._taker = None if self._unfinished.left_out else snapshot_taker(self._context)
        if self._taker is not None and replayed.lost:
            self._taker.take_anew()

    def do_event(self, event: Any) -> Any:
        """Turn the request into MLRun's HTTP response."""
        request: Request = event.body
        self.answer(event)
        self.note_answer(request)
        self.note_entry(len(request.records))
        return event

    def answer(self, event: Any, is_counted: bool = True) -> None:
        """Only that; ``note_answer`` is for when it was sent, ``note_entry`` for when the whole entry is.

        :param is_counted: whether its events are counted with it; else ``count`` is for when the steps that
            follow have taken them.
        """
        request: Request = event.body
        if not request.answered:
            if is_counted and not request.shared_end:
                self.count(request)
            self._complete(request)
        elif request.single:  # Refused by the ingress, so that no other step counts it.
            count_refused(self._metrics, request)
        if request.content_type == JSON:
            body = orjson.dumps(request.answer, option=orjson.OPT_SERIALIZE_NUMPY)
        else:
            body = request.answer.encode()
        event.body = self._context.Response(
            headers={**request.headers, REQUEST_ID: request.id},
            body=body,
            content_type=request.content_type,
            status_code=request.status,
        )

    def count(self, request: Request) -> None:
        """Count the events of a request that all steps have taken."""
        count_request(self._metrics, request)

    def count_refused(self, request: Request) -> None:
        """Count its readings that broke a rule alone: a step failed at the others, or refused them."""
        count_refused(self._metrics, request)

    def note_answer(self, request: Request) -> None:
        """Count a request that is answered, and note its times."""
        self._metrics.requests.labels(request.kind.value, str(request.status)).inc()
        if request.refused:
            self._metrics.refused.labels(request.refused).inc()
        self._note_times(request)

    def note_shared(self, merged: Request, requests: int) -> None:
        """Count the events of requests that went through the steps as one, and note its times for each.

        Answers to readings that are columns are made for all of them at once.

        They waited for the journal from the end of their own ingress, which ``answer`` notes.
        """
        if not merged.answered:
            count_request(self._metrics, merged)
            columns = columns_of(merged.telemetry)
            if columns is not None and not self._has_horizons:
                columns.texts = answers_apart(columns, self._schema.time, self._threshold(columns))
        kind = merged.kind.value
        for (_, before), (stage, end) in itertools.pairwise(merged.marks):
            self._metrics.stage_seconds.of(kind, stage).observe(end - before, requests)

    def note_entry(self, events: int) -> None:
        """Take note that all of an entry of the journal is answered, and counted: a snapshot may be due.

        :param events: that were accepted.
        """
        if self._taker is not None and self._unfinished.request is None:
            place = self._journal.place
            if place is not None:  # Else the memory lacks an entry that is before the last one.
                self._taker.note(place, events, self._journal.has_lost())

    def _note_times(self, request: Request) -> None:
        """Note how long the request took, and each step: from the end of the one before to its own."""
        before, kind, stages = request.started, request.kind.value, self._metrics.stage_seconds
        answered = 0.0
        for stage, end in request.marks:
            stages.of(kind, stage).observe(end - before)
            before = end
            if stage == self.name:
                answered = end
        if not answered:
            answered = time.perf_counter()
            stages.of(kind, self.name).observe(answered - (request.shared_end or before))
        self._metrics.seconds.of(kind).observe(answered - request.started)
        self._log.note(request, answered - request.started)

    def terminate(self) -> None:
        """Shutdown hook, the last of all steps: keep the state as it is now."""
        self._told_counts.settle()
        place = self._journal.place
        if self._taker is not None and place is not None and self._unfinished.request is None:
            self._taker.close(place)

    def _tell(self, request: Request) -> None:
        """Take over what the history says by now of incidents and maintenance; the answer says how much."""
        try:
            request.reply({**request.answer, **tell_history(self._context)})
        except ApiError as error:
            request.fail(error)

    def _complete(self, request: Request) -> None:
        columns = columns_of(request.telemetry)
        if columns is not None and not request.errors and not self._has_horizons:
            request.reply(orjson.Fragment(self._text(columns, request.single)))
        elif request.kind is Kind.TELEMETRY:
            self._reply_events(request, self._predictions(request.telemetry))
        elif request.kind in (Kind.LABELS, Kind.INCIDENTS):
            self._reply_events(request, [self._label(record) for record in request.labels])
        elif request.kind is Kind.MAINTENANCE:
            self._reply_events(request, [self._maintenance(record) for record in request.maintenance])
        elif request.kind is Kind.RELOAD:
            self._tell(request)
        elif request.kind is Kind.METRICS:
            self._told_counts.settle()
            request.reply(self._metrics.text(), content_type=self._metrics.content_type)
        elif request.kind is Kind.OPENAPI:
            request.reply(openapi_document(self._schema, self._anonymous))
        else:
            raise ValueError(f"request must have been answered by an earlier step, got {request}")

    def _text(self, columns: TelemetryColumns, single: bool) -> bytes:
        """JSON of the answer to readings, which all were accepted."""
        texts = columns.texts
        if single:
            return (texts or answers_apart(columns, self._schema.time, self._threshold(columns)))[0]
        if texts:
            return b"[" + b",".join(texts) + b"]"
        return list_answer(columns, self._schema.time, self._threshold(columns))

    def _threshold(self, columns: TelemetryColumns) -> float | None:
        """Probability from which on the model of the predictions says 1; None without any."""
        version = columns.made.version if columns.made is not None else ""
        return self._routing.threshold(version) if version else None

    def _predictions(self, records: Sequence[TelemetryRecord]) -> list[dict[str, Any]]:
        """Answer of each event; times and thresholds of a list are often the same."""
        if len(records) == 1:
            record = records[0]
            version = "" if record.prediction is None else record.prediction.version
            threshold = self._routing.threshold(version) if version else None
            return [self._prediction(record, iso_time(record.event.time), {version: threshold})]
        times = {record.event.time: "" for record in records}
        for time_of in times:
            times[time_of] = iso_time(time_of)
        versions = {record.prediction.version for record in records if record.prediction is not None}
        thresholds = {version: self._routing.threshold(version) for version in versions}
        return [self._prediction(record, times[record.event.time], thresholds) for record in records]

    def _prediction(
        self, record: TelemetryRecord, at: str, thresholds: Mapping[str, float | None]
    ) -> dict[str, Any]:
        made = record.prediction
        answer: dict[str, Any] = {DEVICE: record.event.device, self._schema.time: at}
        if made is None:
            answer.update(_NOTHING)
        else:
            answer["model"] = made.model
            answer["version"] = made.version
            answer["prediction"] = made.prediction if record.maintenance is None else None
            answer["probability"] = made.probability
            answer["threshold"] = thresholds[made.version]
            answer["inputs"] = len(made.features)
            answer["missing_inputs"] = made.missing
        answer["status"] = record.status
        answer["device_status"] = record.device_status.value
        if record.device_state:
            answer["device_state"] = record.device_state
        if record.maintenance is not None:
            answer["maintenance"] = record.maintenance
        if self._has_horizons:
            answer["horizons"] = self._by_horizon(made, record.maintenance is not None)
        return answer

    def _by_horizon(self, made: Prediction | None, is_silenced: bool) -> dict[str, Any]:
        """What the model of each horizon says, the primary one first; nulls where there is none."""
        said: dict[str, Ahead] = {}
        if made is not None:
            primary = Ahead(self._schema.horizon, made.version, made.prediction, made.probability)
            said = {one.horizon: one for one in (primary, *made.ahead)}
        found = {}
        for horizon in self._schema.horizons:
            one = said.get(horizon)
            found[horizon] = {
                "prediction": one and (None if is_silenced else one.prediction),
                "probability": one and one.probability,
                "threshold": one and self._threshold_of(one),
                "model_version": one and one.version,
            }
        return found

    def _threshold_of(self, said: Ahead) -> float | None:
        """Probability from which on a version of any horizon predicts an error; None if it is not known."""
        if said.horizon == self._schema.horizon:
            return self._routing.threshold(said.version)
        known = self._further.get((said.horizon, said.version))
        return known if known is not None else self._routing.further_threshold(said.horizon, said.version)

    def _maintenance(self, record: MaintenanceRecord) -> dict[str, Any]:
        answer = maintenance_answer(record.event.id, record.event.entry, self._schema)
        return {**answer, "status": record.status, **_devices(record)}

    def _label(self, record: LabelRecord | IncidentRecord) -> dict[str, Any]:
        if isinstance(record, IncidentRecord):
            return {
                "id": record.event.id,
                "status": record.status,
                "labeled": record.labeled,
                "too_late": record.too_late,
                "devices": record.devices,
                **_notes(record),
            }
        event, name = record.event, {REQUEST_ID_FIELD: record.name} if record.name else {}
        is_known = bool(event.device)
        return {
            DEVICE: event.device if is_known else None,
            self._schema.time: iso_time(event.time) if is_known else None,
            "status": record.status,
            **name,
        }

    def _reply_events(self, request: Request, results: list[dict[str, Any]]) -> None:
        """Answer in the form that was sent; beside refused events, results keep the places of theirs."""
        if request.single:
            request.reply(results[0])
        elif not request.errors:
            request.reply(results)
        else:
            placed: list[dict[str, Any] | None] = [None] * request.sent
            for record, result in zip(request.records, results, strict=True):
                placed[record.place] = result
            answer = {"error": request.errors[0], "errors": request.errors, "results": placed}
            request.reply({**answer, **request.named}, 422)


def _devices(record: MaintenanceRecord) -> dict[str, Any]:
    """How many devices a scope names, with a note if there is none: a value may be misspelled."""
    note = {"note": NO_DEVICE} if record.devices == 0 else {}
    return {"devices": record.devices, **note}


def _notes(record: IncidentRecord) -> dict[str, str]:
    """What the sender of an incident may not expect, if there is anything."""
    notes = [NO_DEVICE] if record.devices == 0 else []
    if record.status == IncidentStatus.WAITING.value and record.event.start is not None:
        notes.append(WITHOUT_DEVICES)
    if record.stays_cancelled:
        notes.append(STAYS_CANCELLED)
    if record.is_late:
        notes.append(TOLD_LATE)
    if record.nothing_at:
        notes.append(f"incident_mapping finds nothing at {', '.join(record.nothing_at)}")
    return {"note": "; ".join(notes)} if notes else {}


class ErrorHandler:
    """Error step: answers 500 with an error object when a step failed; the failure is in the log.

    :param context: MLRun's graph context.
    :param name: name of the step.
    """

    def __init__(self, context: Any, name: str = "error_handler") -> None:
        self.name = name
        self._context = context
        state = serving_state(context)
        self._metrics = state.metrics
        self._log = RequestLog(context.logger, state.settings.request_log)

    def do_event(self, event: Any) -> Any:
        """MLRun takes what we return as the body of the event."""
        request = event.body if isinstance(event.body, Request) else Request(Kind.UNKNOWN, id=made_id())
        error = ApiError(500, "server", "must not fail; its log says why it did", None)
        request.fail(error)
        self._metrics.requests.labels(request.kind.value, error.status).inc()
        self._log.note(request, time.perf_counter() - request.started if request.started else 0.0)
        return self._context.Response(
            headers={REQUEST_ID: request.id},
            body=orjson.dumps(request.answer),
            content_type=JSON,
            status_code=error.status,
        )
