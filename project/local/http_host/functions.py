"""What a host runs: the function that a document describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from feature_sets.checks import InputError
from project.local.http_host.nuclio import NuclioFunction
from project.local.http_host.pending_request import PendingRequest


class Function(Protocol):
    """A function that is ready to answer."""

    json_only: bool

    def refusal(self, method: str, path: str, named: Callable[[], str]) -> Any | None:
        """The answer to a request that there is no room for; None if there is. Its body is not read then.

        :param named: gives the id of the request.
        """

    async def __call__(self, event: Any) -> Any:
        """Answer one event."""

    def take(self, asked: PendingRequest, done: Callable[[Any], None]) -> None:
        """Answer one request without a task of its own.

        :param done: called with the output, or the error, once; it never raises.
        """

    async def terminate(self) -> None:
        """Finish what is under way inside; called once, after the last answer."""


async def load_function(document: Mapping[str, Any], context: Any) -> Function:
    """The function of a document, initialized.

    :raises InputError: unless its kind is ``serving``, ``nuclio`` or ``remote``.
    """
    kind = document.get("kind")
    if kind == "serving":
        # MLRun is imported for a serving graph only.
        from project.local.http_host.serving import ServingFunction

        return await ServingFunction.load(document, context)
    if kind in {"nuclio", "remote"}:
        return await NuclioFunction.load(document, context)
    raise InputError("function kind", "must be 'serving', 'nuclio' or 'remote'", kind)
