"""Which rolling windows are computed: lengths, period, operations and the tolerances about time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from feature_sets.checks import InputError, check_choice, duration_seconds
from feature_sets.telemetry.expected_interval import presence_names
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.window_settings import OPERATIONS
from feature_sets.windows import presence
from feature_sets.windows.counters import Counters


@dataclass(frozen=True)
class WindowDefinition:
    """Rolling windows over the metrics of an entity.

    Time is cut into buckets of one period P, aligned to the Unix epoch: bucket b covers [b·P, (b+1)·P).
    A row shows, for each window of length L, all counted readings of its device whose bucket lies in
    (B − L/P, B], where B is the newest bucket that the device has reached.

    >>> minute = WindowDefinition("device", "at", ("load",), ("avg", "max"), ("20s", "60s"), "10s")
    >>> minute.feature_names
    ('load_avg_20s', 'load_avg_60s', 'load_max_20s', 'load_max_60s')
    >>> minute.window_buckets
    (2, 6)

    :param entity: column of the key.
    :param timestamp: column of the event time, UTC.
    :param metrics: numeric columns; NaN means no reading.
    :param operations: among ``OPERATIONS`` of the telemetry schema; ``stddev`` and ``stdvar`` are of a sample
        (n − 1), NaN below two readings.
    :param windows: lengths such as ``5m``, each a multiple of the period.
    :param period: length of a bucket.
    :param allowed_lateness: how far an event's bucket may lie behind B; None is the longest window, which is
        also the most that is allowed, for a later one could change no window.
    :param future_tolerance: how far event time may run ahead of the clock.
    :param expected: how often a device sends; None where nobody knows.
    :param counters: which of the metrics are rates of counters; None if none is.
    """

    entity: str
    timestamp: str
    metrics: tuple[str, ...]
    operations: tuple[str, ...]
    windows: tuple[str, ...]
    period: str
    allowed_lateness: str | None = None
    future_tolerance: str = "60s"
    expected: str | None = None
    counters: Counters | None = None

    def __post_init__(self) -> None:
        for name in ("metrics", "operations", "windows"):
            given = getattr(self, name)
            if not isinstance(given, tuple) or not given or len(set(given)) != len(given):
                raise InputError(_field(name), "must be a tuple of one or more different names", given)
        for operation in self.operations:
            check_choice(_field("operations"), operation, OPERATIONS)
        period = _seconds("period", self.period)
        if period <= 0:
            raise InputError(_field("period"), "must be positive", self.period)
        lengths = {length: _seconds("windows", length) for length in self.windows}
        if self.allowed_lateness is not None:
            lengths[self.allowed_lateness] = _seconds("allowed_lateness", self.allowed_lateness)
            longest = max(lengths[length] for length in self.windows)
            if lengths[self.allowed_lateness] > longest:
                rule = "must not be longer than the longest window"
                raise InputError(_field("allowed_lateness"), rule, self.allowed_lateness)
        for length, seconds in lengths.items():
            if seconds <= 0 or seconds % period:
                name = "windows" if length in self.windows else "allowed_lateness"
                raise InputError(_field(name), f"must be a multiple of the period {self.period}", length)
        _seconds("future_tolerance", self.future_tolerance)
        if self.expected is not None and _seconds("expected", self.expected) < 1:
            raise InputError(_field("expected"), "must be at least 1s", self.expected)
        unknown = [name for name in self.rate_names if name not in self.metrics]
        if unknown:
            raise InputError(_field("counters"), "must be among the metrics", unknown)

    @classmethod
    def from_schema(cls, schema: TelemetrySchema) -> WindowDefinition:
        """The windows that a telemetry schema asks for."""
        return cls(
            entity=DEVICE,
            timestamp=schema.time,
            metrics=schema.metric_names,
            operations=schema.windows.operations,
            windows=schema.windows.lengths,
            period=schema.windows.period,
            future_tolerance=schema.windows.future_tolerance,
            expected=schema.expected_interval,
            counters=Counters.from_schema(schema),
        )

    @classmethod
    def from_feature_set(cls, feature_set: Any, future_tolerance: str = "60s") -> WindowDefinition:
        """The windows that an MLRun feature set declares with ``add_aggregation``.

        :param feature_set: anything with MLRun's ``spec.entities``, ``spec.timestamp_key``, ``spec.graph``.
        :raises InputError: if it declares none, has several entities, renames a column, has
            windows without a period, or different operations, windows or periods for its metrics.
        """
        spec = feature_set.spec
        entities = [entity.name for entity in spec.entities]
        if len(entities) != 1:
            raise InputError(_field("entity"), "must be one entity", entities)
        if not spec.timestamp_key:
            raise InputError(_field("timestamp"), "must be given as timestamp_key", spec.timestamp_key)
        declared = [
            aggregation
            for step in spec.graph.steps.values()
            for aggregation in (getattr(step, "class_args", None) or {}).get("aggregates", [])
        ]
        if not declared:
            raise InputError(_field("aggregations"), "must be declared with add_aggregation", declared)
        first = declared[0]
        for aggregation in declared:
            _check_alike(aggregation, first)
        return cls(
            entity=entities[0],
            timestamp=spec.timestamp_key,
            metrics=tuple(aggregation["column"] for aggregation in declared),
            operations=tuple(first["operations"]),
            windows=tuple(first["windows"]),
            period=first["period"],
            future_tolerance=future_tolerance,
            expected=presence.declared_interval(feature_set),
            counters=Counters.from_feature_set(feature_set),
        )

    @property
    def rate_names(self) -> tuple[str, ...]:
        """Metrics that are rates of counters: they are computed, as the features are."""
        return tuple(rule.metric for rule in self.counters.rules) if self.counters else ()

    @property
    def computed_names(self) -> tuple[str, ...]:
        """All that is computed of an event: the features, then the rates."""
        return (*self.feature_names, *self.rate_names)

    @property
    def input_columns(self) -> tuple[str, ...]:
        """Columns that hold the readings: the metrics, the counters in place of their rates, the uptime."""
        if self.counters is None:
            return self.metrics
        counters = {rule.metric: rule.column for rule in self.counters.rules}
        columns = tuple(counters.get(metric, metric) for metric in self.metrics)
        return columns if self.counters.uptime is None else (*columns, self.counters.uptime)

    @property
    def whole_columns(self) -> tuple[str, ...]:
        """Those of them that hold whole numbers."""
        return self.counters.columns if self.counters else ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, ``{metric}_{operation}_{window}``, then of presence, in output order."""
        of_metrics = tuple(
            f"{metric}_{operation}_{length}"
            for metric in self.metrics
            for operation in self.operations
            for length in self.windows
        )
        return of_metrics + (presence_names(self.windows) if self.expected is not None else ())

    @property
    def period_micros(self) -> int:
        """Length of a bucket in microseconds."""
        return duration_seconds(self.period) * 1_000_000

    @property
    def window_buckets(self) -> tuple[int, ...]:
        """Number of buckets of each window, in the order of ``windows``."""
        period = duration_seconds(self.period)
        return tuple(duration_seconds(length) // period for length in self.windows)

    @property
    def longest_buckets(self) -> int:
        """Number of buckets of the longest window: how much of the past is kept."""
        return max(self.window_buckets)

    @property
    def rate_buckets(self) -> int:
        """How many buckets before a reading there are others that its rates may depend on."""
        return self.counters.reach_buckets(self.period_micros) if self.counters else 0

    @property
    def kept_buckets(self) -> int:
        """How many buckets back there are readings that windows or rates may depend on."""
        return self.longest_buckets + self.rate_buckets

    @property
    def lateness_buckets(self) -> int:
        """An event whose bucket lies this many buckets or more behind the newest is too late."""
        if self.allowed_lateness is None:
            return self.longest_buckets
        return duration_seconds(self.allowed_lateness) // duration_seconds(self.period)

    @property
    def tolerance_micros(self) -> int:
        """How far event time may run ahead of the clock, in microseconds."""
        return duration_seconds(self.future_tolerance) * 1_000_000

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        content = {key: list(v) if isinstance(v, tuple) else v for key, v in given.items()}
        del content["counters"]  # Absent without counters, as it was before there were any.
        if self.expected is None:  # The same.
            del content["expected"]
        return {**content, "counters": self.counters.to_dict()} if self.counters else content


def _field(name: str) -> str:
    return f"window definition, '{name}'"


def _seconds(name: str, text: str) -> int:
    return duration_seconds(text, _field(name))


def _check_alike(aggregation: Mapping[str, Any], first: Mapping[str, Any]) -> None:
    where = f"aggregation {aggregation['name']}"
    if aggregation["name"] != aggregation["column"]:
        raise InputError(_field(where), "must be named as its column", aggregation["column"])
    if not aggregation.get("period"):
        raise InputError(_field(where), "must have a period (sliding windows)", aggregation.get("period"))
    for key in ("operations", "windows", "period"):
        if aggregation[key] != first[key]:
            raise InputError(
                _field(where), f"must have the same {key} as {first['name']}: {first[key]}", aggregation[key]
            )
