"""Last step: makes the HTTP answer and counts it. The error step answers for failures of our own."""

from __future__ import annotations

import time
from typing import Any

import orjson

from feature_sets.telemetry.schema import DEVICE
from graphs.journal_step import replay
from graphs.openapi import openapi_document
from graphs.requests import ApiError, Kind, Request
from graphs.serving_state import serving_state
from graphs.times import iso_time

JSON = "application/json"


class Answer:
    """Completes the answer of every request.

    :param context: MLRun's graph context.
    :param name: name of the step.
    :param model_path: model package whose telemetry schema names the columns.
    :param replay_steps: steps that a restart sends the journal through, in order.
    """

    def __init__(
        self, context: Any, name: str = "answer", model_path: str = "", replay_steps: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self._context = context
        self._state = serving_state(context)
        self._metrics = self._state.metrics
        self._schema = self._state.package(model_path).schema.telemetry
        self._replay_steps = tuple(replay_steps)

    def post_init(self, mode: str = "sync", **kwargs: Any) -> None:
        """All steps were made, this being the last: remember what was before."""
        started = time.perf_counter()
        events = replay(self._context, self._replay_steps)
        seconds = time.perf_counter() - started
        self._context.logger.info(f"replayed {events} events from the journal in {seconds:.1f} s")

    def terminate(self) -> None:
        """Write what is not written yet; called when the process is about to end."""
        self._state.end()

    def do_event(self, event: Any) -> Any:
        """Turn the request into MLRun's HTTP response."""
        request: Request = event.body
        if not request.answered:
            self._complete(request)
        if request.content_type == JSON:
            body = orjson.dumps(request.answer, option=orjson.OPT_SERIALIZE_NUMPY)
        else:
            body = request.answer.encode()
        self._metrics.requests.labels(request.kind.value, request.status).inc()
        self._metrics.seconds.labels(request.kind.value).observe(time.perf_counter() - request.started)
        event.body = self._context.Response(
            body=body, content_type=request.content_type, status_code=request.status
        )
        return event

    def _complete(self, request: Request) -> None:
        if request.kind is Kind.TELEMETRY:
            self._count_telemetry(request)
            self._reply_events(request, self._telemetry(request))
        elif request.kind is Kind.LABELS:
            for status in request.statuses:
                self._metrics.labels.labels(status).inc()
            self._reply_events(request, self._labels(request))
        elif request.kind is Kind.METRICS:
            request.reply(self._metrics.text(), content_type=self._metrics.content_type)
        elif request.kind is Kind.OPENAPI:
            request.reply(openapi_document(self._schema))
        else:
            raise ValueError(f"request must have been answered by an earlier step, got {request}")

    def _telemetry(self, request: Request) -> list[dict[str, Any]]:
        results = []
        for event, status, made in zip(request.events, request.statuses, request.predictions, strict=True):
            result: dict[str, Any] = {DEVICE: event.device, self._schema.time: iso_time(event.time)}
            if made is None:
                result.update(model=None, version=None, prediction=None, probability=None)
            else:
                result.update(
                    model=made.model,
                    version=made.version,
                    prediction=made.prediction,
                    probability=made.probability,
                )
            result["status"] = status
            results.append(result)
        return results

    def _labels(self, request: Request) -> list[dict[str, Any]]:
        return [
            {DEVICE: event.device, self._schema.time: iso_time(event.time), "status": status}
            for event, status in zip(request.labels, request.statuses, strict=True)
        ]

    def _reply_events(self, request: Request, results: list[dict[str, Any]]) -> None:
        """Answer in the form that was sent; beside refused events, results keep the places of theirs."""
        if request.single:
            request.reply(results[0])
        elif not request.errors:
            request.reply(results)
        else:
            placed: list[dict[str, Any] | None] = [None] * request.sent
            for place, result in zip(request.places, results, strict=True):
                placed[place] = result
            answer = {"error": request.errors[0], "errors": request.errors, "results": placed}
            request.reply(answer, 422)

    def _count_telemetry(self, request: Request) -> None:
        for status in request.statuses:
            self._metrics.events.labels(status).inc()
        if request.errors:
            self._metrics.events.labels("refused").inc(len(request.errors))
        for event in request.events:
            for metric in event.out_of_range:
                self._metrics.out_of_range.labels(metric).inc()


class Failure:
    """Error step: answers 500 with an error object when a step failed; the failure is in the log.

    :param context: MLRun's graph context.
    :param name: name of the step.
    """

    def __init__(self, context: Any, name: str = "failure") -> None:
        self.name = name
        self._context = context
        self._metrics = serving_state(context).metrics

    def do_event(self, event: Any) -> Any:
        """MLRun takes what we return as the body of the event."""
        request = event.body
        kind = request.kind.value if isinstance(request, Request) else Kind.UNKNOWN.value
        self._metrics.requests.labels(kind, 500).inc()
        error = ApiError(500, "server", "must not fail; its log says why it did", None)
        body = orjson.dumps({"error": error.to_dict()})
        return self._context.Response(body=body, content_type=JSON, status_code=500)
