"""The JSON of a request body."""

from __future__ import annotations

import json
from typing import Any

import orjson

from graphs.protocol.errors import ApiError
from graphs.protocol.event_hints import text_hint


def decode(body: Any, max_bytes: int) -> Any:
    """JSON value of a request body. Bodies that a trigger has decoded already are taken as they are.

    :raises ApiError: 413 if it is too large, 400 if it is absent, null or not JSON.
    """
    if isinstance(body, bytes) and body:
        body = _value(body, max_bytes)
    elif isinstance(body, str) and body:
        try:
            body = _value(body, max_bytes)
        except ApiError as error:
            if error.status != 400:
                raise
            # A trigger that has decoded a text in quotes gives what is between them.
            raise ApiError(
                400, "body", f"must be an object or a list; as text it {error.rule}", body
            ) from None
    # A trigger that has decoded null gives what it gives for nothing.
    if body is None or body == b"" or body == "":
        raise ApiError(400, "body", "must be JSON, and neither empty nor null", None)
    return body


def _value(body: bytes | str, max_bytes: int) -> Any:
    if len(body) > max_bytes:
        raise ApiError(413, "body", f"must be at most {max_bytes} bytes", len(body))
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        failure = error
    try:
        # NaN and Infinity are no JSON, but many clients write them: read them, so that the check of the
        # event refuses them by the name of their field and the other events of the list are taken.
        return json.loads(body)
    except (ValueError, RecursionError):
        rule = f"must be JSON: {failure.msg} at line {failure.lineno} column {failure.colno}"
        hint = text_hint(body if isinstance(body, bytes) else body.encode(errors="replace"))
        rule = f"{rule}; {hint}" if hint else rule
        raise ApiError(400, "body", rule, failure.doc[max(failure.pos - 20, 0) : failure.pos + 20]) from None
