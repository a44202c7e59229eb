"""The rolling feature set: each reading with its rolling windows, as MLRun aggregations."""

from __future__ import annotations

from typing import Any

import mlrun.feature_store as fstore
from mlrun.datastore.targets import ParquetTarget, RedisNoSqlTarget
from storey.aggregation_utils import is_aggregation_name

from feature_sets import derived_features
from feature_sets.checks import check_choice
from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows import counters, presence

NAME = "device_metrics"

VECTORIZED = "vectorized"
"""Windows of the whole history at once, by ``feature_sets.windows.backfill``."""

STOREY = "storey"
"""Windows event by event in MLRun's own engine, corrected by ``feature_sets.ingestion.exact_windows``."""

ENGINES = (VECTORIZED, STOREY)


def check_engine(engine: str) -> None:
    """Raise InputError unless there is such an engine of ingestion."""
    check_choice("engine", engine, ENGINES)


def device_metrics(schema: TelemetrySchema, engine: str = VECTORIZED) -> fstore.FeatureSet:
    """MLRun feature set of the raw metrics, their windows and what is derived of these.

    A metric that is a counter is its rate; what the counter shows is kept beside it, see ``Metric.column``.

    A window covers (t - w, t] in steps of the period, see ``feature_sets.windows``. Rows are partitioned by
    day in the offline target; the online target holds each device's newest row.

    :param engine: what it is going to be ingested with, one of ``ENGINES``.
    :raises SchemaError: if the schema asks storey for an operation that it does not compute, or not rightly.
    """
    check_engine(engine)
    if engine == STOREY:
        _check_for_storey(schema)
    feature_set = fstore.FeatureSet(
        NAME,
        description="Raw metrics and rolling windows of each device",
        entities=[fstore.Entity(DEVICE)],
        timestamp_key=schema.time,
        engine="storey",
    )
    for metric in schema.metric_names:
        feature_set.add_aggregation(
            metric,
            list(schema.windows.operations),
            list(schema.windows.lengths),
            schema.windows.period,
        )
    if engine == STOREY:
        feature_set.graph.add_step(
            "feature_sets.ingestion.exact_windows.ExactWindows",
            "exact_windows",
            after="$prev",
            schema=schema.to_dict(),
        )
    if schema.expected_interval is not None:
        feature_set.graph.add_step(
            presence.STEP, "presence", after="$prev", expected=schema.expected_interval
        )
    if schema.counter_metrics:
        feature_set.graph.add_step(counters.STEP, "counter_rates", after="$prev", schema=schema.to_dict())
    if schema.derived_features or schema.relative_features or schema.group_features:
        feature_set.graph.add_step(
            derived_features.STEP, "derive_features", after="$prev", schema=schema.to_dict()
        )
    feature_set.set_targets(
        [
            ParquetTarget(name="parquet", partitioned=True, time_partitioning_granularity="day"),
            RedisNoSqlTarget(name="online"),
        ],
        with_defaults=False,
    )
    return feature_set


def _check_for_storey(schema: TelemetrySchema) -> None:
    """Raise SchemaError if storey does not compute what a schema asks for, or not rightly."""
    refused: tuple[tuple[str, str, Any], ...] = (
        (
            "schema field 'arrival'",
            "must be absent for storey, which takes events in event order; the vectorized engine does not",
            schema.arrival,
        ),
        (
            "schema field 'expected_interval'",
            "must be absent for storey; the vectorized engine computes what is made of it",
            schema.expected_interval,
        ),
        (
            "schema field 'metrics'",
            "must be of gauges for storey; the vectorized engine alone computes rates of counters",
            [metric.name for metric in schema.counter_metrics],
        ),
        (
            "schema fields 'derived.neighbors', 'derived.peers'",
            "must be absent for storey; the vectorized engine computes what depends on other devices",
            list(schema.group_features),
        ),
        (
            "schema field 'derived.relative'",
            "must be absent for storey; the vectorized engine computes what depends on earlier rows",
            list(schema.relative_features),
        ),
    )
    for where, rule, asked in refused:
        if asked is not None and asked != []:
            raise SchemaError(where, rule, asked)
    for operation in schema.windows.operations:
        if not is_aggregation_name(operation):
            rule = "must be among those of storey; the vectorized engine computes it"
            raise SchemaError("schema field 'windows.operations'", rule, operation)
    if "first" in schema.windows.operations:
        # Tried out: once a window has moved, storey 1.12 gives the first value of its newest bucket.
        rule = "must not name first, which storey computes wrong; the vectorized engine does not"
        raise SchemaError("schema field 'windows.operations'", rule, "first")
