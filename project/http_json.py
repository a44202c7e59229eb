"""GET requests that are answered in JSON.

The commands that only look are quick: the standard library is loaded in a fifth of the time of httpx.
"""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from project.errors import NetopsError


class UnreachableError(NetopsError):
    """A server that does not answer, or not in JSON; the message names the address."""


def get_json(address: str, timeout: float = 30.0, **query: str | int) -> Any:
    """Content of the answer to a GET request.

    :param address: http or https address, without a query.
    :param timeout: seconds without a byte after which the server counts as unreachable.
    :param query: parameters of the query.
    :raises UnreachableError: unless the server answers with a status of success and JSON.
    """
    url = f"{address}?{urlencode(query)}" if query else address
    try:
        with urlopen(url, timeout=timeout) as response:  # noqa: S310 - addresses of the user's own servers
            return json.loads(response.read())
    except (OSError, HTTPException, ValueError) as error:
        raise UnreachableError(f"{address}: must answer GET with JSON, got {error}") from error
