"""The telemetry schema: which columns a user has, what they mean and what we compute from them.

Everything else derives from this one object: no column name is written anywhere else in the code.
A user describes their own telemetry in a YAML file and passes it as ``--schema``.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from feature_sets.telemetry.derived import Derived
from feature_sets.telemetry.schema_rules import SchemaError, check_name, duration_seconds, mapping, names

DEVICE = "device"
"""Name of the key column in every frame, feature set and answer; composed from the entity columns."""

OPERATIONS = ("count", "sum", "sqr", "avg", "min", "max", "first", "last", "stddev", "stdvar", "median")
"""Window operations; all but the median, which storey has not, as storey names them."""

DEFAULT_SCHEMA_PATH = Path(__file__).with_name("simulated_network.yaml")


@dataclass(frozen=True)
class Metric:
    """One measured quantity of a device.

    :param name: column name in telemetry.
    :param unit: for people; stored with the model.
    :param low: smallest plausible value, inclusive.
    :param high: largest plausible value, inclusive; a value outside becomes NaN and is counted.
    """

    name: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        check_name(f"metrics.{self.name}", self.name)
        if math.isnan(self.low) or math.isnan(self.high) or not self.low < self.high:
            raise SchemaError(
                f"metrics.{self.name}.range", "must be [low, high] with low < high", [self.low, self.high]
            )


@dataclass(frozen=True)
class Windows:
    """Rolling windows computed for every metric.

    :param lengths: window lengths, at least one; each a multiple of the period.
    :param period: bucket length; windows slide by it, aligned to the Unix epoch.
    :param operations: see ``OPERATIONS``.
    :param future_tolerance: how far event time may run ahead of the clock before an event is quarantined.
    """

    lengths: tuple[str, ...] = ("1m", "5m")
    period: str = "10s"
    operations: tuple[str, ...] = ("avg", "stddev", "min", "max")
    future_tolerance: str = "60s"

    def __post_init__(self) -> None:
        period = duration_seconds(self.period, "windows.period")
        if period <= 0:
            raise SchemaError("windows.period", "must be positive", self.period)
        if not self.lengths:
            raise SchemaError("windows.lengths", "must name at least one window", self.lengths)
        if len(set(self.lengths)) != len(self.lengths):
            raise SchemaError("windows.lengths", "must not repeat a window", list(self.lengths))
        for length in self.lengths:
            seconds = duration_seconds(length, "windows.lengths")
            if seconds <= 0 or seconds % period:
                raise SchemaError(
                    "windows.lengths", f"must be a multiple of the period {self.period}", length
                )
        if not self.operations or len(set(self.operations)) != len(self.operations):
            raise SchemaError("windows.operations", "must name operations, each once", list(self.operations))
        for operation in self.operations:
            if operation not in OPERATIONS:
                raise SchemaError("windows.operations", f"must be among {', '.join(OPERATIONS)}", operation)
        duration_seconds(self.future_tolerance, "windows.future_tolerance")


@dataclass(frozen=True)
class TelemetrySchema:
    """What a user's telemetry looks like. Built by ``from_yaml`` or ``from_dict``.

    :param name: name of the network; lower-case letters, digits and dashes.
    :param entity: columns that together make the device key, outermost level first.
    :param time: event-time column; UTC.
    :param metrics: the numeric columns, in the order features are computed.
    :param label: column of the labels file to predict; 0 or 1.
    :param static: static columns (of the static file) used as features, one-hot encoded.
    :param windows: rolling windows over each metric.
    :param derived: features computed from the windows of the same row.
    :param horizon: ``0s`` to predict that a device is in error now, else how far ahead to predict that an
        error starts; rows already in error are then neither trained on nor judged.
    :param arrival: column of the metrics file with the time at which each reading arrived, UTC; absent where
        nobody knows. With it, features of the past show what was known then: a late reading counts from its
        arrival on.
    :param population: which devices are trained on: static column -> required value.
    :param exclude_labels: rows left out of training and test: label-file column -> value that excludes.
    :param assume_timezone: ``UTC`` accepts times without a zone as UTC; otherwise such rows are rejected.
    :param separator: what joins entity columns into the device key.
    """

    name: str
    entity: tuple[str, ...]
    time: str
    metrics: tuple[Metric, ...]
    label: str
    static: tuple[str, ...] = ()
    windows: Windows = field(default_factory=Windows)
    derived: Derived = field(default_factory=Derived)
    horizon: str = "0s"
    arrival: str | None = None
    population: Mapping[str, Any] = field(default_factory=dict)
    exclude_labels: Mapping[str, Any] = field(default_factory=dict)
    assume_timezone: str | None = None
    separator: str = "/"

    def __post_init__(self) -> None:
        if not re.match(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", self.name or ""):
            raise SchemaError("name", "must be lower-case letters, digits and dashes", self.name)
        if not self.entity:
            raise SchemaError("entity", "must name at least one column", list(self.entity))
        if not self.metrics:
            raise SchemaError("metrics", "must name at least one metric", {})
        if len(set(self.entity)) != len(self.entity):
            raise SchemaError("entity", "must not repeat a column", list(self.entity))
        for column in self.entity:
            if column in (self.time, self.arrival, self.label, *self.metric_names):
                rule = "must not be the time, the arrival, the label or a metric"
                raise SchemaError("entity", rule, column)
        for key, value in (("time", self.time), ("label", self.label)):
            check_name(key, value)
        if self.arrival is not None:
            check_name("arrival", self.arrival)
        for column in (*self.entity, *self.static):
            check_name("entity" if column in self.entity else "static", column)
        if self.assume_timezone not in (None, "UTC"):
            raise SchemaError("assume_timezone", "must be UTC or absent", self.assume_timezone)
        duration_seconds(self.horizon, "horizon")
        self.derived.check(self.windows.lengths, self.windows.operations)
        columns = [DEVICE, self.time, self.label, *self.metric_names, *self.static]
        if self.target != self.label:
            columns.append(self.target)
        if self.arrival is not None:
            columns.append(self.arrival)
        for column in columns:
            if columns.count(column) > 1:
                raise SchemaError(
                    "columns", "time, arrival, label, metrics and static must have different names", column
                )
        generated = {*self.window_features, *self.derived_features}
        for column in columns:
            if column in generated:
                raise SchemaError("columns", "must not equal the name of a generated feature", column)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Metric columns in feature order."""
        return tuple(metric.name for metric in self.metrics)

    @property
    def window_features(self) -> tuple[str, ...]:
        """Names of the rolling features, ``{metric}_{operation}_{window}``, in feature order."""
        return tuple(
            f"{metric.name}_{operation}_{length}"
            for metric in self.metrics
            for operation in self.windows.operations
            for length in self.windows.lengths
        )

    @property
    def derived_features(self) -> tuple[str, ...]:
        """Names of the derived features, in feature order."""
        return tuple(feature.name for feature in self.derived.features(self.metric_names))

    @property
    def live_features(self) -> tuple[str, ...]:
        """Names of all that is known of a device from its readings: metrics, windows, derived features."""
        return (*self.metric_names, *self.window_features, *self.derived_features)

    @property
    def horizon_seconds(self) -> int:
        """How far ahead errors are predicted, in seconds; 0 for errors now."""
        return duration_seconds(self.horizon)

    @property
    def embargo_seconds(self) -> int:
        """Shortest gap between rows to learn from and to judge on: longest window and horizon."""
        return self.longest_window_seconds + self.horizon_seconds

    @property
    def target(self) -> str:
        """Column that is predicted: the label or, with a horizon, ``{label}_within_{horizon}``."""
        return f"{self.label}_within_{self.horizon}" if self.horizon_seconds else self.label

    @property
    def longest_window_seconds(self) -> int:
        """Length of the longest window, in seconds."""
        return max(duration_seconds(length) for length in self.windows.lengths)

    @classmethod
    def from_yaml(cls, path: str | Path) -> TelemetrySchema:
        """Read and check a schema file.

        :raises SchemaError: if the file is absent, is not YAML or breaks a rule.
        """
        try:
            content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise SchemaError("file", "must be a readable YAML file", str(path)) from error
        except yaml.YAMLError as error:
            raise SchemaError("file", f"must be valid YAML ({error})", str(path)) from error
        return cls.from_dict(content)

    @classmethod
    def load(cls, source: str | Path | Mapping[str, Any] | None = None) -> TelemetrySchema:
        """Schema from what a job parameter holds: a path, the content itself, or nothing for the default.

        :raises SchemaError: naming the field, the rule and what came.
        """
        if isinstance(source, Mapping):
            return cls.from_dict(source)
        return cls.from_yaml(source or DEFAULT_SCHEMA_PATH)

    @classmethod
    def from_dict(cls, content: object) -> TelemetrySchema:
        """Build a schema from the content of a YAML file; the inverse of ``to_dict``.

        :raises SchemaError: naming the field, the rule and what came.
        """
        fields = {f.name for f in dataclasses.fields(cls)}
        given = mapping("schema", content, fields)
        for required in ("name", "entity", "time", "metrics", "label"):
            if required not in given:
                raise SchemaError(required, "is required", None)
        for text in ("name", "time", "label"):
            if not isinstance(given[text], str):
                raise SchemaError(text, "must be text", given[text])
        metrics = mapping("metrics", given["metrics"])
        windows = mapping(
            "windows", given.get("windows") or {}, {f.name for f in dataclasses.fields(Windows)}
        )
        return cls(
            name=given["name"],
            entity=names("entity", given["entity"]),
            time=given["time"],
            metrics=tuple(_metric(name, value) for name, value in metrics.items()),
            label=given["label"],
            static=names("static", given.get("static") or []),
            windows=_windows(windows),
            derived=Derived.from_content(given.get("derived") or {}),
            horizon=given.get("horizon", "0s"),
            arrival=given.get("arrival"),
            population=mapping("population", given.get("population") or {}),
            exclude_labels=mapping("exclude_labels", given.get("exclude_labels") or {}),
            assume_timezone=given.get("assume_timezone"),
            separator=str(given.get("separator", "/")),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON; ``from_dict`` reads it back."""
        return {
            "name": self.name,
            "entity": list(self.entity),
            "time": self.time,
            "metrics": {
                metric.name: {
                    "unit": metric.unit,
                    "range": [_finite_or_none(metric.low), _finite_or_none(metric.high)],
                }
                for metric in self.metrics
            },
            "label": self.label,
            "static": list(self.static),
            "windows": {
                "lengths": list(self.windows.lengths),
                "period": self.windows.period,
                "operations": list(self.windows.operations),
                "future_tolerance": self.windows.future_tolerance,
            },
            "derived": self.derived.to_dict(),
            "horizon": self.horizon,
            "arrival": self.arrival,
            "population": dict(self.population),
            "exclude_labels": dict(self.exclude_labels),
            "assume_timezone": self.assume_timezone,
            "separator": self.separator,
        }


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _windows(content: Mapping[str, Any]) -> Windows:
    default = Windows()
    return Windows(
        lengths=names("windows.lengths", content.get("lengths", default.lengths)),
        period=content.get("period", default.period),
        operations=names("windows.operations", content.get("operations", default.operations)),
        future_tolerance=content.get("future_tolerance", default.future_tolerance),
    )


def _metric(name: object, value: object) -> Metric:
    where = f"metrics.{name}"
    content = mapping(where, {} if value is None else value, {"unit", "range"})
    bounds = content.get("range") or [None, None]
    if not isinstance(bounds, Sequence) or isinstance(bounds, str) or len(bounds) != 2:
        raise SchemaError(f"{where}.range", "must be [low, high]", bounds)
    for bound in bounds:
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float)):
            raise SchemaError(f"{where}.range", "must hold numbers or null", bound)
    low, high = bounds
    return Metric(
        name=str(name),
        unit=str(content.get("unit", "")),
        low=-math.inf if low is None else float(low),
        high=math.inf if high is None else float(high),
    )
