"""Who may do what: the holders of bearer tokens, each with a role."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphs.protocol.errors import ApiError
from graphs.protocol.roles import Role

ANYBODY = "anonymous"
"""The caller without a token."""


class AccessGuard:
    """Tells the role of a caller by the ``Authorization`` header, and refuses what it does not cover.

    A token is compared with every one that there is, by digests of equal length and in constant time: how
    long that takes tells nothing of any of them.

    :param tokens: the tokens of each role; without any, everybody may do everything.
    :param anonymous: role of those without a token; None for none.
    :param changed: gives the tokens of each role if they are others by now, else None.
    """

    def __init__(
        self,
        tokens: Mapping[Role, Iterable[str]],
        anonymous: Role | None = None,
        changed: Callable[[], Mapping[Role, Iterable[str]] | None] = lambda: None,
    ) -> None:
        self._known = _known(tokens)
        self._is_open = not self._known  # Where the last token was taken back, nobody gets in.
        self._anonymous, self._changed = anonymous, changed

    def check(self, needed: Role | None, headers: Mapping[str, Any]) -> str:
        """Who asks, as a short name that is not the token.

        :param needed: role that the request takes; None for none.
        :param headers: of the request.
        :raises ApiError: 401 with a token that is not known, or with none where anybody may not do it; 403 if
            the role of the token is another. Neither shows what was given.
        """
        if self._is_open or needed is None:
            return ANYBODY
        tokens = self._changed()
        if tokens is not None:
            self._known = _known(tokens)
        given = header(headers, "authorization")
        given = given if isinstance(given, bytes) else str(given).encode()
        held, caller = self._role(given)
        if held is not None and held.covers(needed):
            return caller
        is_wrong = held is None and bool(given)
        if not is_wrong and self._anonymous is not None and self._anonymous.covers(needed):
            return ANYBODY
        if held is None:
            rule = f"must be 'Bearer' and a token of the role {needed}"
            if given:
                rule += "; one taken back counts no more; new ones in no file are taken by 'netops serve'"
            raise ApiError(
                401,
                "authorization",
                rule,
                "another value" if given else "none",
                headers={"WWW-Authenticate": "Bearer" + (' error="invalid_token"' if given else "")},
            )
        raise ApiError(
            403,
            "authorization",
            f"must be a token of the role {needed}",
            f"one of the role {held}",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{needed}"'},
        )

    def _role(self, given: bytes) -> tuple[Role | None, str]:
        """The highest role whose token a header bears, and the name of its holder."""
        scheme, _, token = given.strip().partition(b" ")
        digest = hashlib.sha256(token.strip()).digest()
        held: Role | None = None
        for known, role in self._known:
            if hmac.compare_digest(digest, known):
                held = role
        if scheme.lower() != b"bearer":
            held = None
        return held, "" if held is None else f"{held}-{digest.hex()[:8]}"


def _known(tokens: Mapping[Role, Iterable[str]]) -> list[tuple[bytes, Role]]:
    return [(_digest(token), role) for role in Role for token in tokens.get(role, ())]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def header(headers: Mapping[str, Any], name: str) -> Any:
    """Value of a header, whatever the case of its name; empty text without it."""
    return next((value for key, value in headers.items() if str(key).lower() == name), "")
