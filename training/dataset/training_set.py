"""The training set: the rows of a feature vector as they were known at the time of each label.

Reading goes through MLRun's feature store. Label rows are the entity rows, and every feature set is
joined as of their event time: the latest feature row at or before it, never a later one.

Which rows are needed is decided on the label rows alone, and only those are joined: a million rows with all
their features would take seconds and gigabytes in every step, and most models learn no more from them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import mlrun
import mlrun.feature_store as fstore
import numpy as np
import pandas as pd

from feature_sets import device_metrics
from feature_sets.labels.excluded import excluded_rows
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.rows.stored_rows import feature_set_frame, in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.arrival_order import late
from training.dataset.feature_columns import feature_columns
from training.dataset.leak_check import check_features, check_split
from training.dataset.stratified_sample import sample_rows
from training.dataset.time_split import TimeSplit, TrainingSetError, choose_held_out, split_by_time

_RESOLUTIONS = ("s", "ms", "us", "ns")


@dataclass(frozen=True)
class LabelRows:
    """Which (device, time) a model is trained and judged on.

    :param rows: columns device, the schema's time and label (int8), each (device, time) once; sorted by time,
        then device.
    :param excluded: label rows left out because of ``exclude_labels``.
    :param in_error: label rows left out because an error that has started cannot be predicted; with a
        horizon.
    :param unlabelled: label rows left out because their label is missing or, with a horizon, because labels
        do not tell what follows within it.
    """

    rows: pd.DataFrame
    excluded: int
    in_error: int
    unlabelled: int


def label_rows_of(labels: pd.DataFrame, schema: TelemetrySchema) -> LabelRows:
    """Entity rows of a label table.

    :param labels: device, time, label, what is predicted of it and the columns that ``exclude_labels`` names.
    :raises TrainingSetError: if a column is absent, a label is not 0 or 1, or no row is left.
    """
    for column in (DEVICE, schema.time, schema.label, schema.target, *schema.exclude_labels):
        if column not in labels.columns:
            raise TrainingSetError(
                f"labels must have the column '{column}', got {sorted(map(str, labels.columns))}"
            )
    excluded = excluded_rows(labels, schema)
    in_error = (labels[schema.label] == 1) & ~excluded & (schema.horizon_seconds > 0)
    unlabelled = labels[schema.target].isna() & ~excluded & ~in_error
    kept = labels[~excluded & ~in_error & ~unlabelled]
    wrong = kept[~kept[schema.target].isin([0, 1])]
    if len(wrong):
        raise TrainingSetError(
            f"label '{schema.target}' must be 0 or 1, got {wrong[schema.target].iloc[0]!r}"
        )
    if not len(kept):
        raise TrainingSetError(
            f"there must be labelled rows, got none: {len(labels)} rows read, "
            f"{int(excluded.sum())} excluded, {int(in_error.sum())} in error already, "
            f"{int(unlabelled.sum())} without a label"
        )
    rows = kept[[DEVICE, schema.time, schema.target]].astype({schema.target: np.int8})
    ordered = KeyedRows.of(in_utc(rows, schema.time), DEVICE, schema.time).in_event_order().frame
    if rows[schema.time].dt.tz is None:
        ordered = ordered.assign(**{schema.time: ordered[schema.time].dt.tz_localize(None)})
    return LabelRows(
        rows=ordered,
        excluded=int(excluded.sum()),
        in_error=int(in_error.sum()),
        unlabelled=int(unlabelled.sum()),
    )


def rows_with_reading(
    rows: pd.DataFrame, readings: pd.DataFrame, time: str, longest_window_seconds: int
) -> pd.DataFrame:
    """Label rows whose device reported within the longest window up to the row's time.

    Without this, an as-of join would give a device that fell silent hours ago its old windows.

    :param rows: device, time and more, sorted by time.
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


def rows_with_timely_reading(
    rows: pd.DataFrame, readings: pd.DataFrame, time: str, arrival: str
) -> pd.DataFrame:
    """Label rows whose device's newest reading by event time arrived before any later one.

    The windows of a late reading are those of its arrival, which reach beyond its own event time: joined as
    of that, they would tell of the future.

    :param rows: device, time and more, sorted by time; a reading at or before each, see
        ``rows_with_reading``.
    :param readings: device, time and arrival of every feature row.
    :param time: name of the time column in both.
    :param arrival: name of the column of arrival times.
    """
    marked = readings[[DEVICE]].assign(
        _late=late(readings, time, arrival), **{time: readings[time].astype(rows[time].dtype)}
    )
    joined = pd.merge_asof(rows, marked.sort_values(time, kind="stable"), on=time, by=DEVICE)
    return rows[~joined["_late"].to_numpy(dtype=np.bool_)].reset_index(drop=True)


