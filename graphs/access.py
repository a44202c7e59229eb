"""Who may change the detectors: the holder of a bearer token."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import mlrun

from graphs.requests import ApiError


class AccessGuard:
    """Compares the ``Authorization`` header with the token, in constant time.

    :param token: the token, or empty to let everybody in.
    """

    def __init__(self, token: str = "") -> None:
        self._expected = f"Bearer {token}".encode() if token else b""

    @classmethod
    def from_secret(cls, context: Any, name: str | None) -> AccessGuard:
        """Guard with the token of an MLRun secret or an environment variable.

        :param context: MLRun's graph context.
        :param name: name of the secret; None for no guard.
        :raises ValueError: if there is no such secret; a guard that was asked for must not be left out.
        """
        if name is None:
            return cls()
        token = read_secret(context, name)
        if not token:
            raise ValueError(f"secret '{name}' must hold the token of the drift routes, got none")
        return cls(token)

    def check(self, headers: Mapping[str, Any]) -> None:
        """Let the bearer of the token pass.

        :raises ApiError: 401 otherwise; it never shows what came.
        """
        if not self._expected:
            return
        given = next((value for key, value in headers.items() if str(key).lower() == "authorization"), "")
        given = given if isinstance(given, bytes) else str(given).encode()
        if not hmac.compare_digest(given, self._expected):
            raise ApiError(401, "authorization", "must be 'Bearer' and the token", "another value")


def read_secret(context: Any, name: str) -> str:
    """Value of a secret of the function or the project, or of an environment variable; empty if none."""
    return str(context.get_secret(name) or mlrun.get_secret_or_env(name) or "")
