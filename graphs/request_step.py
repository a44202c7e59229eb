"""The base of the steps between ingress and respond."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

from graphs.protocol.errors import ApiError
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from graphs.state.entry_id import EntryId
from graphs.state.journal import Journal, JournalEvent
from graphs.state.snapshots.saved_state import SavedState

_ATTRIBUTE = "netops_request_steps"


class RequestStep:
    """Handles the kinds of request it is for; the others pass on unchanged.

    MLRun calls ``do`` with the request of the ingress. The journal is replayed through each of these steps: a
    replayed request leaves in a step's memory, and in the metrics, what a live one leaves.
    """

    name: str
    """As in the graph."""

    kinds: ClassVar[frozenset[Kind]] = frozenset()
    """Kinds of request that ``handle`` is called with."""

    takes_other_schemas: ClassVar[bool] = False
    """Whether that is done of readings that an endpoint of another schema accepted, too."""

    def is_for(self, request: Request) -> bool:
        """Whether what a request is about concerns this step; who accepted it may have had another schema."""
        return self.takes_other_schemas or not request.of_other_schema

    def do(self, request: Request) -> Request:
        """Handle a request of our kinds that is not answered yet; a refused one becomes an error answer."""
        if request.kind in self.kinds and not request.answered and self.is_for(request):
            try:
                self.handle(request)
            except Exception as error:
                if request.if_failed is not None:
                    request.if_failed(request, self.name)
                    if not request.started:
                        raise  # Nobody waits for its answer.
                if not isinstance(error, ApiError):
                    raise
                request.fail(error)
            if request.started:
                request.marks.append((self.name, time.perf_counter()))
        return request

    def follows_answer(self, request: Request) -> bool:
        """Whether the answer to a request is complete before this step and those after it.

        Asked of a request that the steps before have handled; it changes nothing.
        """
        return False

    def prepare(self, request: Request) -> None:
        """Called before the events of a request are journaled, and before they are replayed.

        :raises ApiError: to have them journaled and handled by nobody.
        """

    def handle(self, request: Request) -> None:
        """Do this step's work on a request.

        One that is in the journal is given again after a failure, see ``Request.done``.

        :raises ApiError: to answer with an error object.
        """
        raise NotImplementedError

    def left_out(self, request: Request) -> None:
        """Called when the steps after this one go on with a request that it fails at."""

    def untold(self) -> Iterator[tuple[Kind, Sequence[JournalEvent]]]:
        """What the history says and this step does not know yet, by the kind of entry that it makes.

        :raises ApiError: 503 if the history cannot be read.
        """
        return iter(())

    def asked(self, request: Request) -> Iterator[tuple[Kind, Sequence[JournalEvent]]]:
        """The same of what a request is about; called before it is prepared and journaled."""
        return iter(())

    def post_init(self, mode: str = "sync", **kwargs: Any) -> None:
        """Called by MLRun after the step was made."""

    def saved(self) -> SavedState:
        """Everything that a replay of the journal would build in this step."""
        return SavedState()

    def restore(self, state: SavedState, lost: bool) -> bool:
        """Go on from what ``saved`` gave; called before ``before_replay``.

        :param lost: whether the journal's store lost its content, and with it what was kept beside it.
        :returns: whether this step has all of it now; else it is given again all that the journal has.
        :raises InputError: if it is of another kind, so that no step can go on from it.
        """
        return True

    def before_snapshot(self, lost: bool) -> None:
        """Called before a snapshot is taken, in the process that answers.

        :param lost: whether what was kept beside the journal must be kept anew.
        """

    def before_replay(self, journal: Journal, after: EntryId) -> None:
        """Called before the journal is replayed.

        :param after: the last entry that a snapshot has; only those after it are replayed.
        """

    def after_replay(self) -> None:
        """Called when the journal was replayed."""

    def terminate(self) -> None:
        """Shutdown hook: called, maybe more than once, before the process ends."""


class StepsOf:
    """The request steps of a graph, looked up when they are first asked for: before, they are being made.

    :param context: MLRun's graph context; its root is the graph by then.
    """

    def __init__(self, context: Any) -> None:
        self._context = context

    @cached_property
    def all(self) -> list[RequestStep]:
        """In order."""
        return request_steps(self._context.root)


def asking(steps: Sequence[RequestStep]) -> list[RequestStep]:
    """Those of some steps that ask the history of what a request is about."""
    return [step for step in steps if type(step).asked is not RequestStep.asked]


def steps_of(context: Any) -> list[RequestStep]:
    """The request steps of the graph of a context, looked up once: each entry of a journal goes through them.

    :param context: MLRun's graph context, when all steps have been made.
    """
    graph, found = getattr(context, _ATTRIBUTE, (None, []))
    if graph is not context.root:
        graph, found = context.root, request_steps(context.root)
        setattr(context, _ATTRIBUTE, (graph, found))
    return found


def request_steps(graph: Any) -> list[RequestStep]:
    """The request steps of a graph, in order.

    :param graph: MLRun's flow, when its steps have been made.
    """
    made = (step.async_object for step in graph.steps.values())
    return [step for step in made if isinstance(step, RequestStep)]
