"""The JSON of a request body."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import orjson

from graphs.protocol.errors import ApiError
from graphs.protocol.event_hints import text_hint


def decode(body: Any, max_bytes: int, is_of_events: bool = False) -> Any:
    """JSON value of a request body. Bodies that a trigger has decoded already are taken as they are.

    :param is_of_events: whether no object may have a key twice; else the last one counts.
    :raises ApiError: 413 if it is too large, 400 if it is absent, null or not JSON, or has a key twice.
    """
    if isinstance(body, bytes) and body:
        body = _value(body, max_bytes, is_of_events)
    elif isinstance(body, str) and body:
        try:
            body = _value(body, max_bytes, is_of_events)
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


def _value(body: bytes | str, max_bytes: int, is_of_events: bool) -> Any:
    if len(body) > max_bytes:
        raise ApiError(413, "body", f"must be at most {max_bytes} bytes", len(body))
    hook = _without_repeated if is_of_events else None
    try:
        value = orjson.loads(body)
        if is_of_events and _may_repeat(body, value):
            json.loads(body, object_pairs_hook=hook)
        return value
    except orjson.JSONDecodeError as error:
        failure = error
    except RecursionError:  # Deeper than any event: it is refused as that.
        return value
    try:
        # NaN and Infinity are no JSON, but many clients write them: read them, so that the check of the
        # event refuses them by the name of their field and the other events of the list are taken.
        return json.loads(body, object_pairs_hook=hook)
    except ApiError:  # Of a key that is there twice; it is a ValueError, too.
        raise
    except (ValueError, RecursionError):
        rule = f"must be JSON: {failure.msg} at line {failure.lineno} column {failure.colno}"
        hint = text_hint(body if isinstance(body, bytes) else body.encode(errors="replace"))
        rule = f"{rule}; {hint}" if hint else rule
        raise ApiError(400, "body", rule, failure.doc[max(failure.pos - 20, 0) : failure.pos + 20]) from None


def _may_repeat(body: bytes | str, value: Any) -> bool:
    """Whether an object may have a key twice, of which orjson tells nothing.

    An event, or a list of events, has as many colons behind quotes as keys, unless it is written in an
    unusual way or has objects or such texts within: then a slower parser has to look.
    """
    colons = body.count(b'":') if isinstance(body, bytes) else body.count('":')
    events = value if isinstance(value, list) else (value,)
    return colons != sum(len(event) for event in events if type(event) is dict)


def _without_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these.

    :raises ApiError: naming the first key that is there twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key in counts if counts[key] > 1)
        raise ApiError(400, "body", "must have each key once in an object", twice)
    return found
