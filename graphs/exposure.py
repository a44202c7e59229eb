"""Where a graph is reached from: only a loopback address may be open."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import Any

from feature_sets.checks import InputError
from graphs.protocol.roles import Role

LISTEN_HOST = "NETOPS_LISTEN_HOST"
"""Variable in which a host tells the address that it listens on."""

NUCLIO = "NUCLIO_FUNCTION_NAME"
"""Variable that Nuclio, and our own host, set in a function."""


def is_loopback(host: str) -> bool:
    """Whether only programs of the same machine reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_exposed(context: Any, environ: Mapping[str, str] | None = None) -> bool:
    """Whether a graph may be reached from other machines; a graph without an address is not.

    :param context: MLRun's graph context.
    :param environ: the environment; None for that of this process.
    """
    environ = os.environ if environ is None else environ
    if getattr(context, "is_mock", False):
        return False
    host = environ.get(LISTEN_HOST, "")
    return not is_loopback(host) if host else NUCLIO in environ


def check_exposure(has_tokens: bool, anonymous: Role | None) -> None:
    """Raise InputError unless a graph that others reach has tokens, and takes no data without one."""
    if not has_tokens:
        rule = "must name the secret with the token: the address is not loopback"
        raise InputError("argument 'token_secret'", rule, None)
    if anonymous is not None and anonymous.covers(Role.WRITE):
        rule = "must be none or read: the address is not loopback"
        raise InputError("argument 'anonymous'", rule, anonymous.value)
