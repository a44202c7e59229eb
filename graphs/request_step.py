"""The base of the steps between ingress and respond."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from graphs.protocol.errors import ApiError
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from graphs.state.journal import Journal, JournalEvent


class RequestStep:
    """Handles the kinds of request it is for; the others pass on unchanged.

    MLRun calls ``do`` with the request of the ingress. The journal is replayed through each of these steps: a
    replayed request leaves in a step's memory what a live one leaves, and is not counted in the metrics.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset()
    """Kinds of request that ``handle`` is called with."""

    def do(self, request: Request) -> Request:
        """Handle a request of our kinds that is not answered yet; a refused one becomes an error answer."""
        if request.kind in self.kinds and not request.answered:
            try:
                self.handle(request)
            except ApiError as error:
                request.fail(error)
        return request

    def prepare(self, request: Request) -> None:
        """Called before the events of a request are journaled, and before they are replayed.

        :raises ApiError: to have them journaled and handled by nobody.
        """

    def handle(self, request: Request) -> None:
        """Do this step's work on a request.

        :raises ApiError: to answer with an error object.
        """
        raise NotImplementedError

    def untold(self) -> Iterator[tuple[Kind, Sequence[JournalEvent]]]:
        """What the history says and this step does not know yet, by the kind of entry that it makes.

        :raises ApiError: 503 if the history cannot be read.
        """
        return iter(())

    def post_init(self, mode: str = "sync", **kwargs: Any) -> None:
        """Called by MLRun after the step was made."""

    def before_replay(self, journal: Journal) -> None:
        """Called before the journal is replayed."""

    def after_replay(self) -> None:
        """Called when the journal was replayed."""

    def terminate(self) -> None:
        """Shutdown hook: called, maybe more than once, before the process ends."""


def request_steps(graph: Any) -> list[RequestStep]:
    """The request steps of a graph, in order.

    :param graph: MLRun's flow, when its steps have been made.
    """
    made = (step.async_object for step in graph.steps.values())
    return [step for step in made if isinstance(step, RequestStep)]
