"""Names of one device that are written in different ways, such as ``R1`` and ``r1.example.net``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

_DOMAIN = "in the domain after the name"
_WAYS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("in upper and lower case", str.casefold),
    ("in zeros at the front", lambda text: re.sub(r"^0+(?=\d)", "", text)),
    ("in a point and zeros at the end", lambda text: re.sub(r"(?<=\d)\.0+$", "", text)),
    (
        "in the signs between their parts, and upper and lower case",
        lambda text: re.sub(r"[\W_]+", "-", text.casefold()),
    ),
    (_DOMAIN, lambda text: text.casefold().partition(".")[0]),
)
"""How names of one device may differ, and what of them is the same then."""


class Alike(NamedTuple):
    """Names that differ from known ones in one way only: how, and the pairs of both."""

    how: str
    pairs: list[tuple[str, str]]


class OtherWritings:
    """Finds known names that others may be meant for.

    :param known: names of devices; what two of them are alike in tells neither.
    """

    def __init__(self, known: Sequence[str]) -> None:
        self._ways = []
        for how, plain in _WAYS:
            counts = Counter(plain(name) for name in known)
            self._ways.append((how, plain, {plain(name): name for name in known if counts[plain(name)] == 1}))

    def of(self, given: Sequence[str]) -> Iterable[Alike]:
        """Each way in which names may differ, with the given ones that are known in it."""
        for how, plain, alike in self._ways:
            pairs = [(name, alike[plain(name)]) for name in given if plain(name) in alike]
            if how == _DOMAIN:  # Addresses, and names of two domains, are of different devices.
                pairs = [(name, other) for name, other in pairs if ("." in name) != ("." in other)]
            yield Alike(how, pairs)

    def hint(self, name: str) -> str:
        """Which known name differs in its writing only; empty if none does.

        >>> OtherWritings(["r1", "r2"]).hint("R1.example.net")
        "'r1' is known, which differs in the domain after the name"
        """
        found = next(((one.how, one.pairs[0][1]) for one in self.of([name]) if one.pairs), None)
        return f"{found[1]!r} is known, which differs {found[0]}" if found else ""
