"""Which metrics are counters, and how readings become rates; ``_put_rates`` in ``kernel.py`` does it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from feature_sets.checks import duration_seconds
from feature_sets.only_vectorized import refuse_own_ingestion
from feature_sets.telemetry.schema import TelemetrySchema

STEP = "feature_sets.windows.counters.CounterRates"
"""Class of the graph step that declares counters in a feature set."""

_SECOND = 1_000_000
"""In microseconds."""


@dataclass(frozen=True)
class CounterRule:
    """How one counter becomes a rate.

    :param metric: name of the metric, which is the rate.
    :param column: with the readings, whole numbers.
    :param bits: 32 or 64.
    :param max_rate: fastest that it can count, units per second; None if nobody knows.
    :param scale: what the rate is multiplied by.
    :param low: smallest plausible rate, scaled; None if there is none.
    :param high: largest plausible rate, scaled.
    """

    metric: str
    column: str
    bits: int = 64
    max_rate: float | None = None
    scale: float = 1.0
    low: float | None = None
    high: float | None = None

    @property
    def largest(self) -> int:
        """Largest reading."""
        return (1 << self.bits) - 1


@dataclass(frozen=True)
class Counters:
    """The counters among the metrics of rolling windows.

    The rate at a reading is that of the interval that ends there. It begins at the latest reading of the
    counter that has a smaller event time and was counted before this one arrived. There is no rate if the
    interval is longer than ``max_gap``, if the device was restarted in it, or if the counter is faster than
    ``max_rate``. One that fell has wrapped if ``max_rate`` allows for it or, without one, if it has 32 bits,
    the uptime says that the device kept running, and it counted less than half of its range. Otherwise it was
    reset. A reading less than ``min_interval`` after the one before has no rate, and no interval begins at
    it.

    :param rules: one a counter.
    :param max_gap: microseconds.
    :param min_interval: microseconds.
    :param uptime: column with how long the device has been running, in microseconds; None without.
    :param uptime_wraps: after how many microseconds that begins again; 0 if it does not.
    """

    rules: tuple[CounterRule, ...]
    max_gap: int
    min_interval: int = 0
    uptime: str | None = None
    uptime_wraps: int = 0

    @classmethod
    def from_schema(cls, schema: TelemetrySchema) -> Counters | None:
        """The counters of a telemetry schema; None if it has none."""
        rules = tuple(
            CounterRule(
                metric.name,
                metric.column,
                metric.counter.bits,
                metric.counter.max_rate,
                metric.counter.scale,
                metric.low if math.isfinite(metric.low) else None,
                metric.high if math.isfinite(metric.high) else None,
            )
            for metric in schema.counter_metrics
            if metric.counter is not None
        )
        if not rules:
            return None
        return cls(
            rules,
            schema.max_gap_seconds * _SECOND,
            duration_seconds(schema.counters.min_interval) * _SECOND,
            schema.uptime.micros_column if schema.uptime else None,
            schema.uptime.wraps_micros if schema.uptime else 0,
        )

    @classmethod
    def from_feature_set(cls, feature_set: Any) -> Counters | None:
        """Those that a feature set declares with the step ``CounterRates``; None without that step.

        :raises SchemaError: if the argument of the step is no telemetry schema.
        """
        for step in feature_set.spec.graph.steps.values():
            if step.class_name == STEP:
                return cls.from_schema(TelemetrySchema.from_dict(step.class_args.get("schema")))
        return None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of whole numbers: the counters, then the uptime if there is one."""
        columns = tuple(rule.column for rule in self.rules)
        return columns if self.uptime is None else (*columns, self.uptime)

    @property
    def largest(self) -> tuple[int, ...]:
        """Largest value of each column."""
        largest = tuple(rule.largest for rule in self.rules)
        return largest if self.uptime is None else (*largest, 2**63 - 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return {**asdict(self), "rules": [asdict(rule) for rule in self.rules]}

    def reach_buckets(self, period_micros: int) -> int:
        """How many buckets before a reading there are others that its rate may depend on."""
        return -(-(self.max_gap + self.min_interval) // period_micros)


class CounterRates:
    """Step of a feature set's graph that declares its counters.

    The vectorized ingestion reads its argument. It is never run.

    :param schema: content of the telemetry schema.
    :param kwargs: what MLRun adds.
    """

    def __init__(self, schema: Mapping[str, Any], **kwargs: Any) -> None:
        self.validate_args(None, schema)

    @staticmethod
    def validate_args(feature_set: Any, schema: Mapping[str, Any], **kwargs: Any) -> None:
        """Refuse MLRun's own ingestion, see ``refuse_own_ingestion``.

        :raises InputError: always.
        """
        counted = [metric.name for metric in TelemetrySchema.from_dict(schema).counter_metrics]
        refuse_own_ingestion("counters", counted)
