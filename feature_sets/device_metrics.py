"""The rolling feature set: each reading with its rolling windows, as MLRun aggregations."""

from __future__ import annotations

import mlrun.feature_store as fstore
from mlrun.datastore.targets import ParquetTarget, RedisNoSqlTarget

from feature_sets.telemetry.schema import DEVICE, SchemaError, TelemetrySchema

NAME = "device_metrics"


def device_metrics(schema: TelemetrySchema) -> fstore.FeatureSet:
    """MLRun feature set of the raw metrics and their windows, computed by storey.

    A window covers (t - w, t] in steps of the period, see ``feature_sets.windows``. Rows are partitioned by
    day in the offline target; the online target holds each device's newest row.

    :raises SchemaError: if the schema asks for ``first``.
    """
    if "first" in schema.windows.operations:
        # Tried out: once a window has moved, storey 1.12 gives the first value of its newest bucket.
        raise SchemaError("windows.operations", "must not name first, which storey computes wrong", "first")
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
    feature_set.graph.add_step(
        "feature_sets.exact_windows.ExactWindows", "exact_windows", after="$prev", schema=schema.to_dict()
    )
    feature_set.set_targets(
        [
            ParquetTarget(name="parquet", partitioned=True, time_partitioning_granularity="day"),
            RedisNoSqlTarget(name="online"),
        ],
        with_defaults=False,
    )
    return feature_set
