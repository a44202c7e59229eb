"""The ASGI application in front of a function."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from feature_sets.checks import InputError
from graphs.protocol.content_coding import CONTENT_ENCODING, decompressed
from graphs.protocol.errors import ApiError
from graphs.protocol.request_id import REQUEST_ID, given_id, made_id
from project.local.http_host.body import (
    BodyTooLargeError,
    BodyTooSlowError,
    DisconnectedError,
    Receive,
    read_body,
)
from project.local.http_host.events import event_of, make_event
from project.local.http_host.functions import Function
from project.local.http_host.known_heads import LENGTH, KnownHeads
from project.local.http_host.pending_request import PendingRequest
from project.local.http_host.results import Result, error_result, to_result

log = logging.getLogger("netops.http_host")

DEFAULT_MAX_BODY = 8_000_000
READY_PATH = "/__host__/ready"
_REQUEST_ID = REQUEST_ID.lower().encode()
_OURS = frozenset(("content-type", "content-length", "transfer-encoding"))

Scope = MutableMapping[str, Any]
Headers = list[tuple[bytes, bytes]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class HostApp:
    """ASGI application in front of one function.

    A body over the limit is answered with 413, one that takes too long with 408, a failing handler with 500.
    A body that claims to be JSON and is not is answered with 400 for a serving graph; a Nuclio handler gets
    its bytes. Each answer has the error object, and the process lives on.

    :param function: what answers.
    :param max_body: most bytes in a request.
    """

    def __init__(self, function: Function, max_body: int = DEFAULT_MAX_BODY) -> None:
        self.function = function
        self.max_body = max_body
        self.heads = KnownHeads()
        """Of plain requests that were parsed."""
        self.drains = False
        """Whether each answer is the last one of its connection, as the process is about to end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            try:
                result = await self._answer(scope, receive)
            except DisconnectedError:
                return
            await send_result(result, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Result:
        method, path, headers = scope["method"], scope["path"], scope["headers"]
        result = self.at_head(method, path, headers)
        if result is not None:
            return result
        try:
            body = await read_body(receive, headers, self.max_body)
            body, headers = _plain(body, headers, self.max_body)
            event = self.event(method, path, scope["query_string"], headers, body)
        except InputError as error:
            return self.refused(error, scope["headers"])
        except DisconnectedError:
            raise
        except Exception as error:
            return self.answered(error, method, path, scope["headers"])
        try:
            output = await self.function(event)
        except Exception as error:
            output = error
        return self.answered(output, method, path, scope["headers"])

    def at_head(self, method: str, path: str, headers: Headers) -> Result | None:
        """The answer to a request whose body need not be read; None if it must."""
        if path == READY_PATH:
            return to_result({"ready": True, "pid": os.getpid()})
        refusal = self.function.refusal(method, path, lambda: _id_of(headers))
        return None if refusal is None else to_result(refusal)

    def event(self, method: str, path: str, query: bytes, headers: Headers, body: bytes) -> Any:
        """The event that the function gets.

        :raises InputError: if the body must be JSON and is not.
        """
        path = path.replace("?", "%3F")  # A part of a name, as no query is in here.
        return make_event(method, path, query, headers, body, self.function.json_only)

    def asked(self, method: str, path: str, headers: Headers, body: bytes) -> PendingRequest:
        """A request without a query, whose event is made when its turn comes."""
        return PendingRequest(
            method,
            path,
            len(body),
            lambda: _id_of(headers),
            lambda: self.event(method, path, b"", headers, body),
        )

    def asked_again(
        self, method: str, path: str, headers: Headers, names: Mapping[str, str], body: bytes
    ) -> PendingRequest:
        """The same of one whose head, but for the length, was there before.

        :param names: its headers as an event has them, with the length of before.
        """
        size = len(body)
        return PendingRequest(
            method,
            path,
            size,
            lambda: _id_of(headers),
            lambda: event_of(method, path, b"", {**names, LENGTH: str(size)}, body, self.function.json_only),
        )

    def refused(self, error: InputError, headers: Headers) -> Result:
        """The answer to a request that the function never gets."""
        known = BodyTooLargeError | BodyTooSlowError | ApiError
        status = error.status if isinstance(error, known) else 400
        return error_result(status, error.where, error.rule, str(error.got), _id_of(headers))

    def answered(self, output: Any, method: str, path: str, headers: Headers) -> Result:
        """The answer that is made of the function's output, or of its failure."""
        try:
            if isinstance(output, Exception):
                raise output
            return to_result(output)
        except Exception as error:
            name = _id_of(headers)
            log.exception("%s %s failed, request %s", method, path, name)
            got = f"{type(error).__name__}: {error}"
            return error_result(500, "", "the function must not fail", got, name)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        # Here every request has been answered and no new one can come.
        try:
            await self.function.terminate()
        except Exception as error:
            log.exception("ending the function failed")
            await send({"type": "lifespan.shutdown.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})


def _id_of(headers: Headers) -> str:
    """Id of a request that the function has not answered."""
    for name, given in headers:
        if len(name) == len(_REQUEST_ID) and name.lower() == _REQUEST_ID and given:
            try:
                return given_id({REQUEST_ID: given})
            except ApiError:
                return made_id()
    return made_id()


def _plain(body: bytes, headers: Headers, most: int) -> tuple[bytes, Headers]:
    """A body before it was compressed, and headers that say no more that it is.

    :raises ApiError: if it is not what they say.
    """
    coding = CONTENT_ENCODING.encode()
    given = next((value for name, value in headers if name == coding), b"")
    if not given or not body:
        return body, headers
    plain = decompressed(body, given.decode("latin-1"), most)
    return plain, [(name, value) for name, value in headers if name != coding]


def head_of(result: Result) -> Headers:
    """Headers of an answer; a stream has no length."""
    headers = [(b"content-type", result.content_type.encode())]
    headers += [
        (lower.encode("latin-1"), value.encode("latin-1"))
        for name, value in result.headers.items()
        if (lower := name.lower()) not in _OURS
    ]
    if isinstance(result.body, bytes):
        headers.append((b"content-length", str(len(result.body)).encode()))
    if result.status in (408, 413):
        headers.append((b"connection", b"close"))
    return headers


async def send_result(result: Result, send: Send) -> None:
    """Send an answer by ASGI."""
    await send({"type": "http.response.start", "status": result.status, "headers": head_of(result)})
    if isinstance(result.body, bytes):
        await send({"type": "http.response.body", "body": result.body})
        return
    await _stream(result.body, send)


async def _stream(pieces: AsyncIterator[bytes], send: Send) -> None:
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
