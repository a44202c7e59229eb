"""Readings that no label tells of: the newest ones of each device, with their features."""

from __future__ import annotations

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd

from feature_sets import device_metrics, devices
from feature_sets.device_labels import within_population
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.labels.excluded import excluded_rows
from feature_sets.rows.stored_rows import feature_set_frame, in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.device_times import label_gap_seconds
from training.dataset.known_rows import rows_with_timely_reading
from training.dataset.vector_rows import with_attributes_as_of

MOST_ROWS = 5_000
"""Rows that are read, of all devices together."""
_TICK = pd.Timedelta(microseconds=1)
_LEAST_OF_DEVICE = 20
"""Rows of a device at least; where there are too many devices for that, some are drawn."""


def read_unlabeled(uri: str, schema: TelemetrySchema, seed: int) -> pd.DataFrame:
    """Device, time and features of the newest readings that no label tells of.

    A label tells of a reading of its device that is at most the longest window, or twice the usual step of
    labels, away. So does one that is excluded, as in maintenance: nobody is to be asked about that.

    :param uri: feature vector with a label feature.
    :param schema: names the columns.
    :param seed: of the draw of devices.
    :returns: at most ``MOST_ROWS``, sorted by time, then device; none where the vector has no feature of the
        metrics.
    """
    vector = fstore.get_feature_vector(uri)
    rows = _unlabeled(vector, schema)
    if rows.empty:
        return rows
    names = np.sort(rows[DEVICE].unique())
    most = MOST_ROWS // _LEAST_OF_DEVICE
    if len(names) > most:
        names = np.random.default_rng(seed).choice(names, most, replace=False)
    kept = rows[rows[DEVICE].isin(names)].groupby(DEVICE, sort=False).tail(MOST_ROWS // len(names))
    return _with_features(vector, schema, kept)


def _with_features(vector: fstore.FeatureVector, schema: TelemetrySchema, rows: pd.DataFrame) -> pd.DataFrame:
    """The readings with the features of the vector, as they were known then.

    They are rows of the metrics themselves, so nothing is joined as of a time but the attributes. MLRun's
    join would leave out rows without a label.
    """
    _, fields = vector.parse_features(offline=False)
    names = {column: alias or column for column, alias in fields[device_metrics.NAME]}
    address = f"store://feature-sets/{vector.metadata.project}/{device_metrics.NAME}"
    first, last = rows[schema.time].min(), rows[schema.time].max()
    stored: pd.DataFrame = fstore.get_feature_set(address).to_dataframe(
        columns=list(names), start_time=first - _TICK, end_time=last + _TICK, time_column=schema.time
    )
    stored = in_utc(stored.reset_index() if stored.index.names[0] else stored, schema.time)
    stored = stored.astype({schema.time: rows[schema.time].dtype}).rename(columns=names)
    frame = rows.merge(stored[[DEVICE, schema.time, *names.values()]], on=[DEVICE, schema.time])
    static = fields.get(devices.NAME, [])
    if static:
        given = feature_set_frame(vector, devices.NAME, [column for column, _ in static])
        given = given.rename(columns={column: alias or column for column, alias in static})
        frame = frame.merge(given, on=DEVICE)
    frame = with_attributes_as_of(vector, static, frame, schema.time)
    return frame.sort_values([schema.time, DEVICE], kind="stable", ignore_index=True)


def _unlabeled(vector: fstore.FeatureVector, schema: TelemetrySchema) -> pd.DataFrame:
    """Device and time of every reading that no label tells of, sorted by time."""
    label_set = str(vector.spec.label_feature).partition(".")[0]
    _, fields = vector.parse_features(offline=False)
    columns = fields.get(device_metrics.NAME)
    if not columns:
        return pd.DataFrame(columns=[DEVICE, schema.time])
    arrival = [schema.arrival] if schema.arrival else []
    stored = feature_set_frame(vector, device_metrics.NAME, [columns[0][0], *arrival])
    readings = in_utc(stored[[DEVICE, schema.time, *arrival]], schema.time)
    history = TelemetryHistory.of(schema) if schema.population else None
    if history is not None and history.attributes is not None:  # Labels of others are none of the history.
        readings = within_population(schema, readings, history.attributes)
    readings = readings.sort_values([schema.time, DEVICE], kind="stable", ignore_index=True)
    labels = feature_set_frame(vector, label_set)
    # With a horizon a known label may not tell yet what follows; nobody else can.
    told = labels[schema.target].notna() | labels[schema.label].notna() | excluded_rows(labels, schema)
    known = in_utc(labels.loc[told, [DEVICE, schema.time]], schema.time)
    known = known.assign(**{schema.time: known[schema.time].astype(readings[schema.time].dtype)})
    known = known.sort_values(schema.time, kind="stable")
    gap = pd.Timedelta(seconds=label_gap_seconds(known, schema))
    near = pd.merge_asof(
        readings, known.assign(_told=True), on=schema.time, by=DEVICE, direction="nearest", tolerance=gap
    )
    rows = readings[near["_told"].isna().to_numpy()].reset_index(drop=True)
    if schema.arrival and len(rows):
        rows = rows_with_timely_reading(rows[[DEVICE, schema.time]], readings, schema.time, schema.arrival)
    return rows[[DEVICE, schema.time]]
