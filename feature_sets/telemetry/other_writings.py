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
    ("in the signs between their parts", lambda text: re.sub(r"[\W_]+", "-", text)),
    (
        "in the signs between their parts, and upper and lower case",
        lambda text: re.sub(r"[\W_]+", "-", text.casefold()),
    ),
    (_DOMAIN, lambda text: text.casefold().partition(".")[0]),
)
"""How names of one device may differ, and what of them is the same then."""


_MOST_NEAR = 10_000
"""Known names that are compared with one, at most."""


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


def hint_of(name: str, known: Iterable[str]) -> str:
    """``OtherWritings.hint`` of one name alone, without looking at each known one in every way.

    In whatever way two names are alike, the known one has all runs of letters and digits that the other has
    before its first point, but for zeros at its front. Of a name that 10,000 have them nothing is said.

    >>> hint_of("R1.example.net", ["r1", "r2"]), hint_of("r3", ["r1"])
    ("'r1' is known, which differs in the domain after the name", '')
    >>> hint_of("007", ["7", "8"])
    "'7' is known, which differs in zeros at the front"
    """
    runs = re.findall(r"[^\W_]+", name.casefold().partition(".")[0].lstrip("0"))
    near: Iterable[str] = known
    for run in sorted(runs, key=len, reverse=True):
        near = [one for one in near if run in one.casefold()]
    near = list(near)
    return OtherWritings(near).hint(name) if len(near) <= _MOST_NEAR else ""
