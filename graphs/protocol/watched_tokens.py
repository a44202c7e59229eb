"""Tokens that are kept in files: what is written there counts from the next request on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from feature_sets.checks import InputError
from feature_sets.secret_files import FILE, secret_of_file
from graphs.protocol.function_secrets import role_secret
from graphs.protocol.roles import Role

Tokens = Mapping[Role, Sequence[str]]
_Stamp = tuple[int, int, int] | None


def holder_name(role: Role, token: str) -> str:
    """A short name of who holds a token, which is not the token."""
    return f"{role}-{hashlib.sha256(token.encode()).hexdigest()[:8]}"


class WatchedTokens:
    """Reads the tokens of a role again when their file is another one.

    A role whose file is gone, empty or open to others has no token: who takes one back must not wait for a
    start. Tokens that MLRun or a variable gives stay.

    :param secret: name of the secret of ``admin``, see ``role_secret``.
    :param tokens: that were read at the start.
    :param roles: of which these are from a file, if there is one: MLRun and variables give none.
    :param tell: is given a sentence on each change, without a token, and whether something is wrong.
    """

    def __init__(
        self, secret: str, tokens: Tokens, roles: Iterable[Role], tell: Callable[[str, bool], None]
    ) -> None:
        self._tell = tell
        self._tokens = {role: tuple(each) for role, each in tokens.items()}
        self._names = {role: role_secret(secret, role) for role in roles}
        paths = {role: os.environ.get(f"{name}{FILE}", "") for role, name in self._names.items()}
        self._files = {role: Path(path) for role, path in paths.items() if path}
        # None yet, so that the first request reads all: they may have changed since the start did.
        self._stamps: dict[Role, _Stamp] = {}

    def changed(self) -> Tokens | None:
        """The tokens of all roles, if they are others than the last time; else None."""
        stamps = {role: _stamp(file) for role, file in self._files.items()}
        if stamps == self._stamps:
            return None
        before, self._tokens = self._tokens, dict(self._tokens)
        for role, stamp in stamps.items():
            if role in self._stamps and stamp == self._stamps[role]:
                continue
            self._tokens[role], problem = _split(self._names[role])
            self._told(role, before.get(role, ()), problem)
        self._stamps = stamps
        return None if self._tokens == before else self._tokens

    def _told(self, role: Role, before: tuple[str, ...], problem: str) -> None:
        now = self._tokens[role]
        gone = [holder_name(role, token) for token in before if token not in now]
        new = [holder_name(role, token) for token in now if token not in before]
        if gone or new or problem:
            parts = (("no longer count", gone), ("count from now on", new))
            told = [f"{', '.join(names)} {what}" for what, names in parts if names]
            told += [problem] if problem else []
            self._tell(f"tokens of the role {role}: {'; '.join(told)}", bool(problem))


def _split(name: str) -> tuple[tuple[str, ...], str]:
    """Tokens in the file of a secret, and what is wrong with it."""
    try:
        return tuple(secret_of_file(os.environ, name).split()), ""
    except InputError as error:
        return (), str(error)


def _stamp(file: Path) -> _Stamp:
    """What changes when a file is written, replaced, or opened to others; None without one."""
    try:
        found = file.stat()
    except OSError:
        return None
    # Not when its content changed, which who copies a file may set as it likes.
    return found.st_ctime_ns, found.st_ino, found.st_size
