"""Secrets in files that only their owner can read."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from feature_sets.checks import InputError

FILE = "_FILE"
"""A variable with this behind the name of a secret has the path of the file that holds it."""


def secret_of_file(environ: Mapping[str, str], name: str) -> str:
    """Content of the file that the variable ``NAME_FILE`` names; empty without the variable.

    :raises InputError: unless it is a file that only its owner, or on a cluster its group, can read.
    """
    given = environ.get(f"{name}{FILE}", "")
    if not given:
        return ""
    path = Path(given)
    try:
        mode = path.stat().st_mode
        content = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{name}{FILE}", "must be the path of a file that can be read", given) from error
    if mode & stat.S_IRWXO:
        rule = "must not be open to other users; chmod 600 closes it"
        raise InputError(f"{name}{FILE}", rule, f"{given} of mode {stat.S_IMODE(mode):04o}")
    return content.strip()
