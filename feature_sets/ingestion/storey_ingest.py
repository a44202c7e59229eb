"""Ingestion of the metrics with MLRun's own engine, storey, one event at a time."""

from __future__ import annotations

import mlrun.feature_store as fstore
import pandas as pd
from mlrun.data_types.infer import InferOptions

from feature_sets.ingestion.storey_guard import guarded_storey
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

_SCHEMA_ROWS = 1000


def ingest_with_storey(feature_set: fstore.FeatureSet, metrics: pd.DataFrame, schema: TelemetrySchema) -> int:
    """Fill the feature set's targets; only the newest rows go to the online one, which is slow.

    :param metrics: rows in event order.
    :returns: rows that storey took; it logs what goes wrong with an event and continues without it.
    """
    with guarded_storey():
        # Before anything saves the new feature set, which does not know of the old targets.
        feature_set.purge_targets(silent=True)
        # The types are plain from some rows; MLRun would send all of them through the windows twice.
        feature_set.preview(metrics.head(_SCHEMA_ROWS), options=InferOptions.schema())
        ingested = feature_set.ingest(
            metrics,
            targets=[feature_set.spec.targets["parquet"]],
            infer_options=InferOptions.all_stats(),
        )
        feature_set.ingest(
            newest_window(metrics, schema),
            targets=[feature_set.spec.targets["online"]],
            infer_options=InferOptions.Null,
            return_df=False,
        )
    return len(ingested)


def newest_window(metrics: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    """The rows of each device that its newest windows cover: those in the longest window before its last.

    :param metrics: rows in event order.
    """
    length = pd.Timedelta(seconds=schema.longest_window_seconds)
    newest = metrics.groupby(DEVICE)[schema.time].transform("max")
    # One period more than the window: the buckets are aligned to the epoch, not to the newest row.
    period = pd.Timedelta(schema.windows.period)
    return metrics[metrics[schema.time] > newest - length - period].reset_index(drop=True)
