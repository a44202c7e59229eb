"""Requests that are answered in JSON.

The commands that only look are quick: the standard library is loaded in a fifth of the time of httpx.
"""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from project.errors import NetopsError

_TIMEOUT = 30.0


class UnreachableError(NetopsError):
    """A server that does not answer, or not in JSON; the message names the address.

    :param status: of the answer; 0 if there was none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class AbsentError(UnreachableError):
    """A server that answers that there is no such thing (404)."""


class DeniedError(UnreachableError):
    """A server that does not know the token of a request (401)."""


class BusyError(UnreachableError):
    """A server that takes no more requests for a while (429).

    :param wait: seconds for which it asks.
    """

    def __init__(self, message: str, wait: float) -> None:
        super().__init__(message, 429)
        self.wait = wait


def get_json(address: str, timeout: float = _TIMEOUT, **query: str | int) -> Any:
    """Content of the answer to a GET request.

    :param address: http or https address, without a query.
    :param timeout: seconds without a byte after which the server counts as unreachable.
    :param query: parameters of the query.
    :raises AbsentError: if the server answers 404.
    :raises BusyError: if it answers 429.
    :raises DeniedError: if it answers 401.
    :raises UnreachableError: unless the server answers with a status of success and JSON.
    """
    url = f"{address}?{urlencode(query)}" if query else address
    return _answer(Request(url), address, timeout)  # noqa: S310 - addresses of the user's own servers


def get_text(address: str, timeout: float = _TIMEOUT) -> str:
    """Text of the answer to a GET request.

    :raises UnreachableError: unless the server answers with a status of success.
    """
    try:
        with urlopen(Request(address), timeout=timeout) as response:  # noqa: S310 - as above
            return str(response.read().decode())
    except (OSError, HTTPException, ValueError) as error:
        raise UnreachableError(f"{address}: must answer GET, got {error}") from error


def get_guarded(address: str, token: str, timeout: float = _TIMEOUT) -> Any:
    """The same of a route that takes a bearer token."""
    return _answer(Request(address, headers=_bearer(token)), address, timeout)  # noqa: S310 - as above


def patch_json(address: str, body: Any) -> Any:
    """Content of the answer to a PATCH request with a JSON body, see ``post_json``."""
    return _sent("PATCH", address, body)


def put_json(address: str, body: Any, token: str = "") -> Any:
    """Content of the answer to a PUT request with a JSON body, see ``post_json``."""
    return _sent("PUT", address, body, token)


def post_json(address: str, body: Any, token: str = "") -> Any:
    """Content of the answer to a POST request with a JSON body.

    :param address: http or https address.
    :param token: bearer token, or empty.
    :raises UnreachableError: unless the server answers with a status of success and JSON.
    """
    return _sent("POST", address, body, token)


def _sent(method: str, address: str, body: Any, token: str = "") -> Any:
    headers = {"Content-Type": "application/json", **_bearer(token)}
    request = Request(address, json.dumps(body).encode(), headers, method=method)  # noqa: S310 - as above
    return _answer(request, address, _TIMEOUT)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _answer(request: Request, address: str, timeout: float) -> Any:
    try:
        with urlopen(request, timeout=timeout) as response:  # noqa: S310 - as above
            return json.loads(response.read())
    except (OSError, HTTPException, ValueError) as error:
        told = f"{address}: must answer {request.get_method()} with JSON, got {error}{_reason(error)}"
        status = error.code if isinstance(error, HTTPError) else 0
        if status == 429:
            raise BusyError(told, _wait(error)) from error
        if status == 401:
            raise DeniedError(told, status) from error
        kind = AbsentError if status == 404 else UnreachableError
        raise kind(told, status) from error


def _wait(error: Exception) -> float:
    """Seconds after which a server wants to be asked again; a second if it does not say."""
    asked = error.headers.get("Retry-After", "") if isinstance(error, HTTPError) else ""
    return float(asked) if asked.isdecimal() else 1.0


def _reason(error: Exception) -> str:
    """What an error object of our endpoints says beside the status."""
    if not isinstance(error, HTTPError):
        return ""
    try:
        said = json.loads(error.read())["error"]
        return f" ({said['field']}: {said['rule']}, got {said['got']})"
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return ""
