"""The keys of growing dictionaries in order, without sorting them each time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import islice
from typing import Any


class SortedKeys:
    """Keys of two dictionaries, each once.

    A dictionary has new keys at its end, so only these are looked at and sorted. All are sorted with the
    first call, and where a dictionary is another one or has lost keys.
    """

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._of: tuple[dict[str, Any], ...] = ()
        self._sizes = [0, 0]
        self._losses = -1

    def of(self, first: dict[str, Any], second: dict[str, Any], losses: int = 0) -> list[str]:
        """The keys, ascending; not to be changed.

        :param losses: another number whenever a dictionary has lost keys.
        """
        given = (first, second)
        is_same = len(self._of) == 2 and all(one is other for one, other in zip(self._of, given, strict=True))
        if not is_same or losses != self._losses:
            self._keys = sorted({*first, *second})
        else:
            added: set[str] = set()
            for one, size in zip(given, self._sizes, strict=True):
                added.update(islice(reversed(one.keys()), len(one) - size))
            new = sorted(key for key in added if not self._has(key))
            if new:
                self._keys += new
                self._keys.sort()  # Two runs in order are merged.
        self._of, self._losses, self._sizes = given, losses, [len(first), len(second)]
        return self._keys

    def _has(self, key: str) -> bool:
        place = bisect_left(self._keys, key)
        return place < len(self._keys) and self._keys[place] == key


def after(keys: list[str], key: str) -> int:
    """Place of the first key behind another one."""
    return bisect_right(keys, key)
