"""Writing the buckets of a device as plain content for JSON, and reading them back to the last bit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from feature_sets.windows.bucket_statistics import STATISTICS, BucketStatistics

SNAPSHOT_VERSION = 1


class SnapshotError(ValueError):
    """A snapshot that cannot be continued from; the message names the field, the rule and what came."""

    def __init__(self, name: str, rule: str, got: object) -> None:
        super().__init__(f"snapshot, '{name}': {rule}, got {got!r}")


def pack_buckets(buckets: BucketStatistics) -> list[list[Any]]:
    """Buckets as [number, statistics in one row]; infinities and NaN, which JSON has not, become text."""
    rows = buckets.statistics.reshape(len(buckets.ids), -1).tolist()
    return [
        [number, [value if math.isfinite(value) else str(value) for value in row]]
        for number, row in zip(buckets.ids.tolist(), rows, strict=True)
    ]


def unpack_buckets(packed: Sequence[Sequence[Any]], metrics: int) -> BucketStatistics:
    """Inverse of ``pack_buckets``.

    :raises SnapshotError: if a row does not have a number for each statistic of each metric.
    """
    ids = np.array([number for number, _ in packed], dtype=np.int64)
    statistics = np.empty((len(packed), STATISTICS, metrics))
    for position, (number, row) in enumerate(packed):
        if len(row) != STATISTICS * metrics:
            raise SnapshotError(f"bucket {number}", f"must have {STATISTICS * metrics} numbers", len(row))
        statistics[position] = np.array([float(value) for value in row]).reshape(STATISTICS, metrics)
    return BucketStatistics.from_arrays(ids, statistics)
