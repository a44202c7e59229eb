"""Request bodies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import orjson

from feature_sets.checks import InputError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# A client that sends without waiting reads our answer only after it has sent everything. For its sake, up to
# this many times the limit is read and thrown away; beyond that the connection is cut.
_PATIENCE = 16

SECONDS = 30.0
"""How long the head of a request may take to arrive, and then its body."""


class BodyTooLargeError(InputError):
    """A body over the limit; answered with 413, where other bad input is a 400.

    :param limit: the limit in bytes.
    :param got: what was sent, in words.
    """

    status = 413

    def __init__(self, limit: int, got: str) -> None:
        super().__init__("body", f"must be at most {limit} bytes", got)


class BodyTooSlowError(InputError):
    """A body that did not arrive in time; answered with 408.

    :param seconds: the limit.
    """

    status = 408

    def __init__(self, seconds: float) -> None:
        super().__init__("body", f"must arrive within {seconds:g} s", "a part of it")


class DisconnectedError(ConnectionError):
    """The client went away before it had sent its body."""


async def read_body(
    receive: Receive, headers: Iterable[tuple[bytes, bytes]], limit: int, seconds: float = SECONDS
) -> bytes:
    """The whole body, never more than the limit in memory.

    :param limit: most bytes.
    :param seconds: how long it may take.
    :raises BodyTooSlowError: if it takes longer.
    :raises BodyTooLargeError: if it is longer; the rest has been read and thrown away, up to 16 limits.
    :raises DisconnectedError: if the client leaves first.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, headers, limit)
    except TimeoutError:
        raise BodyTooSlowError(seconds) from None


async def _read(receive: Receive, headers: Iterable[tuple[bytes, bytes]], limit: int) -> bytes:
    length, waits = None, False
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            length = int(value)
        elif name == b"expect" and value.lower() == b"100-continue":
            waits = True
    if length is not None and length > limit:
        # A client that asked first ("Expect: 100-continue") has sent nothing yet and reads our answer now.
        if not waits:
            await _discard(receive, 0, limit * _PATIENCE)
        raise BodyTooLargeError(limit, f"{length} bytes")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError("the client left before its body was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            chunks.clear()
            if message.get("more_body"):
                await _discard(receive, size, limit * _PATIENCE)
            raise BodyTooLargeError(limit, f"more than {limit} bytes")
        chunks.append(chunk)
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _discard(receive: Receive, size: int, most: int) -> None:
    while size <= most:
        message = await receive()
        size += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return


def parse_json(body: bytes) -> Any:
    """Value of a JSON text; ``NaN`` and ``Infinity`` are read as MLRun reads them.

    :raises InputError: unless it is JSON, saying where it stops being so.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            from graphs.protocol.event_hints import text_hint  # Only now: it needs much more than a host.

            hint = text_hint(body)
            rule = f"must be JSON; {hint}" if hint else "must be JSON"
            raise InputError("body", rule, str(error) or type(error).__name__) from error
