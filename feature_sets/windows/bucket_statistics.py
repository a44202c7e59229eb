"""Statistics of the buckets of one device, from which any window is recomputed.

Each bucket keeps count, mean, sum of squared deviations (Welford, 1962, Technometrics 4), sum, sum of
squares, min, max, first and last of each metric. Buckets of a window are merged with the formula of Chan,
Golub and LeVeque (1983, American Statistician 37). Nothing is ever subtracted, so a spike that left a window
leaves no residue, and a constant metric has a variance of exactly 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

COUNT, DEVIATION, SUM, SQUARES, MEAN, MIN, MAX, FIRST, LAST, FIRST_AT, LAST_AT = range(11)
STATISTICS = 11
_ADDITIVE = slice(COUNT, SQUARES + 1)
EMPTY = (0.0, 0.0, 0.0, 0.0, 0.0, np.inf, -np.inf, np.nan, np.nan, np.inf, -np.inf)
"""A bucket without readings, in the order of the statistics above."""

_EMPTY_COLUMN = np.array(EMPTY)[:, None]
_SMALLEST = 8


class BucketStatistics:
    """Non-empty buckets of one device, oldest first.

    :param metrics: how many metrics.
    """

    __slots__ = ("_columns", "_ids", "_metrics", "_start", "_stats", "_stop")

    def __init__(self, metrics: int) -> None:
        self._metrics = metrics
        self._columns = np.arange(metrics)
        self._ids = np.zeros(_SMALLEST, dtype=np.int64)
        self._stats = np.empty((_SMALLEST, STATISTICS, metrics))
        self._start = 0
        self._stop = 0

    @classmethod
    def from_arrays(cls, ids: npt.NDArray[np.int64], statistics: Floats) -> BucketStatistics:
        """Buckets with the given numbers, ascending, and statistics, shape (buckets, STATISTICS, metrics)."""
        buckets = cls(statistics.shape[2])
        size = max(_SMALLEST, len(ids))
        buckets._ids = np.zeros(size, dtype=np.int64)
        buckets._stats = np.empty((size, STATISTICS, statistics.shape[2]))
        buckets._ids[: len(ids)], buckets._stats[: len(ids)] = ids, statistics
        buckets._stop = len(ids)
        return buckets

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """Numbers of the buckets, ascending."""
        return self._ids[self._start : self._stop]

    @property
    def statistics(self) -> Floats:
        """Statistics of the buckets, shape (buckets, STATISTICS, metrics)."""
        return self._stats[self._start : self._stop]

    def drop_through(self, bucket: int) -> list[int]:
        """Forget the buckets up to this one; gives their numbers."""
        stop = self._start + int(np.searchsorted(self.ids, bucket, side="right"))
        dropped: list[int] = self._ids[self._start : stop].tolist()
        self._start = stop
        return dropped

    def add(self, bucket: int, offset: float, values: Floats) -> None:
        """Count one event.

        :param bucket: number of its bucket.
        :param offset: its time since the bucket began, in microseconds.
        :param values: readings, shape (metrics,); what is not finite is no reading.
        """
        position = self._position(bucket)  # may replace the arrays
        row = self._stats[position]
        read = np.isfinite(values)
        whole = bool(read.all())
        if not whole and not read.any():
            return
        where: npt.NDArray[np.bool_] | bool = True if whole else read
        np.add(row[COUNT], 1.0, out=row[COUNT], where=where)
        delta = values - row[MEAN]
        np.add(row[MEAN], delta / np.maximum(row[COUNT], 1.0), out=row[MEAN], where=where)
        np.add(row[DEVIATION], delta * (values - row[MEAN]), out=row[DEVIATION], where=where)
        np.add(row[SUM], values, out=row[SUM], where=where)
        np.add(row[SQUARES], values * values, out=row[SQUARES], where=where)
        np.minimum(row[MIN], values, out=row[MIN], where=where)
        np.maximum(row[MAX], values, out=row[MAX], where=where)
        if row[LAST_AT].max() < offset and whole:
            # The usual case: later than everything in the bucket.
            row[LAST], row[LAST_AT] = values, offset
            fresh = row[COUNT] == 1.0
            np.copyto(row[FIRST], values, where=fresh)
            np.copyto(row[FIRST_AT], offset, where=fresh)
            return
        earliest, latest = offset < row[FIRST_AT], offset > row[LAST_AT]
        if not whole:
            earliest &= read
            latest &= read
        for sooner, value, at in ((earliest, FIRST, FIRST_AT), (latest, LAST, LAST_AT)):
            row[value][sooner] = values[sooner]
            row[at][sooner] = offset

    def window(self, after: int, out: Floats, ends: bool = True) -> None:
        """Statistics of all buckets after the given one together.

        :param out: where they go, shape (STATISTICS, metrics).
        :param ends: whether first and last are asked for; otherwise they are left NaN.
        """
        begin = self._start + int(np.searchsorted(self.ids, after, side="right"))
        block = self._stats[begin : self._stop]
        if len(block) < 2:
            out[:] = block[0] if len(block) else _EMPTY_COLUMN
            return
        counts = block[:, COUNT]
        columns = self._columns
        np.add.reduce(block[:, _ADDITIVE], axis=0, out=out[_ADDITIVE])
        # Means are taken relative to one of them: equal means then differ by exactly nothing.
        base = block[counts.argmax(axis=0), MEAN, columns]
        distance = block[:, MEAN] - base
        shift = np.add.reduce(counts * distance, axis=0) / np.maximum(out[COUNT], 1.0)
        out[MEAN] = base + shift
        distance -= shift
        out[DEVIATION] += np.add.reduce(counts * distance * distance, axis=0)
        np.minimum.reduce(block[:, MIN], axis=0, out=out[MIN])
        np.maximum.reduce(block[:, MAX], axis=0, out=out[MAX])
        if not ends:
            out[FIRST:] = np.nan
            return
        filled = counts > 0
        oldest = filled.argmax(axis=0)
        newest = len(block) - 1 - filled[::-1].argmax(axis=0)
        out[FIRST], out[FIRST_AT] = block[oldest, FIRST, columns], block[oldest, FIRST_AT, columns]
        out[LAST], out[LAST_AT] = block[newest, LAST, columns], block[newest, LAST_AT, columns]

    def _position(self, bucket: int) -> int:
        """Row of the bucket; an empty one is put in its place when it is new."""
        if self._stop > self._start and self._ids[self._stop - 1] == bucket:
            return self._stop - 1
        position = self._start + int(np.searchsorted(self.ids, bucket))
        if position < self._stop and self._ids[position] == bucket:
            return position
        if self._stop == len(self._ids):
            position -= self._start
            self._make_room()
        self._ids[position + 1 : self._stop + 1] = self._ids[position : self._stop]
        self._stats[position + 1 : self._stop + 1] = self._stats[position : self._stop]
        self._ids[position] = bucket
        self._stats[position] = _EMPTY_COLUMN
        self._stop += 1
        return position

    def _make_room(self) -> None:
        """Move the buckets to the front, into arrays twice as long if they fill more than half of these."""
        ids, stats = self.ids.copy(), self.statistics.copy()
        size = len(ids)
        if size > len(self._ids) // 2:
            self._ids = np.zeros(2 * len(self._ids), dtype=np.int64)
            self._stats = np.empty((len(self._ids), STATISTICS, self._metrics))
        self._ids[:size], self._stats[:size] = ids, stats
        self._start, self._stop = 0, size


def operation_values(operation: str, merged: Floats) -> Floats:
    """One operation, from merged statistics, shape (windows, STATISTICS, metrics); gives (windows, metrics).

    ``count`` is 0 without readings, everything else NaN; ``stddev`` and ``stdvar`` need two readings.
    """
    count: Floats = merged[:, COUNT]
    if operation == "count":
        return count
    if operation in ("stddev", "stdvar"):
        variance = merged[:, DEVIATION] / np.maximum(count - 1.0, 1.0)
        return np.where(count > 1, np.sqrt(variance) if operation == "stddev" else variance, np.nan)
    return np.where(count > 0, merged[:, _KEPT[operation]], np.nan)


_KEPT = {"avg": MEAN, "sum": SUM, "sqr": SQUARES, "min": MIN, "max": MAX, "first": FIRST, "last": LAST}