def read_vector(uri: str, schema: TelemetrySchema, label_rows: pd.DataFrame) -> pd.DataFrame:
    """Features and label of a feature vector at the event time of each label row.

    :param uri: ``store://feature-vectors/...`` of a vector with a label feature.
    :param schema: names the key, time and label columns.
    :param label_rows: device and time, each pair once; times as the label feature set gives them.
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
    missing = [name for name in (DEVICE, schema.time, *names, schema.target) if name not in frame.columns]
    if missing:
        raise TrainingSetError(f"feature vector {uri} must give the columns {missing}, got {list(frame)}")
    frame = in_utc(frame[[DEVICE, schema.time, *names, schema.target]], schema.time)
    if not len(frame):
        raise TrainingSetError(f"feature vector {uri} must hold labelled rows, got none")
    for name in names:
        if pd.api.types.is_bool_dtype(frame[name].dtype):
            frame = frame.assign(**{name: frame[name].astype(np.float64)})
    feature_columns(frame, schema)
    frame = frame.assign(**{schema.target: frame[schema.target].astype(np.int8)})
    return frame.sort_values([schema.time, DEVICE], kind="stable", ignore_index=True)


def read_split(
    context: mlrun.MLClientCtx,
    uri: str,
    schema: TelemetrySchema,
    test_fraction: float,
    train_rows: int,
    seed: int,
    *,
    test_devices: float = 0.0,
    with_test: bool = False,
) -> TimeSplit:
    """Earlier rows to learn from and later rows to judge on, of a feature vector, for one run.

    The cut is that of all rows, whatever is sampled. What was read is checked for leaks, see ``leak_check``.
    Logs how many rows there are (``rows``), how many lie in the earlier part (``train_rows_available``), how
    many of them were read (``train_rows``), how many features were recomputed (``leak_checked_features``) and
    how many rows were left out for which reason, see ``labelled_rows``.

    :param context: of the run.
    :param uri: feature vector; its label feature says which feature set holds the labels.
    :param test_fraction: share of the rows, by time, in the later part.
    :param train_rows: more rows than this in the earlier part are sampled, see ``sample_rows``. The later
        part is never sampled.
    :param seed: of the sample.
    :param test_devices: share of the devices that only the later part has; 0 for all devices in both.
    :param with_test: whether to read the features of the later part; without it that part has the device,
        time and label only.
    :returns: parts as ``read_vector`` gives them.
    :raises TrainingSetError: if the address, the labels or the features are not what they must be, or a part
        has too few rows or one class only.
    :raises LeakError: if a part holds what was not known at the time of its rows.
    """
    labelled = labelled_rows(vector_address(uri), schema)
    held_out = choose_held_out(labelled.rows[DEVICE].tolist(), test_devices, seed)
    split = split_by_time(labelled.rows, schema, test_fraction, held_out=held_out)
    cut = split.cut.tz_localize("UTC") if split.cut.tz is None else split.cut.tz_convert("UTC")
    train = split.train.iloc[sample_rows(split.train[schema.target].to_numpy(), train_rows, seed)]
    counts = {
        **labelled.counts,
        "train_rows_available": len(split.train),
        "train_rows": len(train),
    }
    if with_test:
        # One read for both: each opens the same files.
        frame = read_vector(uri, schema, pd.concat([train, split.test]))
        later = frame[schema.time] >= cut
        train, test = frame[~later], frame[later].reset_index(drop=True)
    else:
        train, test = read_vector(uri, schema, train), in_utc(split.test, schema.time)
    read = dataclasses.replace(split, train=train, test=test, cut=cut)
    check_split(read, schema)
    counts["leak_checked_features"] = check_features(uri, train, schema, seed)
    if with_test:
        check_features(uri, test, schema, seed)
    for key, count in counts.items():
        context.log_result(key, count)
    return read


def vector_address(uri: object) -> str:
    """Address of a feature vector, checked.

    :raises TrainingSetError: if it is none.
    """
    if not isinstance(uri, str) or not uri.startswith("store://feature-vectors/"):
        raise TrainingSetError(f"feature_vector must be a store://feature-vectors/ address, got {uri!r}")
    return uri


@dataclass(frozen=True)
class KnownRows:
    """Label rows that features are known for.

    :param rows: as in ``LabelRows``.
    :param counts: how many there are, and how many were left out for which reason.
    """

    rows: pd.DataFrame
    counts: dict[str, int]


def labelled_rows(uri: str, schema: TelemetrySchema) -> KnownRows:
    """Label rows of a feature vector whose device is known and had a reading in the longest window."""
    vector = fstore.get_feature_vector(uri)
    label_set, _, label = str(vector.spec.label_feature or "").partition(".")
    if label != schema.target:
        raise TrainingSetError(
            f"the label of feature vector {uri} must be '{schema.target}', got {vector.spec.label_feature!r}"
        )
    labels = label_rows_of(feature_set_frame(vector, label_set), schema)
    rows, late_rows = labels.rows, 0
    objects, fields = vector.parse_features(offline=False)
    for name, columns in fields.items():
        if name == label_set:
            continue
        arrival = schema.arrival if name == device_metrics.NAME else None
        known = feature_set_frame(vector, name, [columns[0][0], *([arrival] if arrival else [])])
        if objects[name].spec.timestamp_key:
            rows = rows_with_reading(rows, known, schema.time, schema.longest_window_seconds)
            if arrival:
                seen = len(rows)
                rows = rows_with_timely_reading(rows, known, schema.time, arrival)
                late_rows = seen - len(rows)
        else:
            rows = rows[rows[DEVICE].isin(known[DEVICE])].reset_index(drop=True)
    if not len(rows):
        raise TrainingSetError(
            f"there must be labels with a reading in the {schema.longest_window_seconds} s up to them, got "
            f"none of {len(labels.rows)} labelled rows"
        )
    return KnownRows(
        rows=rows,
        counts={
            "rows": len(rows),
            "rows_excluded_by_label": labels.excluded,
            "rows_in_error_already": labels.in_error,
            "rows_without_label": labels.unlabelled,
            "rows_without_reading": len(labels.rows) - len(rows) - late_rows,
            "rows_with_late_reading": late_rows,
        },
    )
