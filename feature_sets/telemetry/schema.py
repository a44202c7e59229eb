"""The telemetry schema: which columns a user has, what they mean and what we compute from them.

Everything else derives from this one object: no column name is written anywhere else in the code.
A user describes their own telemetry in a YAML file and passes it as ``--schema``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from feature_sets.checks import InputError, check_choice, check_column_name, duration_seconds
from feature_sets.telemetry.cell_text import check_value
from feature_sets.telemetry.counter import CounterIntervals, Uptime, check_counters
from feature_sets.telemetry.derived import Derived
from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.event_time import DATE_ORDERS, TimeRules, check_zone
from feature_sets.telemetry.expected_interval import check_expected_interval, presence_names
from feature_sets.telemetry.file_format import PLAIN, FileFormat
from feature_sets.telemetry.horizons import ahead_of, check_horizons, target_of
from feature_sets.telemetry.incident_mapping import IncidentMapping
from feature_sets.telemetry.label_form import AS_ROWS, ROWS, LabelForm
from feature_sets.telemetry.maintenance_columns import IN_MAINTENANCE, MaintenanceColumns
from feature_sets.telemetry.metric import Metric
from feature_sets.telemetry.no_value import CellRule, Given
from feature_sets.telemetry.reserved_names import check_reserved
from feature_sets.telemetry.schema_content import (
    UNLABELED,
    check_rename,
    file_content,
    rows_depend_on,
    schema_arguments,
)
from feature_sets.telemetry.split_rule import BY_TIME, SplitRule
from feature_sets.telemetry.topology import Topology, check_groups
from feature_sets.telemetry.window_settings import Windows

DEVICE = "device"
"""Name of the key column in every frame, feature set and answer; composed from the entity columns."""

DEFAULT_SCHEMA_PATH = Path(__file__).with_name("simulated_network.yaml")


@dataclass(frozen=True)
class TelemetrySchema:
    """What a user's telemetry looks like. Built by ``from_yaml`` or ``from_dict``.

    :param name: name of the network; lower-case letters, digits and dashes.
    :param entity: columns that together make the device key, outermost level first.
    :param time: event-time column; UTC.
    :param metrics: the numeric columns, in the order features are computed.
    :param label: column of the labels file to predict; 0 or 1. In a file without it, labels are incidents.
    :param static: static columns (of the static file) used as features, one-hot encoded.
    :param windows: rolling windows over each metric.
    :param derived: features computed from the windows of the same row.
    :param horizon: ``0s`` to predict that a device is in error now, else how far ahead to predict that an
        error starts; rows already in error are then neither trained on nor evaluated.
    :param further_horizons: longer ones; content has all as a list ``horizon``, see ``horizons``.
    :param arrival: column of the metrics file with the time at which each reading arrived, UTC; absent where
        nobody knows. With it, features of the past show what was known then: a late reading counts from its
        arrival on.
    :param population: which devices are trained on: static column -> required value.
    :param exclude_labels: rows left out of training and evaluation: label-file column -> value that excludes.
    :param assume_timezone: zone that times without one are of, ``UTC`` or a name such as ``Europe/Oslo``;
        otherwise such rows are rejected.
    :param date_order: ``day_first`` or ``month_first``, of dates with the year last; without it files with
        such a date are refused, and such events.
    :param separator: what joins entity columns into the device key.
    :param rename: column of the files, or field of a live event -> the name that the schema has for it;
        several may have one name, of which a file or an event has one.
    :param files: how the files are written, where it is not the usual way.
    :param maintenance: columns of the calendar of maintenance; None without one.
    :param expected_interval: how often a device sends; None where nobody knows. With it, there are features
        of how regularly it does, and one that does not is told to be silent.
    :param uptime: how long a device has been running, beside the readings of its counters.
    :param counters: between which readings a counter has a rate.
    :param labels: the form in which there are labels, if they are not rows of 0 and 1.
    :param incident_mapping: where the JSON of an incident tool has what an incident needs.
    :param split: which labeled rows are learned from, and which are evaluated on.
    :param topology: columns of the links between devices; None without them.
    :param no_inputs: static columns that are known, for incidents to name devices by, and no input of models.
    :param no_value: words and numbers that mean no reading of any metric, in files and live events.
    """

    name: str
    entity: tuple[str, ...]
    time: str
    metrics: tuple[Metric, ...]
    label: str = UNLABELED
    static: tuple[str, ...] = ()
    windows: Windows = field(default_factory=Windows)
    derived: Derived = field(default_factory=Derived)
    horizon: str = "0s"
    further_horizons: tuple[str, ...] = ()
    arrival: str | None = None
    population: Mapping[str, Any] = field(default_factory=dict)
    exclude_labels: Mapping[str, Any] = field(default_factory=dict)
    assume_timezone: str | None = None
    date_order: str | None = None
    separator: str = "/"
    rename: Mapping[str, str] = field(default_factory=dict)
    files: FileFormat = PLAIN
    maintenance: MaintenanceColumns | None = None
    expected_interval: str | None = None
    uptime: Uptime | None = None
    counters: CounterIntervals = field(default_factory=CounterIntervals)
    labels: LabelForm = AS_ROWS
    incident_mapping: IncidentMapping | None = None
    split: SplitRule = BY_TIME
    topology: Topology | None = None
    no_inputs: tuple[str, ...] = ()
    no_value: Given = ()

    def __post_init__(self) -> None:
        if not re.match(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", self.name or ""):
            raise InputError("name", "must be lower-case letters, digits and dashes", self.name)
        if not self.entity:
            raise InputError("entity", "must name at least one column", list(self.entity))
        if not self.metrics:
            raise InputError("metrics", "must name at least one metric", {})
        if len(set(self.entity)) != len(self.entity):
            raise InputError("entity", "must not repeat a column", list(self.entity))
        for column in self.entity:
            if column in (self.time, self.arrival, self.label, *self.metric_names):
                rule = "must not be the time, the arrival, the label or a metric"
                raise InputError("entity", rule, column)
        check_column_name("time", self.time)
        check_column_name("label", self.label)
        if self.arrival is not None:
            check_column_name("arrival", self.arrival)
        for column in (*self.entity, *self.static):
            check_column_name("entity" if column in self.entity else "static", column)
        if self.assume_timezone is not None:
            check_zone("assume_timezone", self.assume_timezone)
        if self.date_order is not None:
            check_choice("date_order", self.date_order, DATE_ORDERS)
        check_horizons(self.horizons)
        check_rename(self.rename)
        for field_name, values in (("population", self.population), ("exclude_labels", self.exclude_labels)):
            for column, value in values.items():
                check_value(f"{field_name}.{column}", value)
        check_reserved("metrics", self.metric_names)
        check_reserved("time", [self.time])
        check_reserved("label", [self.label])
        check_reserved("arrival", [] if self.arrival is None else [self.arrival])
        check_reserved("exclude_labels", self.exclude_labels)
        for metric in self.metrics:
            metric.check_words(self.no_value)
        check_counters(self.counters, self.uptime, self.max_gap_seconds if self.counter_metrics else None)
        self.derived.check(self.windows.lengths, self.windows.operations)
        others = (DEVICE, self.time, self.label, *self.metric_names)
        check_groups(self.derived.neighbors, self.derived.peers, self.topology, others)
        if self.expected_interval is not None:
            check_expected_interval(self.expected_interval)
        for column in self.no_inputs:
            if column not in self.static or self.no_inputs.count(column) > 1:
                raise InputError("no_inputs", "must be columns of static, each once", list(self.no_inputs))
        if self.maintenance is not None:
            self.maintenance.check([DEVICE, *self.entity, *self.attributes])
        self._check_columns()
        devices = self.group_columns
        others = (self.time, self.label, *self.metric_names)
        self.labels.check(devices, others, self.exclude_labels, self.time)
        if self.incident_mapping is not None:
            self.incident_mapping.check(self.labels, devices, self.exclude_labels)
        self.check_split(self.split)

    def history_content(self) -> dict[str, Any]:
        """What of ``to_dict`` a history depends on: of the split only a column that is kept for it alone."""
        content, split = rows_depend_on(self.to_dict()), self.split
        content.pop("split", None)
        of_devices = (DEVICE, *self.entity, *self.static, *self.population)
        kept = self.exclude_labels if split.label_column else of_devices
        column = split.label_column or split.group_column
        if column and column not in kept:
            content["split_column"] = f"{split.by}:{column}"
        return content

    @property
    def group_columns(self) -> tuple[str, ...]:
        """Columns by whose values devices can be grouped: the key, its parts, and what is kept beside it."""
        return tuple(dict.fromkeys([DEVICE, *self.entity, *self.attributes]))

    def check_split(self, split: SplitRule, where: str = "split") -> None:
        """Raise InputError unless rows can be split by what this schema keeps."""
        # Rows that are made of incidents or positives say nothing else of themselves.
        labels = (*self.exclude_labels, self.split.label_column) if self.labels.form == ROWS else ()
        others = (DEVICE, self.time, self.label, *ahead_of(self.label, self.horizons), *self.entity)
        split.check(self.group_columns, labels, others, where)

    def _check_columns(self) -> None:
        """Raise InputError unless every column, given or generated, has a name of its own."""
        columns = [DEVICE, self.time, self.label, *self.metric_names, *self.static]
        columns += self.whole_columns
        columns += [] if self.uptime is None else [self.uptime.column]
        columns += ahead_of(self.label, self.horizons)
        if self.arrival is not None:
            columns.append(self.arrival)
        if self.maintenance is not None:
            columns.append(IN_MAINTENANCE)
        for column in columns:
            if columns.count(column) > 1:
                rule = "time, arrival, label, metrics and static must have different names"
                if column == IN_MAINTENANCE:
                    rule = f"must not be {IN_MAINTENANCE}, which NetOps writes itself"
                raise InputError("columns", rule, column)
        generated = set(self.live_features[len(self.metrics) :])
        for column in columns:
            if column in generated:
                raise InputError("columns", "must not equal the name of a generated feature", column)

    @property
    def time_rules(self) -> TimeRules:
        """What is said of times, in files and live."""
        return TimeRules(self.assume_timezone, self.date_order)

    @property
    def sent_as(self) -> dict[str, tuple[str, ...]]:
        """Names of the schema that others are renamed to, each with these, as files and events have them."""
        found: dict[str, tuple[str, ...]] = {}
        for sent, name in self.rename.items():
            found[name] = (*found.get(name, ()), sent)
        return found

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Metric columns in feature order."""
        return tuple(metric.name for metric in self.metrics)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Columns of the static file that are kept: features, population, scopes of maintenance, a group."""
        scope = self.maintenance.scope if self.maintenance is not None else ()
        others = [column for column in scope if column not in (DEVICE, *self.entity)]
        groups = (self.split.group_column, *(self.derived.peers.by if self.derived.peers else ()))
        others += [column for column in groups if column and column not in (DEVICE, *self.entity)]
        return tuple(dict.fromkeys([*self.static, *self.population, *others]))

    @property
    def tells_device_states(self) -> bool:
        """Whether answers tell the state of the device: there is a calendar, or silence can be told."""
        return self.maintenance is not None or self.expected_interval is not None

    @property
    def counter_metrics(self) -> tuple[Metric, ...]:
        """Metrics that are counters."""
        return tuple(metric for metric in self.metrics if metric.counter is not None)

    @property
    def optional_metrics(self) -> frozenset[str]:
        """Names of metrics that a file or a live event may lack."""
        return frozenset(metric.name for metric in self.metrics if metric.optional)

    @property
    def reading_columns(self) -> tuple[str, ...]:
        """Columns of a reading as it is kept: of each metric, then of the uptime if there is one."""
        columns = tuple(metric.column for metric in self.metrics)
        return columns if self.uptime is None else (*columns, self.uptime.micros_column)

    @property
    def whole_columns(self) -> tuple[str, ...]:
        """Those of them that hold whole numbers: counters and the uptime."""
        columns = tuple(metric.column for metric in self.counter_metrics)
        return columns if self.uptime is None else (*columns, self.uptime.micros_column)

    @property
    def sent_fields(self) -> tuple[str, ...]:
        """What a reading is made of, as it is sent, in the order of ``reading_columns``."""
        return self.metric_names if self.uptime is None else (*self.metric_names, self.uptime.column)

    @cached_property
    def cell_rules(self) -> dict[str, CellRule]:
        """How the cells of metrics and of the uptime are read; without those of the rule for all numbers."""
        of_metrics = {
            metric.name: CellRule.of(self.no_value, metric.no_value, unit=metric.unit, values=metric.values)
            for metric in self.metrics
        }
        every = CellRule.of(self.no_value)
        found = of_metrics if self.uptime is None else {**of_metrics, self.uptime.column: every}
        return {name: rule for name, rule in found.items() if not rule.is_plain}

    @property
    def no_value_words(self) -> frozenset[str]:
        """Words that mean no value of any metric, and no time where one may be absent."""
        return CellRule.of(self.no_value).words

    @property
    def max_gap_seconds(self) -> int:
        """Longest time that the rate of a counter spans."""
        gap = self.counters.max_gap
        return 2 * self.longest_window_seconds if gap is None else duration_seconds(gap)

    @property
    def rate_reach_seconds(self) -> int:
        """How far before a reading there are others that its rates depend on; 0 without counters."""
        if not self.counter_metrics:
            return 0
        return self.max_gap_seconds + duration_seconds(self.counters.min_interval)

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
    def presence_features(self) -> tuple[str, ...]:
        """Names of the features of how regularly a device sends, in feature order; see ``presence``."""
        return () if self.expected_interval is None else presence_names(self.windows.lengths)

    @property
    def derived_features(self) -> tuple[str, ...]:
        """Names of the derived features, in feature order."""
        return tuple(feature.name for feature in self.derived.features(self.metric_names))

    @property
    def relative_features(self) -> tuple[str, ...]:
        """Names of the features relative to the device's own past, in feature order."""
        relative = self.derived.relative
        features = relative.features(self.metric_names) if relative is not None else ()
        return tuple(feature.name for feature in features)

    @property
    def group_features(self) -> tuple[str, ...]:
        """Names of the features of neighbors and peers; without any, devices are independent."""
        return self.derived.group_features(self.metric_names)

    @property
    def live_features(self) -> tuple[str, ...]:
        """Names of all that is known of a device from its readings: metrics, and what is made of them."""
        return (
            *self.metric_names,
            *self.window_features,
            *self.presence_features,
            *self.derived_features,
            *self.relative_features,
            *self.group_features,
        )

    @property
    def horizons(self) -> tuple[str, ...]:
        """All horizons, ascending: the primary one and the further ones."""
        return (self.horizon, *self.further_horizons)

    @property
    def horizon_seconds(self) -> int:
        """How far ahead errors are predicted, in seconds; 0 for errors now."""
        return duration_seconds(self.horizon)

    @property
    def embargo_seconds(self) -> int:
        """Shortest gap between rows to train on and rows to evaluate on: longest window and horizon.

        With counters also what rates reach back beyond a window, and how old values of other devices may be.
        """
        others = self.derived.group_age_seconds
        return self.longest_window_seconds + self.rate_reach_seconds + others + self.horizon_seconds

    @property
    def target(self) -> str:
        """Column that is predicted: the label or, with a horizon, ``{label}_within_{horizon}``."""
        return target_of(self.label, self.horizon)

    @property
    def longest_window_seconds(self) -> int:
        """Length of the longest window, in seconds."""
        return max(duration_seconds(length) for length in self.windows.lengths)

    @classmethod
    def from_yaml(cls, path: str | Path) -> TelemetrySchema:
        """Read and check a schema file.

        :raises SchemaError: if the file is absent, is not YAML or breaks a rule.
        """
        return cls.from_dict(file_content(path))

    @classmethod
    def load(cls, source: str | Path | Mapping[str, Any] | None = None) -> TelemetrySchema:
        """Schema from what a job parameter holds: a path, the content itself, or nothing for the default.

        >>> schema = TelemetrySchema.load()
        >>> schema.entity, schema.metric_names[0]
        (('company', 'data_center', 'device'), 'cpu_utilization')

        :raises SchemaError: naming the field, the rule and what was given.
        """
        if isinstance(source, Mapping):
            return cls.from_dict(source)
        return cls.from_yaml(source or DEFAULT_SCHEMA_PATH)

    @classmethod
    def from_dict(cls, content: object) -> TelemetrySchema:
        """Build a schema from the content of a YAML file; the inverse of ``to_dict``.

        >>> lab = {"name": "lab", "entity": ["box"], "time": "at", "metrics": {"load": None}, "label": "bad"}
        >>> TelemetrySchema.from_dict(lab).window_features[:3]
        ('load_avg_1m', 'load_avg_5m', 'load_stddev_1m')

        :raises SchemaError: naming the field, the rule and what was given.
        """
        try:
            fields = {field.name for field in dataclasses.fields(cls)} - {"further_horizons"}
            return cls(**schema_arguments(content, fields))
        except InputError as error:
            raise SchemaError(f"schema field '{error.where}'", error.rule, error.got) from None

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON; ``from_dict`` reads it back."""
        return {
            "name": self.name,
            "entity": list(self.entity),
            "time": self.time,
            "metrics": {metric.name: metric.to_dict() for metric in self.metrics},
            "label": self.label,
            "static": list(self.static),
            "windows": self.windows.to_dict(),
            "derived": self.derived.to_dict(),
            "horizon": list(self.horizons) if self.further_horizons else self.horizon,
            "arrival": self.arrival,
            "population": dict(self.population),
            "exclude_labels": dict(self.exclude_labels),
            "assume_timezone": self.assume_timezone,
            "separator": self.separator,
            # Absent if they say nothing, so that histories of before they existed go on.
            **({"date_order": self.date_order} if self.date_order is not None else {}),
            **({"rename": dict(self.rename)} if self.rename else {}),
            **({"files": self.files.to_dict()} if self.files != PLAIN else {}),
            **({"maintenance": self.maintenance.to_dict()} if self.maintenance is not None else {}),
            **({"expected_interval": self.expected_interval} if self.expected_interval is not None else {}),
            **({"uptime": self.uptime.to_dict()} if self.uptime else {}),
            **({"counters": self.counters.to_dict()} if self.counters != CounterIntervals() else {}),
            **({"labels": self.labels.to_dict()} if self.labels != AS_ROWS else {}),
            **({"incident_mapping": self.incident_mapping.to_dict()} if self.incident_mapping else {}),
            **({"split": self.split.to_dict()} if self.split != BY_TIME else {}),
            **({"topology": self.topology.to_dict()} if self.topology is not None else {}),
            **({"no_inputs": list(self.no_inputs)} if self.no_inputs else {}),
            **({"no_value": list(self.no_value)} if self.no_value else {}),
        }
