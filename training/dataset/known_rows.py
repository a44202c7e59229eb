"""Label rows with known features: those with a timely reading in the longest window."""

from __future__ import annotations

from dataclasses import dataclass

import mlrun.feature_store as fstore
import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets import device_metrics
from feature_sets.checks import InputError
from feature_sets.labels.derived_labels import could_be_healthy
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.rows.stored_rows import feature_set_frame
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.arrival_order import late
from training.dataset.label_rows import label_rows_of

_RESOLUTIONS = ("s", "ms", "us", "ns")


def rows_with_reading(
    rows: pd.DataFrame,
    readings: pd.DataFrame,
    time: str,
    longest_window_seconds: int,
    at_readings: bool = False,
) -> pd.DataFrame:
    """Label rows whose device reported within the longest window up to the row's time.

    Without this, an as-of join would give a device that fell silent hours ago its old windows.

    :param rows: device, time and more, sorted by time.
    :param readings: device and time of every feature row.
    :param time: name of the time column in both.
    :param longest_window_seconds: w; a reading in (t - w, t] keeps the row at t.
    :param at_readings: whether only one at t does.
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
    kept = age == pd.Timedelta(0) if at_readings else age < pd.Timedelta(seconds=longest_window_seconds)
    return rows[kept.to_numpy()].reset_index(drop=True)


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


def _says_both(rows: pd.DataFrame, newest: pd.Timestamp, schema: TelemetrySchema) -> npt.NDArray[np.bool_]:
    """Which label rows are of a time of which healthy rows are known, as errors are.

    Those of a device with labels that say healthy at other times are, too.
    With a horizon both are known of a row when its labels are known through it.

    :param newest: time of the newest reading.
    """
    ahead = schema.horizon_seconds * 1_000_000 if schema.labels.is_derived else 0
    known = could_be_healthy(column_micros(rows[schema.time]) + ahead, schema, event_micros(newest))
    said = rows[DEVICE][~known & (rows[schema.target] == 0).to_numpy()].unique()
    return known | rows[DEVICE].isin(said).to_numpy()


@dataclass(frozen=True)
class KnownRows:
    """Label rows that features are known for.

    :param rows: as in ``LabelRows``.
    :param counts: how many there are, and how many were left out for which reason.
    """

    rows: pd.DataFrame
    counts: dict[str, int]


def labeled_rows(uri: str, schema: TelemetrySchema, part_column: str = "") -> KnownRows:
    """Label rows of a feature vector whose device is known and had a reading in the longest window.

    :param part_column: of the labels, see ``label_rows_of``.
    :raises InputError: unless the vector predicts the schema's target, and a row is left.
    """
    vector = fstore.get_feature_vector(uri)
    label_set, _, label = str(vector.spec.label_feature or "").partition(".")
    if label != schema.target:
        where = f"label of feature vector {uri}"
        raise InputError(where, f"must be '{schema.target}'", vector.spec.label_feature)
    labels = label_rows_of(feature_set_frame(vector, label_set), schema, part_column)
    rows, late_rows, errors_alone = labels.rows, 0, 0
    objects, fields = vector.parse_features(offline=False)
    for name, columns in fields.items():
        if name == label_set:
            continue
        arrival = schema.arrival if name == device_metrics.NAME else None
        known = feature_set_frame(vector, name, [columns[0][0], *([arrival] if arrival else [])])
        if name == device_metrics.NAME:
            counting = _says_both(rows, known[schema.time].max(), schema)
            errors_alone = int((~counting).sum())
            rows = rows[counting].reset_index(drop=True)
        if objects[name].spec.timestamp_key:
            # Of errors now nothing is learned where there is no reading: live none is asked for.
            longest, derived = schema.longest_window_seconds, schema.labels.is_derived
            rows = rows_with_reading(rows, known, schema.time, longest, at_readings=derived)
            if arrival:
                seen = len(rows)
                rows = rows_with_timely_reading(rows, known, schema.time, arrival)
                late_rows = seen - len(rows)
        else:
            rows = rows[rows[DEVICE].isin(known[DEVICE])].reset_index(drop=True)
    if not len(rows):
        raise InputError(
            f"{len(labels.rows)} labeled rows",
            f"must include one with a reading in the {schema.longest_window_seconds} s up to it"
            + (", of a time of which healthy ones are known, too" if errors_alone else ""),
            0,
        )
    return KnownRows(
        rows=rows,
        counts={
            "rows": len(rows),
            "rows_excluded_by_label": labels.excluded,
            **({"rows_in_maintenance": labels.in_maintenance} if schema.maintenance is not None else {}),
            "rows_in_error_already": labels.in_error,
            "rows_without_label": labels.unlabeled,
            "rows_of_errors_alone": errors_alone,
            "rows_without_reading": len(labels.rows) - len(rows) - late_rows - errors_alone,
            "rows_with_late_reading": late_rows,
        },
    )
