"""Files in the home folder that hold what only their owner may read: tokens, and the secret of callbacks."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from graphs.protocol.roles import Role
from project.errors import NetopsError

_NAMES = {Role.ADMIN: "token", Role.WRITE: "write-token", Role.READ: "read-token"}

CALLBACK_FILE = "callback-secret"
"""Name of the file with the secret of callbacks."""


def token_file(home: Path, role: Role) -> Path:
    """Where the token of a role is kept."""
    return home / _NAMES[role]


def kept_token(home: Path, role: Role) -> str:
    """Tokens of a role, as they are kept; one is made on first use.

    :param home: folder of all local state.
    :raises NetopsError: if there are none in the file: without one an endpoint would be open to everybody.
    """
    path = token_file(home, role)
    if not path.is_file():
        new = _written(path, secrets.token_urlsafe(24))
        # A link and not a rename: of two that make one at the same time, the first stays.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(new)
        new.unlink()
    token = path.read_text(encoding="utf-8").strip()
    if not token:
        raise NetopsError(f"{path}: must hold a token, got an empty file; delete it to have one made")
    return token


def keep(path: Path, content: str) -> Path:
    """Have a file of mode 0600 with a content; answers its path."""
    if not path.is_file() or path.read_text(encoding="utf-8").strip() != content:
        _written(path, content).replace(path)
    return path


def _written(path: Path, content: str) -> Path:
    """A new file of mode 0600 beside another one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}-", dir=path.parent)  # Of mode 0600.
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # A crash must not leave an empty one: that is no token.
    return Path(name)
