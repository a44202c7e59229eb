"""A request whose turn has not come yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from feature_sets.checks import InputError


class UnreadableError(Exception):
    """A request that is answered without the function, as its body is not what it says.

    :param error: says which rule it breaks.
    """

    def __init__(self, error: InputError) -> None:
        super().__init__(str(error))
        self.error = error


class PendingRequest(NamedTuple):
    """What decides on a request before its body is read.

    Many that wait are bytes that way. As objects they would take several times the memory, and the garbage
    collection would look through all of them again and again.

    :param method: of HTTP.
    :param path: without query.
    :param size: of the body in bytes.
    :param named: gives its id.
    :param made: gives the event; raises ``InputError`` if the body must be JSON and is not.
    """

    method: str
    path: str
    size: int
    named: Callable[[], str]
    made: Callable[[], Any]

    def event(self) -> Any:
        """The event that the function gets.

        :raises UnreadableError: if the body must be JSON and is not.
        """
        try:
            return self.made()
        except InputError as error:
            raise UnreadableError(error) from error


def asked_of(event: Any) -> PendingRequest:
    """A request whose event is there."""
    return PendingRequest(event.method, event.path, event.size, lambda: str(event.id), lambda: event)
