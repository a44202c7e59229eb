"""Changes of the routing take effect: each has an entry of the journal, and goes through the steps there."""

from __future__ import annotations

from typing import Any

from graphs.model_router import ModelRouter
from graphs.protocol.errors import ApiError
from graphs.protocol.routes import Kind
from graphs.replay import append_and_handle
from graphs.request_step import steps_of
from graphs.routing.change import RoutingChange
from graphs.state.serving_state import serving_state


def settle_routing(context: Any) -> None:
    """Have a change that waits take effect, before the next event is journaled.

    If the journal takes nothing it goes on waiting.

    :param context: MLRun's graph context, whose root is the graph.
    """
    state = serving_state(context)
    waiting = state.routing.waiting
    if waiting is None:
        return
    change = waiting()
    if change is None:  # It was overtaken.
        state.routing.waiting = None
        return
    try:
        journal_change(context, change)
    except ApiError as error:
        context.logger.error(f"routing change {change.id} waits for the journal: {error}")
        return
    after = state.routing.waiting() if state.routing.waiting is not None else None
    if after is None or after.id == change.id:
        state.routing.waiting = None


def journal_change(context: Any, change: RoutingChange) -> None:
    """Journal a change and have the steps follow it.

    :raises ApiError: 503 if the journal takes nothing.
    """
    state = serving_state(context)
    arrival = state.arrivals.now if state.arrivals is not None else state.clock()
    append_and_handle(context, Kind.REROUTED, arrival, [change])


def start_routing(context: Any) -> None:
    """Have the routing of a function that starts take effect, after its replay.

    :raises InputError: if a version of a document that is declared anew cannot be loaded.
    :raises ApiError: 503 if the journal takes nothing.
    """
    for step in steps_of(context):
        if isinstance(step, ModelRouter):
            change = step.start_change()
            if change is not None:
                journal_change(context, change)
