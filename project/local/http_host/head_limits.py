"""Limits on the head of a request, which is all that comes before its body."""

from __future__ import annotations

import asyncio
import http
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graphs.protocol.request_id import REQUEST_ID, made_id
from project.local.http_host.body import SECONDS

HEAD_BYTES = 16_384
"""Most bytes of path, query and headers."""


class HeadTooLongError(ValueError):
    """More than the limit; it ends the parsing."""


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which has no limits on the head: 431 for one too long, 408 for one too slow.

    Both close the connection, as what follows cannot be told apart from the head.
    """

    _began = False
    _is_too_long = False
    _size = _blanks = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first head; between two requests uvicorn has a limit of its own."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(SECONDS, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and count those of a head that goes on; it may be a line without an end."""
        was_in_head = self._began
        super().data_received(data)
        if not self._began or self.transport.is_closing():
            return
        if was_in_head:
            self._size += len(data)
            if self._size > HEAD_BYTES:
                self._is_too_long = True
                self.send_400_response("")
                return
        if self._timer is None:
            self._timer = self.loop.call_later(SECONDS, self._too_slow)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._began, self._size, self._blanks = True, 0, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; blanks behind its value are no part of that (RFC 9110, 5.5), but of the head."""
        plain = value.rstrip(b" \t")
        self._blanks += len(value) - len(plain)
        super().on_header(name, plain)

    def on_headers_complete(self) -> None:
        """It is there; refuse it before anything is made of it, if it is too long."""
        self._began = False
        self._arrived()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        self._is_too_long = size + self._blanks > HEAD_BYTES
        if self._is_too_long:
            raise HeadTooLongError
        self.begin()

    def begin(self) -> None:
        """Begin with a request whose head is within the limits."""
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer a head that was not to be taken, or could not be."""
        if self._is_too_long:
            self._refuse(431, "headers", f"must be at most {HEAD_BYTES} bytes with the path", "more")
        else:
            self._refuse(400, "request", "must be HTTP/1.1", "something else")

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._began:
            self._refuse(408, "headers", f"must arrive within {SECONDS:g} s", "a part of them")
        else:
            self.transport.close()

    def _refuse(self, status: int, field: str, rule: str, got: str) -> None:
        """Answer with an error object, and close the connection: where a body begins cannot be told."""
        name = made_id()  # The one that was given may be in what was not read.
        body = orjson.dumps({"error": {"field": field, "rule": rule, "got": got}, "request_id": name})
        head = (
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n{REQUEST_ID}: {name}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
