"""Links between devices, and when they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

BEGINNING, OPEN = -(2**62), 2**62
"""Before every time, and after every one; microseconds since the epoch, as the others."""

Span = tuple[int, int]
"""The first microsecond at which something holds, and the first at which it no longer does."""

Links = Mapping[tuple[str, str], tuple[Span, ...]]
"""The keys of the two devices of each link -> when it holds, in order of time."""


class GivenLinks(NamedTuple):
    """What a table says of links.

    :param links: that it has.
    :param timed: whether it says from when, or until when, they hold.
    """

    links: Links
    timed: bool


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same times in order, none of them twice.

    >>> merged([(5, 9), (0, 3), (3, 4), (8, 10)])
    ((0, 4), (5, 10))
    """
    found: list[Span] = []
    for since, until in sorted(spans):
        if found and since <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], until)
        else:
            found.append((since, until))
    return tuple(found)


def before(spans: Iterable[Span], end: int) -> tuple[Span, ...]:
    """What of times is before another."""
    return merged((since, min(until, end)) for since, until in spans if since < end)


def after(spans: Iterable[Span], start: int) -> tuple[Span, ...]:
    """What of times is at another or later."""
    return merged((max(since, start), until) for since, until in spans if until > start)


def following(given: GivenLinks | None, known: Links, last: int | None) -> Links:
    """Links of a history, after a table was read.

    A table with times says it all. One without says what holds after the newest reading of the history: a
    link that it has is new from then on, and one that it lacks held until then.

    :param given: None if there was no table; what is known stays.
    :param known: links of the history.
    :param last: event time of its newest reading; None without one.
    """
    if given is None:
        return known
    if given.timed or last is None:
        return given.links
    now = last + 1
    found = {}
    for pair in sorted({*known, *given.links}):
        spans = [*before(known.get(pair, ()), now), *after(given.links.get(pair, ()), now)]
        if spans:
            found[pair] = merged(spans)
    return found
