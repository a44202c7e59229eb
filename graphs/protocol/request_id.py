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


def made_id() -> str:
    """An id of our own."""
    return os.urandom(16).hex()


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
