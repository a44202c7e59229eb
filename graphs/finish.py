"""An entry that a step failed at goes through the rest of the steps, before anything comes after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphs.model_router import ModelRouter
from graphs.protocol.errors import ApiError
from graphs.replay import replay_missed
from graphs.request_counts import count_journaled
from graphs.request_step import RequestStep, steps_of
from graphs.state.serving_state import serving_state
from graphs.state.unfinished import GIVEN_UP, Held, refusal

JOURNAL = "journal"
"""Name of the journal's step."""
PATIENCE_SECONDS = 60.0
"""A step that fails for so long has nothing to do with these events: the steps after it go on without it."""


def finish_entry(context: Any, some: Sequence[RequestStep] | None = None) -> None:
    """Have each step try again what it failed at, and the steps after it follow.

    So windows, ledger, detectors and snapshots have what a replay gives, in its order. Who sends these events
    again is answered as a duplicate, with the prediction.

    :param context: MLRun's graph context, whose root is the graph.
    :param some: steps that alone are given it, for the others have it; None gives it to all.
    :raises ApiError: 503 while the step fails; nothing may be journaled then.
    """
    state = serving_state(context)
    while state.unfinished.held:
        held = state.unfinished.held[0]
        steps = steps_of(context) if some is None else some
        place = next((at for at, step in enumerate(steps) if step.name == held.step), len(steps))
        try:
            _go_on(context, held, steps, place)
        except Exception as error:  # Whatever a step raises; the log says which.
            _wait_or_give_up(context, held, steps, error)
            continue
        state.unfinished.finish(held)
        if some is None:
            count_journaled(state.metrics, held.request)


def _go_on(context: Any, held: Held, steps: Sequence[RequestStep], place: int) -> None:
    """Give an entry to the steps from a place on."""
    request = held.request
    if held.step == JOURNAL:  # It waits for what others appended before it.
        replay_missed(context)
    for step in steps[place:]:
        if isinstance(step, ModelRouter):
            for record in request.telemetry:
                record.prediction = None
        step.do(request)


def _wait_or_give_up(context: Any, held: Held, steps: Sequence[RequestStep], error: Exception) -> None:
    """Refuse what comes, or after long have the entry go on behind the step that fails at it.

    That is kept beside the journal first, so that a restart has it go on there, too, and does not wait. What
    a start leaves out when the step had its time is not kept: the step may be broken in this release alone.

    :raises ApiError: 503.
    """
    state = serving_state(context)
    if held is not state.unfinished.held[0]:
        return  # What others appended before it comes first.
    place = next(at for at, step in enumerate(steps) if step.name == held.step)
    if held.step == JOURNAL and isinstance(error, ApiError):  # The store is away: nothing can be journaled.
        raise error
    is_model = isinstance(steps[place], ModelRouter)
    is_known = state.unfinished.is_given_up(held.request.entry, held.step)
    is_over = not is_known and state.unfinished.is_over(held.step)
    has_waited = not (is_known or is_over)
    if has_waited and 0 <= state.clock() - held.since < PATIENCE_SECONDS:
        raise refusal(held, is_model, type(error).__name__) from error
    if has_waited:
        state.journal.merge(GIVEN_UP, lambda kept: state.unfinished.merged(kept, held))
    if is_model:
        for record in held.request.telemetry:
            record.prediction = None
    lost = "without a prediction" if is_model else f"out of the state of step {held.step}"
    if not state.unfinished.left_out[held.step]:  # Of a start that leaves out all of them, one is enough.
        context.logger.error(f"the events of entry {held.request.entry} stay {lost}: {error}")
    try:
        steps[place].left_out(held.request)
    except Exception as problem:  # It failed before; the steps after it wait no longer.
        context.logger.error(f"what step {held.step} had made of them is lost, too: {problem}")
    following = steps[place + 1].name if place + 1 < len(steps) else None
    state.unfinished.give_up(held, following, not is_over, has_waited=has_waited)
