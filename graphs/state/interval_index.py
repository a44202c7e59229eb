"""Named intervals of time, found by a moment in them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator


class IntervalIndex:
    """Intervals by name, half open. Looking one up costs what is near the moment, not what there is.

    An interval lies in the one or two buckets that it touches, of the least power of two above its length.

    >>> found = IntervalIndex()
    >>> found.put("short", 10, 20)
    >>> found.put("open", 15, None)
    >>> [sorted(found.at(moment)) for moment in (9, 10, 15, 20)]
    [[], ['short'], ['open', 'short'], ['open']]
    >>> list(found.starts(10, 16))
    [(10, 'short'), (15, 'open')]
    """

    def __init__(self) -> None:
        self._named: dict[str, tuple[int, int | None]] = {}
        self._open: dict[str, int] = {}
        self._buckets: dict[tuple[int, int], dict[str, None]] = {}
        self._levels: Counter[int] = Counter()
        self._starts: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._named)

    def put(self, name: str, start: int, end: int | None) -> None:
        """Add an interval, or have it take the place of the one with its name.

        :param end: first moment after it; None if it goes on.
        """
        self.drop(name)
        self._named[name] = (start, end)
        insort(self._starts, (start, name))
        if end is None:
            self._open[name] = start
        elif end > start:
            level = (end - start).bit_length()
            self._levels[level] += 1
            for bucket in {start >> level, (end - 1) >> level}:
                self._buckets.setdefault((level, bucket), {})[name] = None

    def drop(self, name: str) -> None:
        """Forget an interval, if it is there."""
        if name not in self._named:
            return
        start, end = self._named.pop(name)
        del self._starts[bisect_left(self._starts, (start, name))]
        if end is None:
            del self._open[name]
        elif end > start:
            level = (end - start).bit_length()
            self._levels[level] -= 1
            if not self._levels[level]:
                del self._levels[level]
            for bucket in {start >> level, (end - 1) >> level}:
                names = self._buckets[level, bucket]
                del names[name]
                if not names:
                    del self._buckets[level, bucket]

    def at(self, moment: int) -> Iterator[str]:
        """Names of the intervals that a moment lies in."""
        for name, start in self._open.items():
            if start <= moment:
                yield name
        for level in self._levels:
            for name in self._buckets.get((level, moment >> level), ()):
                start, end = self._named[name]
                if end is not None and start <= moment < end:
                    yield name

    def starts(self, first: int, end: int) -> Iterator[tuple[int, str]]:
        """Starts and names of the intervals that begin in a stretch of time, in the order of time.

        :param end: first moment after the stretch.
        """
        begin = bisect_left(self._starts, (first, ""))
        yield from self._starts[begin : bisect_left(self._starts, (end, ""), begin)]

    def names(self) -> Iterator[str]:
        """Names of all intervals."""
        return iter(self._named)
