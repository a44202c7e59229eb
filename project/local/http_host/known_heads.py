"""Heads of requests that were parsed before: one that comes again is found by its bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

from project.local.http_host.events import named

LENGTH = "Content-Length"

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)
_MOST_DIGITS = 9
_MOST_BYTES = 2048
"""Longer heads are parsed each time."""
_MOST = 256
"""Heads that are remembered for new connections."""


class Head(NamedTuple):
    """The head of a plain request that came in one piece with its body.

    :param before: its bytes up to the length of the body.
    :param after: its bytes from behind that.
    :param method: of the request.
    :param path: of the request.
    :param scope: as uvicorn has it, with the headers; who sent it is of the first connection that had it.
    :param names: the headers as an event has them.
    """

    before: bytes
    after: bytes
    method: str
    path: str
    scope: MutableMapping[str, Any]
    names: Mapping[str, str]

    def size(self, data: bytes, most: int) -> int:
        """Bytes of the body of a request that has this head, but for them; 0 if it has not, or is not whole.

        :param most: bytes that it may have.
        """
        begin = len(self.before)
        end = data.find(self.after, begin, begin + _MOST_DIGITS + len(self.after))
        if end <= begin or not data.startswith(self.before):
            return 0
        digits = data[begin:end]
        size = len(data) - end - len(self.after)
        if not digits.isdigit() or digits[:1] == b"0" or int(digits) != size or size > most:
            return 0
        return size


class KnownHeads:
    """The heads of a host by their bytes, the newest ones.

    Each is there once, however many connections have it: a collection of garbage looks through all of them.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], Head] = {}

    def find(self, data: bytes) -> Head | None:
        """The head of a request that is all that these bytes are, if it is known."""
        parts = _around_length(data) if self._known else None
        return None if parts is None else self._known.get(parts)

    def remembered(self, data: bytes, method: str, path: str, scope: MutableMapping[str, Any]) -> Head | None:
        """The head of a request that is all that these bytes are; None if it tells no length, or that is 0.

        :param method: of the request, as it was parsed.
        :param path: of the request.
        :param scope: as uvicorn has it.
        """
        parts = _around_length(data)
        names = named(scope["headers"])
        if parts is None or LENGTH not in names:
            return None
        if parts not in self._known and len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        return self._known.setdefault(parts, Head(*parts, method, path, scope, names))


def _around_length(data: bytes) -> tuple[bytes, bytes] | None:
    """A head up to the length of the body and from behind that; None unless it tells one, and has it."""
    end = data.find(b"\r\n\r\n", 0, _MOST_BYTES) + 4
    if end < 4 or end == len(data):
        return None
    found = list(_LENGTH.finditer(data, 0, end))
    if len(found) != 1 or len(found[0][1]) > _MOST_DIGITS or int(found[0][1]) != len(data) - end:
        return None
    begin, behind = found[0].span(1)
    return data[:begin], data[behind:end]
