"""The rows of a feature vector as they were known at the time of each label.

Reading goes through MLRun's feature store. Label rows are the entity rows, and every feature set is
joined as of their event time: the latest feature row at or before it, never a later one. MLRun joins the
newest attributes of a device, because their feature set has no times; they are replaced by those that held.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd

from feature_sets import devices
from feature_sets.checks import InputError
from feature_sets.ingestion.device_timeline import DeviceTimeline
from feature_sets.rows.stored_rows import feature_set_frame, in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.feature_columns import feature_columns


def vector_address(uri: object) -> str:
    """Raise InputError unless this is the address of a feature vector."""
    if not isinstance(uri, str) or not uri.startswith("store://feature-vectors/"):
        raise InputError("argument 'feature_vector'", "must be a store://feature-vectors/ address", uri)
    return uri


def read_vector(
    uri: str, schema: TelemetrySchema, label_rows: pd.DataFrame, reach_seconds: float | None = None
) -> pd.DataFrame:
    """Features and label of a feature vector at the event time of each label row.

    :param uri: ``store://feature-vectors/...`` of a vector with a label feature.
    :param schema: names the key, time and label columns.
    :param label_rows: device and time, each pair once; times as the label feature set gives them, or UTC.
    :param reach_seconds: each of them has a feature row of every feature set with times at most so long
        before it, so that files of other times need not be read; None reads all files.
    :returns: device, time, features in vector order, label (int8); sorted by time, then device. A label row
        of a device that the feature sets do not know is not in it.
    :raises InputError: unless a row is left and every feature is numeric.
    """
    vector = fstore.get_feature_vector(uri)
    # A copy, because MLRun sorts and converts the entity rows it is given in place.
    wanted = _as_stored(vector, label_rows[[DEVICE, schema.time]].copy(), schema)
    period: dict[str, datetime] = {}
    if reach_seconds is not None and len(wanted):
        # A second more on both sides: of which of them the bound is part is nothing to depend on.
        first = wanted[schema.time].min() - pd.Timedelta(seconds=reach_seconds + 1)
        last = wanted[schema.time].max() + pd.Timedelta(seconds=1)
        period = {name: _bound(moment) for name, moment in (("start_time", first), ("end_time", last))}
    response = vector.get_offline_features(
        entity_rows=wanted,
        entity_timestamp_column=schema.time,
        **period,
        with_indexes=True,
        update_stats=False,
    )
    frame: pd.DataFrame = response.to_dataframe().reset_index()
    _, fields = vector.parse_features(offline=False)
    names = [alias or column for columns in fields.values() for column, alias in columns]
    missing = [name for name in (DEVICE, schema.time, *names, schema.target) if name not in frame.columns]
    if missing:
        raise InputError(f"feature vector {uri}", f"must give the columns {missing}", list(frame))
    frame = in_utc(frame[[DEVICE, schema.time, *names, schema.target]], schema.time)
    frame = with_attributes_as_of(vector, fields.get(devices.NAME, []), frame, schema.time)
    if not len(frame):
        raise InputError(f"feature vector {uri}", "must hold labeled rows", 0)
    for name in names:
        if pd.api.types.is_bool_dtype(frame[name].dtype):
            frame = frame.assign(**{name: frame[name].astype(np.float64)})
    feature_columns(frame, schema)
    frame = frame.assign(**{schema.target: frame[schema.target].astype(np.int8)})
    return frame.sort_values([schema.time, DEVICE], kind="stable", ignore_index=True)


def _bound(moment: pd.Timestamp) -> datetime:
    """A time by which MLRun chooses files: in UTC, as it reads year, month, day and hour off it."""
    utc = moment if moment.tz is None else moment.tz_convert("UTC")
    found: datetime = utc.to_pydatetime()
    return found


def _as_stored(
    vector: fstore.FeatureVector, label_rows: pd.DataFrame, schema: TelemetrySchema
) -> pd.DataFrame:
    """The rows with times of the form that the label feature set has: MLRun joins no others."""
    if label_rows[schema.time].dt.tz is None:
        return label_rows
    label_set, _, label = str(vector.spec.label_feature).partition(".")
    stored = feature_set_frame(vector, label_set, [label])[schema.time].dt
    if stored.tz is not None:
        return label_rows
    times = label_rows[schema.time].dt.tz_convert("UTC").dt.tz_localize(None).dt.as_unit(stored.unit)
    return label_rows.assign(**{schema.time: times})


def with_attributes_as_of(
    vector: fstore.FeatureVector, fields: Sequence[tuple[str, str | None]], frame: pd.DataFrame, time: str
) -> pd.DataFrame:
    """The rows with the attributes that each device had at the time of the row.

    :param fields: features of the static feature set in the vector, each with the name that it has there.
    """
    if not fields:
        return frame
    uri = f"store://feature-sets/{vector.metadata.project}/{devices.NAME}"
    try:
        timeline = DeviceTimeline.of(fstore.get_feature_set(uri))
    except FileNotFoundError:  # An ingestion wrote others between the two.
        timeline = DeviceTimeline.of(fstore.get_feature_set(uri))
    if timeline is None:  # Of an engine that keeps no times: the newest attributes hold at all times.
        return frame
    known = [(name, alias or name) for name, alias in fields if name in timeline.features]
    held = timeline.as_of(frame, time, [name for name, _ in known])
    return frame.assign(**{alias: held[name].astype(frame[alias].dtype) for name, alias in known})
