"""Replay: the events of the journal go through the steps again, so that a restart forgets nothing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from graphs.finish import finish_entry
from graphs.protocol.errors import ApiError
from graphs.replay import replay_entry, replay_to
from graphs.request_step import RequestStep, steps_of
from graphs.snapshot import restore_snapshot
from graphs.state.serving_state import serving_state
from graphs.state.unfinished import GIVEN_UP

T = TypeVar("T")
_PAUSE_SECONDS = 1.0
"""Between two times that a step is given what it fails at."""


class Replayed(NamedTuple):
    """What a start went on from.

    :param events: that were replayed.
    :param lost: whether the journal's store had lost what the snapshot was taken with.
    """

    events: int
    lost: bool


def replay(context: Any) -> Replayed:
    """Go on from the newest snapshot, and send what the journal has after it through the steps.

    Nobody waits for the answers. An entry that a step fails at waits as it does in a process that serves, and
    the steps after it go on without it in the end: at once if that was so before the restart.

    Called when all steps have been made and before the first request.

    :param context: MLRun's graph context, whose root is the graph.
    """
    # What is made here stays: looking for garbage among it, again and again, would take most of the time.
    gc.disable()
    try:
        return _replay(context)
    finally:
        gc.enable()


def _replay(context: Any) -> Replayed:
    count, state = 0, serving_state(context)
    journal, steps, note = state.journal, steps_of(context), state.unfinished.note
    restored = restore_snapshot(context)
    state.unfinished.load(journal.load(GIVEN_UP))
    for step in steps if restored.lost else ():
        step.before_snapshot(lost=True)
    for step in steps:
        step.before_replay(journal, restored.place)
    for entry in journal.entries(restored.begin):
        if entry.id > restored.place:
            patiently(context, None, partial(replay_entry, context, entry, note))
            count += entry.size
        else:
            behind = restored.behind
            patiently(context, behind, partial(replay_to, behind, context, entry, note))
    for step in steps:
        step.after_replay()
    return Replayed(count, restored.lost)


def patiently(context: Any, some: Sequence[RequestStep] | None, give: Callable[[], T]) -> T | None:
    """Give an entry to steps at a start, and wait until each has taken it or is given up.

    :param some: see ``finish_entry``.
    :param give: gives it to them first.
    :returns: what that gave; None if a step failed.
    :raises ApiError: 503 if the journal's store is away.
    """
    state = serving_state(context)
    given = None
    try:
        given = give()
    except Exception:  # Whatever a step raises; the log says which.
        if not state.unfinished.held:  # No step has handled it.
            raise
    told = ""
    while state.unfinished.held:
        try:
            finish_entry(context, some)
        except ApiError as error:
            if state.journal.away() is not None:
                raise
            if told != str(error):
                told = str(error)
                context.logger.error(f"the start waits for what a step fails at: {told}")
            time.sleep(_PAUSE_SECONDS)
    return given
