"""Names of events: the id of the request that brought them and, in a list, the place in it.

The one event of a request is named by its id, ``3f2a``; the first of a list is ``3f2a#0``. A place counts
what was sent, also what was refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import orjson

from feature_sets.telemetry.events import PLACE


class SentEvents(NamedTuple):
    """Events that one request brought.

    :param id: of the request.
    :param places: of the accepted events in the list that was sent; None for one that was sent alone.
    """

    id: str
    places: tuple[int, ...] | None = None

    @property
    def size(self) -> int:
        """How many events these are."""
        return 1 if self.places is None else len(self.places)

    @property
    def names(self) -> list[str]:
        """Name of each event."""
        return [self.id] if self.places is None else [f"{self.id}{PLACE}{place}" for place in self.places]


def names_text(sent: Sequence[SentEvents]) -> str:
    """As a journal keeps it: a list without gaps is its length. Empty without an id."""
    if len(sent) == 1 and sent[0].places is None:  # As of every lone event.
        return orjson.dumps([[sent[0].id]]).decode() if sent[0].id else ""
    rows: list[list[object]] = []
    for each in sent:
        if each.places is None:
            rows.append([each.id])
        else:
            is_whole = each.places == tuple(range(len(each.places)))
            rows.append([each.id, len(each.places) if is_whole else each.places])
    return orjson.dumps(rows).decode() if any(each.id for each in sent) else ""


def read_names(text: str) -> tuple[SentEvents, ...]:
    """Inverse of ``names_text``."""
    found = []
    for name, *more in orjson.loads(text) if text else ():
        given = more[0] if more else None
        found.append(
            SentEvents(name, tuple(range(given)) if isinstance(given, int) else given and tuple(given))
        )
    return tuple(found)


def digest(request: str) -> bytes:
    """16 bytes that stand for the id of a request: as good as the id, and short however long that is."""
    return blake2b(request.encode(), digest_size=16).digest()


def parts_of(name: str) -> tuple[str, int | None]:
    """The id of the request that a name has, and the place; None for the event of a request that has one."""
    request, _, place = name.partition(PLACE)
    return request, int(place) if place else None
