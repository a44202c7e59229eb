"""Who may change the detectors: the holder of a bearer token."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import mlrun

from feature_sets.checks import InputError
from graphs.protocol.errors import ApiError

CALLBACK_SECRET = "NETOPS_CALLBACK_SECRET"  # noqa: S105 - its name
"""Name of the secret, or the variable, with which callbacks of the settings are signed; there may be none."""


class AccessGuard:
    """Compares the ``Authorization`` header with the token, in constant time.

    :param token: empty lets everybody in.
    """

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode() if token else b""

    def check(self, headers: Mapping[str, Any]) -> None:
        """Raise ApiError (401) unless the headers bear the token; the error never shows what was given."""
        if not self._expected:
            return
        given = header(headers, "authorization")
        given = given if isinstance(given, bytes) else str(given).encode()
        if not hmac.compare_digest(given, self._expected):
            got = "another value" if given else "none"
            challenge = {"WWW-Authenticate": "Bearer"}
            raise ApiError(401, "authorization", "must be 'Bearer' and the token", got, headers=challenge)


def header(headers: Mapping[str, Any], name: str) -> Any:
    """Value of a header, whatever the case of its name; empty text without it."""
    return next((value for key, value in headers.items() if str(key).lower() == name), "")


def read_token(context: Any, secret: str | None) -> str:
    """The token, from a secret of the function or the project, or from an environment variable.

    :param context: MLRun's graph context.
    :param secret: name of the secret; None for no token.
    :raises InputError: if there is no such secret; a guard that was asked for must not be left out.
    """
    if secret is None:
        return ""
    token = find_secret(context, secret)
    if not token:
        raise InputError(f"secret '{secret}'", "must hold the token of the drift routes", None)
    return token


def find_secret(context: Any, name: str) -> str:
    """A secret of the function or the project, or an environment variable; empty if there is none.

    :param context: MLRun's graph context.
    """
    return str(context.get_secret(name) or mlrun.get_secret_or_env(name) or "")
