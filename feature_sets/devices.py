"""The static feature set: what does not change about a device, one-hot encoded.

A feature is called by its column, an underscore, and the name of the value, see ``category_names``. Its
description in the feature set says the value itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pyarrow as pa
from mlrun.data_types import ValueType
from mlrun.datastore.targets import ParquetTarget, RedisNoSqlTarget
from mlrun.feature_store.steps import OneHotEncoder
from mlrun.features import Feature

from feature_sets.category_names import category_names
from feature_sets.checks import InputError
from feature_sets.telemetry.cell_text import cell_text, texts_of
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

NAME = "devices"


def categories(schema: TelemetrySchema, static: pd.DataFrame) -> dict[str, list[str]]:
    """Values of each static column that get a one-hot column of their own, in sorted order.

    :param static: one row a device; every value is taken as text, a missing one encodes to all zeros.
    """
    return {column: sorted(texts_of(_cells(static[column])).values) for column in schema.static}


def as_names(static: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The device key and the names of the values in static feature columns; a missing one is empty."""
    frame = static[[DEVICE, *columns]].copy()
    for column in columns:
        codes, values = texts_of(_cells(static[column]))
        names = category_names(values)
        frame[column] = np.array([*(names[value] for value in values), ""], dtype=object)[codes]
    return frame


def _cells(column: pd.Series) -> pa.Array:
    """Cells that may be of several types, as a frame of a caller's own may have them."""
    return pa.array([cell_text(cell) for cell in column], type=pa.string())


def devices(schema: TelemetrySchema, static: pd.DataFrame) -> fstore.FeatureSet:
    """MLRun feature set of the devices; the categories are those in ``static``.

    :param static: one row a device with the schema's static columns.
    :raises InputError: if a value would make the name of another feature.
    """
    feature_set = fstore.FeatureSet(
        NAME,
        description="Static attributes of each device, one-hot encoded",
        entities=[fstore.Entity(DEVICE)],
        engine="storey",
    )
    mapping: dict[str, list[str]] = {}
    taken = {*schema.live_features}
    for column, values in categories(schema, static).items():
        names = category_names(values)
        mapping[column] = list(names.values())
        for value, name in names.items():
            described = Feature(value_type=ValueType.INT64, description=f"{column} = {value}")
            feature = f"{column}_{name}"
            if feature in taken:
                rule = f"must not make the feature {feature}, which there is already (rename the column)"
                raise InputError(f"static column '{column}'", rule, value)
            taken.add(feature)
            feature_set.add_feature(described, feature)
    mapping = {column: names for column, names in mapping.items() if names}
    if mapping:
        feature_set.graph.to(OneHotEncoder(mapping=mapping))
    feature_set.set_targets(
        [ParquetTarget(name="parquet"), RedisNoSqlTarget(name="online")],
        with_defaults=False,
    )
    return feature_set
