"""An entry whose model failed goes through the rest of the steps, before anything comes after it."""

from __future__ import annotations

from typing import Any

from graphs.model_router import ModelRouter
from graphs.protocol.errors import ApiError
from graphs.request_counts import count_request
from graphs.request_step import request_steps
from graphs.state.serving_state import serving_state

PATIENCE_SECONDS = 60.0
"""A model that fails for so long has no answer to these events."""


def finish_entry(context: Any) -> None:
    """Have the model try again what it failed at, and the steps after it follow.

    So ledger, detectors and snapshots have what a replay gives, in its order. Who sends these events again
    is answered as a duplicate, with the prediction.

    :param context: MLRun's graph context, whose root is the graph.
    :raises ApiError: 503 while the model fails; nothing may be journaled then.
    """
    state = serving_state(context)
    held = state.unfinished
    request = held.request
    if request is None:
        return
    steps = request_steps(context.root)
    first = next(place for place, step in enumerate(steps) if isinstance(step, ModelRouter))
    for record in request.telemetry:
        record.prediction = None
    try:
        steps[first].do(request)
    except Exception as error:  # Whatever the graph of a model raises; the log says which.
        if 0 <= state.clock() - held.since < PATIENCE_SECONDS:
            rule = f"must first answer what came before this, and failed at it ({type(error).__name__})"
            raise ApiError(503, "model", rule) from error
        for record in request.telemetry:
            record.prediction = None
        context.logger.error(f"the events of entry {request.entry} stay without a prediction: {error}")
    held.request, held.finished = None, request.entry
    for step in steps[first + 1 :]:
        step.do(request)
    count_request(state.metrics, request)
