"""A step of the graph: handles the kinds of request it is for and passes the others on."""

from __future__ import annotations

from typing import Any, ClassVar

from graphs.requests import ApiError, Kind, Request


class RequestStep:
    """Base of the steps. MLRun calls ``do`` with the request that the ingress made."""

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

    def handle(self, request: Request) -> None:
        """Do this step's work on a request.

        :raises ApiError: to answer with an error object.
        """
        raise NotImplementedError

    def post_init(self, mode: str = "sync", **kwargs: Any) -> None:
        """Called by MLRun after the step was made."""
