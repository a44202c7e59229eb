"""The ASGI application in front of a function."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from feature_sets.checks import InputError
from graphs.protocol.content_coding import CONTENT_ENCODING, decompressed
from graphs.protocol.errors import ApiError
from graphs.protocol.request_id import given_id, made_id
from project.local.http_host.body import (
    BodyTooLargeError,
    BodyTooSlowError,
    DisconnectedError,
    Receive,
    read_body,
)
from project.local.http_host.events import make_event
from project.local.http_host.functions import Function
from project.local.http_host.results import Result, error_result, to_result

log = logging.getLogger("netops.http_host")

DEFAULT_MAX_BODY = 8_000_000
READY_PATH = "/__host__/ready"

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
        self._function = function
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            try:
                result = await self._answer(scope, receive)
            except DisconnectedError:
                return
            await _send(result, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Result:
        if scope["path"] == READY_PATH:
            return to_result({"ready": True, "pid": os.getpid()})
        refusal = self._function.refusal(scope["method"], scope["path"], lambda: _id_of(scope))
        if refusal is not None:
            return to_result(refusal)
        headers = scope["headers"]
        try:
            body = await read_body(receive, headers, self._max_body)
            body, headers = _plain(body, headers, self._max_body)
            event = make_event(
                scope["method"],
                scope["path"].replace("?", "%3F"),  # A part of a name, as no query is in here.
                scope["query_string"],
                headers,
                body,
                self._function.json_only,
            )
        except InputError as error:
            known = BodyTooLargeError | BodyTooSlowError | ApiError
            status = error.status if isinstance(error, known) else 400
            return error_result(status, error.where, error.rule, str(error.got), _id_of(scope))
        try:
            return to_result(await self._function(event))
        except Exception as error:
            name = _id_of(scope)
            log.exception("%s %s failed, request %s", scope["method"], scope["path"], name)
            got = f"{type(error).__name__}: {error}"
            return error_result(500, "", "the function must not fail", got, name)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        # Here every request has been answered and no new one can come.
        try:
            await self._function.terminate()
        except Exception as error:
            log.exception("ending the function failed")
            await send({"type": "lifespan.shutdown.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})


def _id_of(scope: Scope) -> str:
    """Id of a request that the function has not answered."""
    try:
        return given_id({name.decode("latin-1"): value for name, value in scope["headers"]}) or made_id()
    except ApiError:
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


async def _send(result: Result, send: Send) -> None:
    headers = [(b"content-type", result.content_type.encode())]
    headers += [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in result.headers.items()
        if name.lower() not in {"content-type", "content-length", "transfer-encoding"}
    ]
    if isinstance(result.body, bytes):
        headers.append((b"content-length", str(len(result.body)).encode()))
    if result.status in (408, 413):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": result.status, "headers": headers})
    if isinstance(result.body, bytes):
        await send({"type": "http.response.body", "body": result.body})
        return
    await _stream(result.body, send)


async def _stream(pieces: AsyncIterator[bytes], send: Send) -> None:
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
