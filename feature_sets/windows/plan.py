"""A window definition in the terms of the compiled kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feature_sets.checks import duration_seconds
from feature_sets.windows import kernel
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.kernel import Floats, Ints

_SQUARES = {"sqr", "stddev", "stdvar"}


@dataclass(frozen=True)
class Plan:
    """What ``kernel.take`` is told about a definition; see there.

    :param entries: numbers by ``kernel.PERIOD`` and so on.
    :param windows: lengths in buckets.
    :param metrics: how many.
    :param operations: how many.
    :param rules: of the counters: columns METRIC and BITS, shape (counters, 2).
    :param limits: of the counters: columns MAX_RATE and so on, shape (counters, 4).
    :param whole: columns of whole numbers: the counters, and the uptime if there is one.
    """

    entries: Ints
    windows: Ints
    metrics: int
    operations: int
    rules: Ints
    limits: Floats
    whole: int

    @classmethod
    def of(cls, definition: WindowDefinition) -> Plan:
        """The plan of a definition; each bucket gets the statistics that its operations need."""
        operations = set(definition.operations)
        entries = np.full(kernel.PLAN_ENTRIES, -1, dtype=np.int64)
        entries[kernel.PERIOD] = definition.period_micros
        entries[kernel.LONGEST] = definition.longest_buckets
        entries[kernel.LATENESS] = definition.lateness_buckets
        entries[kernel.READINGS] = "median" in operations
        if definition.expected is not None:
            entries[kernel.EXPECTED] = duration_seconds(definition.expected) * 1_000_000
        entries[kernel.KEPT] = definition.kept_buckets
        counters = definition.counters
        rules = counters.rules if counters else ()
        if counters:
            entries[kernel.NEAREST] = counters.min_interval
            entries[kernel.FARTHEST] = counters.max_gap
            entries[kernel.UPTIME_WRAP] = counters.uptime_wraps
        places = kernel.SUM + 1
        for entry, needed, width in (
            (kernel.SQUARES, operations & _SQUARES, 1),
            (kernel.HIGH, operations & {"max"}, 1),
            (kernel.FIRST, operations & {"first"}, 2),
            (kernel.LAST, operations & {"last"}, 2),
        ):
            if needed:
                entries[entry] = places
                places += width
        entries[kernel.PLANES] = places
        for place, name in enumerate(definition.operations):
            entries[kernel.ASKED + kernel.OPERATIONS.index(name)] = place
        return cls(
            entries=entries,
            windows=np.array(definition.window_buckets, dtype=np.int64),
            metrics=len(definition.metrics),
            operations=len(definition.operations),
            rules=np.array(
                [(definition.metrics.index(rule.metric), rule.bits) for rule in rules], dtype=np.int64
            ).reshape(-1, 2),
            limits=np.array(
                [
                    (
                        -1.0 if rule.max_rate is None else rule.max_rate,
                        rule.scale,
                        -np.inf if rule.low is None else rule.low,
                        np.inf if rule.high is None else rule.high,
                    )
                    for rule in rules
                ],
                dtype=np.float64,
            ).reshape(-1, 4),
            whole=len(definition.whole_columns),
        )

    @property
    def ring(self) -> int:
        """Buckets of a device."""
        return int(self.entries[kernel.LONGEST])

    @property
    def planes(self) -> int:
        """Statistics of a bucket, of each metric."""
        return int(self.entries[kernel.PLANES])

    @property
    def no_readings(self) -> Floats:
        """A bucket without readings, shape (planes,)."""
        bucket = np.zeros(self.planes)
        bucket[kernel.LOW] = np.inf
        if self.entries[kernel.HIGH] >= 0:
            bucket[self.entries[kernel.HIGH]] = -np.inf
        return bucket

    @property
    def keeps_readings(self) -> bool:
        """Whether every reading is kept, as the median needs it."""
        return bool(self.entries[kernel.READINGS])

    @property
    def features(self) -> int:
        """Features of a device."""
        of_presence = 1 + len(self.windows) if self.entries[kernel.EXPECTED] > 0 else 0
        return self.metrics * self.operations * len(self.windows) + of_presence
