"""The label feature set: what turned out to be true of a device at a time. Offline only."""

from __future__ import annotations

import mlrun.feature_store as fstore
import pandas as pd
from mlrun.datastore.targets import ParquetTarget

from feature_sets.telemetry.cell_text import rows_saying
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.valid_from import as_of, from_beginning

NAME = "device_labels"


def device_labels(schema: TelemetrySchema) -> fstore.FeatureSet:
    """MLRun feature set of labels, what is predicted of them, and columns that exclude rows from training."""
    feature_set = fstore.FeatureSet(
        NAME,
        description="Labels of each device, known later than the metrics",
        entities=[fstore.Entity(DEVICE)],
        timestamp_key=schema.time,
        engine="storey",
    )
    feature_set.set_targets(
        [ParquetTarget(name="parquet", partitioned=True, time_partitioning_granularity="day")],
        with_defaults=False,
    )
    return feature_set


def plain_integers(labels: pd.DataFrame) -> pd.DataFrame:
    """The same rows with every whole-number column as int64; MLRun takes narrower ones for text."""
    narrow = {name: "int64" for name, dtype in labels.dtypes.items() if dtype.kind in "iu"}
    return labels.astype(narrow)


def within_population(schema: TelemetrySchema, rows: pd.DataFrame, static: pd.DataFrame) -> pd.DataFrame:
    """Rows of the devices that the schema's population names; those are trained on and evaluated.

    :param rows: metrics or labels, with the device key; order and index are kept.
    :param static: devices with the population columns. One row a device; or, with ``valid_from``, one for
        each time from which its attributes are others. A row then counts by what held at its own time, and
        before all that is known by the first of these; NaT is from the beginning. Without a population every
        row stays, that of an unknown device too.
    """
    if not schema.population:
        return rows
    keep = pd.Series(True, index=static.index)
    for column, value in schema.population.items():
        keep &= rows_saying(static[column], value)
    if VALID_FROM not in static or not static[DEVICE].duplicated().any():
        return rows[rows[DEVICE].isin(static.loc[keep, DEVICE])]
    kept = from_beginning(static[[DEVICE, VALID_FROM]].assign(_keep=keep))
    held = as_of(kept, rows, schema.time)["_keep"]
    return rows[(held == True).to_numpy()]  # noqa: E712 - a device may be unknown
