"""The static feature set: what does not change about a device, one-hot encoded.

MLRun's ``OneHotEncoder`` makes the names of the features: column, underscore, value.
"""

from __future__ import annotations

import mlrun.feature_store as fstore
import pandas as pd
from mlrun.datastore.targets import ParquetTarget, RedisNoSqlTarget
from mlrun.feature_store.steps import OneHotEncoder

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

NAME = "devices"


def categories(schema: TelemetrySchema, static: pd.DataFrame) -> dict[str, list[str]]:
    """Values of each static column that get a one-hot column of their own, in sorted order.

    :param static: one row a device; every value is taken as text, a missing one encodes to all zeros.
    """
    return {column: sorted(static[column].dropna().astype(str).unique().tolist()) for column in schema.static}


def as_text(schema: TelemetrySchema, static: pd.DataFrame) -> pd.DataFrame:
    """The device key and the static feature columns, as text; missing values become empty text."""
    frame = static[[DEVICE, *schema.static]].copy()
    for column in schema.static:
        missing = frame[column].isna()
        frame[column] = frame[column].astype(str).mask(missing, "")
    return frame


def devices(schema: TelemetrySchema, static: pd.DataFrame) -> fstore.FeatureSet:
    """MLRun feature set of the devices; the categories are those in ``static``.

    :param static: one row a device with the schema's static columns.
    """
    feature_set = fstore.FeatureSet(
        NAME,
        description="Static attributes of each device, one-hot encoded",
        entities=[fstore.Entity(DEVICE)],
        engine="storey",
    )
    mapping = {column: values for column, values in categories(schema, static).items() if values}
    if mapping:
        feature_set.graph.to(OneHotEncoder(mapping=mapping))
    feature_set.set_targets(
        [ParquetTarget(name="parquet"), RedisNoSqlTarget(name="online")],
        with_defaults=False,
    )
    return feature_set
