"""Outputs of handlers as HTTP answers, by Nuclio's rules."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from graphs.protocol.request_id import REQUEST_ID

_JSON = "application/json"
_TEXT = "text/plain"


@dataclass(slots=True)
class Result:
    """An HTTP answer.

    :param body: its bytes, or an iterator of pieces for a stream.
    """

    status: int
    content_type: str
    body: bytes | AsyncIterator[bytes]
    headers: dict[str, str] = field(default_factory=dict)


def error_result(status: int, name: str, rule: str, got: str, request_id: str) -> Result:
    """The error object of the HTTP surface: which field, what rule, what was given, in which request."""
    body = {"error": {"field": name, "rule": rule, "got": got}, "request_id": request_id}
    return Result(status, _JSON, _dumps(body), {REQUEST_ID: request_id})


def to_result(output: Any) -> Result:
    """HTTP answer for a handler's output.

    Text and bytes are the body, None is an empty one. An object or a list is sent as JSON. A pair is
    (status, body), a Nuclio response names all parts itself, and a generator is streamed.
    """
    if _is_response(output):
        headers = {str(key): str(value) for key, value in (output.headers or {}).items()}
        body = output.body
        content_type = output.content_type or _TEXT
        if isinstance(body, dict | list) or (body is not None and not isinstance(body, str | bytes)):
            inner = to_result(body)
            content_type = _JSON if isinstance(body, dict | list) else content_type
            return Result(int(output.status_code), content_type, inner.body, headers)
        return Result(int(output.status_code), content_type, _bytes(body), headers)
    if isinstance(output, tuple) and len(output) == 2 and isinstance(output[0], int):
        inner = to_result(output[1])
        return Result(output[0], inner.content_type, inner.body)
    if isinstance(output, dict | list):
        return Result(200, _JSON, _dumps(output))
    if inspect.isasyncgen(output) or inspect.isgenerator(output):
        return Result(200, _TEXT, _pieces(output))
    return Result(200, _TEXT, _bytes(output))


def _is_response(output: Any) -> bool:
    # Nuclio's response and MLRun's are different classes with the same fields.
    return (
        hasattr(output, "status_code")
        and hasattr(output, "content_type")
        and hasattr(output, "headers")
        and hasattr(output, "body")
    )


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    return bytes(body) if isinstance(body, bytes | bytearray) else str(body).encode()


def _dumps(body: Any) -> bytes:
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(body, default=str, option=options)


async def _pieces(output: AsyncIterator[Any] | Iterator[Any]) -> AsyncIterator[bytes]:
    if isinstance(output, AsyncIterator):
        async for piece in output:
            yield _piece(piece)
    else:
        for piece in output:
            yield _piece(piece)


def _piece(piece: Any) -> bytes:
    if _is_response(piece):
        piece = piece.body
    return _dumps(piece) if isinstance(piece, dict | list) else _bytes(piece)
