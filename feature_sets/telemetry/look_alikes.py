"""Devices of one table whose names look alike, as where two collectors write one name in two ways."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

_NAMED = 3
_INVISIBLE = re.compile(r"[\u200b-\u200d\u2060\ufeff\u00ad]")


def look_alikes_note(names: Iterable[str]) -> str:
    """What is told of names that differ in capitals, spaces or the form of characters; empty without any.

    >>> look_alikes_note(["r1", "R1", "r2"])[:73]
    "1 name is there in several writings, each a device of its own: 'R1', 'r1'"
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        groups[_plain(name)].append(name)
    alike = [sorted(group) for group in groups.values() if len(group) > 1]
    if not alike:
        return ""
    shown = "; ".join(", ".join(map(_shown, group)) for group in alike[:_NAMED])
    more = f" and {len(alike) - _NAMED:,} more" if len(alike) > _NAMED else ""
    are = "name is" if len(alike) == 1 else "names are"
    return (
        f"{len(alike):,} {are} there in several writings, each a device of its own: {shown}{more}. "
        "If these are one, write one name"
    )


def _plain(name: str) -> str:
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFKC", name)).casefold().split())


def _shown(name: str) -> str:
    """A name; one of other characters than it seems to have shows these."""
    is_plain = unicodedata.is_normalized("NFKC", name) and not _INVISIBLE.search(name)
    return repr(name) if is_plain else ascii(name)
