"""Secrets of a serving function: from MLRun, the environment, or files that only their owner can read."""

from __future__ import annotations

import os
from typing import Any

import mlrun

from feature_sets.checks import InputError
from feature_sets.secret_files import secret_of_file
from graphs.protocol.roles import Role

TOKEN = "NETOPS_TOKEN"  # noqa: S105 - its name
"""Name of the secret with the token of the role admin, on every profile."""

CALLBACK_SECRET = "NETOPS_CALLBACK_SECRET"  # noqa: S105 - its name
"""Name of the secret, or the variable, with which callbacks of the settings are signed; there may be none."""


def role_secret(secret: str, role: Role) -> str:
    """Name of the secret that holds the tokens of a role; that of ``admin`` has no addition."""
    return secret if role is Role.ADMIN else f"{secret}_{role.upper()}"


def read_tokens(context: Any, secret: str | None) -> dict[Role, tuple[str, ...]]:
    """Tokens by role. A secret may hold several, separated by spaces or lines, while one replaces another.

    :param context: MLRun's graph context.
    :param secret: name of the secret of ``admin``, see ``role_secret``; None for no tokens at all.
    :raises InputError: if there is no such secret; a guard that was asked for must not be left out.
    """
    if secret is None:
        return {}
    tokens = {role: tuple(find_secret(context, role_secret(secret, role)).split()) for role in Role}
    if not tokens[Role.ADMIN]:
        raise InputError(f"secret '{secret}'", "must hold the token of the guarded routes", None)
    return tokens


def find_secret(context: Any, name: str) -> str:
    """A secret of the function or the project, an environment variable or a file; empty if there is none.

    :param context: MLRun's graph context.
    :raises InputError: if there is a file for it that others may read.
    """
    return given_secret(context, name) or secret_of_file(os.environ, name)


def given_secret(context: Any, name: str) -> str:
    """A secret of the function or the project, or a variable, which go before a file; empty if there is none.

    :param context: MLRun's graph context.
    """
    return str(context.get_secret(name) or mlrun.get_secret_or_env(name) or "")
