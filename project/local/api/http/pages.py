"""Pages of a long list, with tokens that need no memory on the server.

A token holds the whole query with the next page's number, and stays valid across restarts. Of a list with an
order it holds, too, after which item the page begins: what is added or deleted meanwhile moves no other.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import orjson

from project.local.api.documents import Document
from project.local.api.errors import InvalidError
from project.local.api.http.calls import Call

MAX_PAGE_SIZE = 10_000

Item = TypeVar("Item")


@dataclass(frozen=True)
class Page:
    """Which part of the list a call asks for.

    :param number: first page is 1; None when the call wants everything.
    :param size: items a page.
    :param call: the call; its query is that of the page token, if it has one.
    :param after: key of the last item of the page before, if its token has it.
    """

    call: Call
    number: int | None
    size: int
    after: list[Any] | None = None

    @property
    def start(self) -> int:
        """How many items come before those of the page; none of a page that begins after an item."""
        return 0 if self.number is None or self.after is not None else (self.number - 1) * self.size

    @property
    def most(self) -> int | None:
        """How many items ``cut`` looks at, the first ones; None for all."""
        return None if self.number is None else self.start + self.size + 1

    def cut(
        self, items: Sequence[Item], key: Callable[[Item], list[Any]] | None = None
    ) -> tuple[list[Item], Document]:
        """The page's items and the ``pagination`` object of the answer.

        :param items: of a page with ``after`` those that come after it.
        :param key: JSON values that tell what comes after an item; None of a list without an order.
        """
        if self.number is None:
            return list(items), {"page": None, "page-size": None, "page-token": None}
        chosen = list(items[self.start : self.start + self.size])
        more = len(items) > self.start + self.size
        last = key(chosen[-1]) if key and chosen else None
        token = _token(self.call.query, self.number + 1, self.size, last) if more else None
        return chosen, {
            "page": self.number,
            "page-size": self.size,
            "page-token": token,
        }


def page_of(call: Call, default_size: int = 200) -> Page:
    """The page that a call asks for with ``page``, ``page-size`` or ``page-token``.

    :raises InvalidError: if a number is below 1, the size above 10,000, or the token not one of ours.
    """
    token = call.value("page-token")
    if token:
        query, number, size, after = _parse(token)
        return Page(replace(call, query=query), number, size, after)
    if not call.value("page") and not call.value("page-size"):
        return Page(call, None, default_size)
    number = call.number("page", default=1) or 0
    size = call.number("page-size", default=default_size) or 0
    if number < 1 or not 1 <= size <= MAX_PAGE_SIZE:
        raise InvalidError(
            f"page must be at least 1 and page-size between 1 and {MAX_PAGE_SIZE}, "
            f"got page={number} page-size={size}"
        )
    return Page(call, number, size)


def _token(query: list[tuple[str, str]], page: int, size: int, after: list[Any] | None) -> str:
    rest = [pair for pair in query if pair[0] not in {"page", "page-size", "page-token"}]
    return base64.urlsafe_b64encode(orjson.dumps([rest, page, size, after])).decode().rstrip("=")


def _parse(token: str) -> tuple[list[tuple[str, str]], int, int, list[Any] | None]:
    """What a token holds; one of an earlier release has no key of an item."""
    try:
        query, page, size, *key = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        after = list(key[0]) if key and key[0] is not None else None
        return [(str(name), str(value)) for name, value in query], int(page), int(size), after
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidError(f"page-token must come from an earlier answer, got {token!r}") from error
