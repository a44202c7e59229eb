"""The training set: the rows of a feature vector as they were known at the time of each label.

Reading goes through MLRun's feature store. Label rows are the entity rows, and every feature set is
joined as of their event time: the latest feature row at or before it, never a later one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mlrun
import mlrun.feature_store as fstore
import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.feature_columns import feature_columns
from training.run_artifacts import run_uid
from training.time_split import TimeSplit, TrainingSetError, split_by_time

__all__ = [
    "LabelRows",
    "TimeSplit",
    "TrainingSetError",
    "label_rows_of",
    "read_training_set",
    "read_vector",
    "split_by_time",
]

_RESOLUTIONS = ("s", "ms", "us", "ns")


@dataclass(frozen=True)
class LabelRows:
    """Which (device, time) a model is trained and judged on.

    :param rows: columns device and the schema's time, each pair once.
    :param excluded: label rows left out because of ``exclude_labels``.
    :param unlabelled: label rows left out because their label is missing.
    """

    rows: pd.DataFrame
    excluded: int
    unlabelled: int


def label_rows_of(labels: pd.DataFrame, schema: TelemetrySchema) -> LabelRows:
    """Entity rows of a label table.

    :param labels: device, time, label and the columns that ``exclude_labels`` names.
    :raises TrainingSetError: if a column is absent, a label is not 0 or 1, or no row is left.
    """
    for column in (DEVICE, schema.time, schema.label, *schema.exclude_labels):
        if column not in labels.columns:
            raise TrainingSetError(
                f"labels must have the column '{column}', got {sorted(map(str, labels.columns))}"
            )
    excluded = pd.Series(False, index=labels.index)
    for column, value in schema.exclude_labels.items():
        excluded |= (labels[column] == value).fillna(False).astype(bool)
    unlabelled = labels[schema.label].isna() & ~excluded
    kept = labels[~excluded & ~unlabelled]
    wrong = kept[~kept[schema.label].isin([0, 1])]
    if len(wrong):
        raise TrainingSetError(f"label '{schema.label}' must be 0 or 1, got {wrong[schema.label].iloc[0]!r}")
    if not len(kept):
        raise TrainingSetError(
            f"there must be labelled rows, got none: {len(labels)} rows read, "
            f"{int(excluded.sum())} excluded, {int(unlabelled.sum())} without a label"
        )
    rows = kept[[DEVICE, schema.time]].drop_duplicates()
    return LabelRows(
        rows=rows.sort_values([schema.time, DEVICE], kind="stable", ignore_index=True),
        excluded=int(excluded.sum()),
        unlabelled=int(unlabelled.sum()),
    )


def rows_with_reading(
    rows: pd.DataFrame, readings: pd.DataFrame, time: str, longest_window_seconds: int
) -> pd.DataFrame:
    """Label rows whose device reported within the longest window up to the row's time.

    Without this, an as-of join would give a device that fell silent hours ago its old windows.

    :param rows: device and time, sorted by time.
    :param readings: device and time of every feature row.
    :param time: name of the time column in both.
    :param longest_window_seconds: w; a reading in (t - w, t] keeps the row at t.
    :returns: the rows kept, in their order; their time has the finer resolution of both tables.
    """
    # The finer resolution of both, because an as-of join cuts feature times to that of the label rows: a
    # reading half a microsecond after a label would else count as before it.
    unit = max(rows[time].dt.unit, readings[time].dt.unit, key=_RESOLUTIONS.index)
    rows = rows.assign(**{time: rows[time].dt.as_unit(unit)})
    seen = readings[[DEVICE]].assign(_reading=readings[time].dt.as_unit(unit))
    seen = seen.sort_values("_reading", kind="stable")
    joined = pd.merge_asof(rows, seen, left_on=time, right_on="_reading", by=DEVICE)
    age = joined[time] - joined["_reading"]
    return rows[(age < pd.Timedelta(seconds=longest_window_seconds)).to_numpy()].reset_index(drop=True)


def read_vector(uri: str, schema: TelemetrySchema, label_rows: pd.DataFrame) -> pd.DataFrame:
    """Features and label of a feature vector at the event time of each label row.

    :param uri: ``store://feature-vectors/...`` of a vector with a label feature.
    :param schema: names the key, time and label columns.
    :param label_rows: device and time, each pair once.
    :returns: device, time, features in vector order, label (int8); sorted by time, then device. A label row
        of a device that the feature sets do not know is not in it.
    :raises TrainingSetError: if no row is left or a feature is not numeric.
    """
    vector = fstore.get_feature_vector(uri)
    # A copy, because MLRun sorts and converts the entity rows it is given in place.
    response = vector.get_offline_features(
        entity_rows=label_rows[[DEVICE, schema.time]].copy(),
        entity_timestamp_column=schema.time,
        with_indexes=True,
        update_stats=False,
    )
    frame: pd.DataFrame = response.to_dataframe().reset_index()
    _, fields = vector.parse_features(offline=False)
    names = [alias or column for columns in fields.values() for column, alias in columns]
    missing = [name for name in (DEVICE, schema.time, *names, schema.label) if name not in frame.columns]
    if missing:
        raise TrainingSetError(f"feature vector {uri} must give the columns {missing}, got {list(frame)}")
    # MLRun gives partitioned Parquet back without a zone; it wrote UTC.
    times = frame[schema.time]
    aware = times.dt.tz_localize("UTC") if times.dt.tz is None else times.dt.tz_convert("UTC")
    frame = frame[[DEVICE, schema.time, *names, schema.label]].assign(**{schema.time: aware})
    if not len(frame):
        raise TrainingSetError(f"feature vector {uri} must hold labelled rows, got none")
    for name in names:
        if pd.api.types.is_bool_dtype(frame[name].dtype):
            frame = frame.assign(**{name: frame[name].astype(np.float64)})
    feature_columns(frame, schema)
    frame = frame.assign(**{schema.label: frame[schema.label].astype(np.int8)})
    return frame.sort_values([schema.time, DEVICE], kind="stable", ignore_index=True)


def read_training_set(context: mlrun.MLClientCtx, uri: str, schema: TelemetrySchema) -> pd.DataFrame:
    """Training set of a feature vector for one run; what was left out is logged.

    Iterations of one hyper-parameter run share one read: they have the same run uid and run in the same
    process, on a laptop as in a cluster. Another run always reads anew.

    :param context: of the run.
    :param uri: feature vector; its label feature says which feature set holds the labels.
    :returns: see ``read_vector``. Do not change it in place.
    """
    if not isinstance(uri, str) or not uri.startswith("store://feature-vectors/"):
        raise TrainingSetError(f"feature_vector must be a store://feature-vectors/ address, got {uri!r}")
    frame, counts = _read_once(run_uid(context), uri, _Hashable(schema))
    for key, count in counts.items():
        context.log_result(key, count)
    return frame


class _Hashable:
    """A schema as a cache key: equal when the content is."""

    def __init__(self, schema: TelemetrySchema) -> None:
        self.schema = schema
        self._key = repr(schema.to_dict())

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashable) and other._key == self._key


@lru_cache(maxsize=1)
def _read_once(run_uid: str, uri: str, key: _Hashable) -> tuple[pd.DataFrame, dict[str, int]]:
    schema = key.schema
    vector = fstore.get_feature_vector(uri)
    label_set, _, label = str(vector.spec.label_feature or "").partition(".")
    if label != schema.label:
        raise TrainingSetError(
            f"the label of feature vector {uri} must be '{schema.label}', got {vector.spec.label_feature!r}"
        )
    labels = label_rows_of(_feature_set_frame(vector, label_set), schema)
    rows = labels.rows
    for name, column in _timed_feature_sets(vector, label_set):
        readings = _feature_set_frame(vector, name, [column])
        rows = rows_with_reading(rows, readings, schema.time, schema.longest_window_seconds)
    if not len(rows):
        raise TrainingSetError(
            f"there must be labels with a reading in the {schema.longest_window_seconds} s up to them, got "
            f"none of {len(labels.rows)} labelled rows"
        )
    frame = read_vector(uri, schema, rows)
    counts = {
        "rows": len(frame),
        "rows_excluded_by_label": labels.excluded,
        "rows_without_label": labels.unlabelled,
        "rows_without_reading": len(labels.rows) - len(frame),
    }
    return frame, counts


def _timed_feature_sets(vector: Any, label_set: str) -> list[tuple[str, str]]:
    """The vector's feature sets that have an event time, without the labels: name and first feature."""
    objects, fields = vector.parse_features(offline=False)
    return [
        (name, columns[0][0])
        for name, columns in fields.items()
        if name != label_set and objects[name].spec.timestamp_key
    ]


def _feature_set_frame(vector: Any, name: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Keys and columns of one of the vector's feature sets, all columns by default."""
    feature_set = fstore.get_feature_set(f"store://feature-sets/{vector.metadata.project}/{name}")
    frame: pd.DataFrame = feature_set.to_dataframe(columns=columns)
    return frame.reset_index() if frame.index.names[0] else frame
