"""The id of a request: given by its sender, or made, so that answer and log can be brought together."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from graphs.protocol.errors import ApiError

REQUEST_ID = "X-Request-Id"

_RULE = "must be 1 to 128 letters, digits and - _ . : / + = @"
_WHOLE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_NAME = REQUEST_ID.lower()


_AT_ONCE = 256
_made: list[str] = []
os.register_at_fork(after_in_child=_made.clear)  # Else both processes would give the same ones.


def made_id() -> str:
    """An id of our own: 128 random bits, read many at a time, as each read is a call of the kernel."""
    try:
        return _made.pop()
    except IndexError:  # Not asked for before it: another thread may take the last one in between.
        text = os.urandom(16 * _AT_ONCE).hex()
        first, *others = (text[begin : begin + 32] for begin in range(0, len(text), 32))
        _made.extend(others)
        return first


def given_id(headers: Mapping[str, Any]) -> str:
    """The id that the headers have; empty without one.

    :raises ApiError: 422 if it is none that a log can take.
    """
    given = next((value for key, value in headers.items() if key.lower() == _NAME), "")
    if given == "":
        return ""
    text = given.decode("latin-1") if isinstance(given, bytes) else str(given)
    if not _WHOLE.fullmatch(text):
        raise ApiError(422, REQUEST_ID, _RULE, f"{len(text)} characters")
    return text
