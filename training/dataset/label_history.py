"""The label history: the label of every device over time, as the label feature set of a vector holds it."""

from __future__ import annotations

from collections.abc import Sequence

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd

from feature_sets.labels.excluded import excluded_rows
from feature_sets.rows.stored_rows import feature_set_frame, in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


def read_label_history(uri: str, schema: TelemetrySchema, devices: Sequence[str] = ()) -> pd.DataFrame:
    """Device, time (UTC) and label of every label row, whether it is trained on, evaluated on or left out.

    With a horizon, no test row is in error; when errors began is only known from here.
    The label of a row that ``schema.exclude_labels`` excludes is missing (NaN): an error that does not count
    is no episode, and neither begins, continues nor ends one.

    :param uri: feature vector; its label feature says which feature set holds the labels.
    :param schema: names the columns.
    :param devices: restrict the rows to these; empty for all.
    """
    vector = fstore.get_feature_vector(uri)
    labels = feature_set_frame(vector, str(vector.spec.label_feature).partition(".")[0])
    label = labels[schema.label].to_numpy(dtype=np.float64, na_value=np.nan)
    known = labels[[DEVICE, schema.time]].assign(
        **{schema.label: np.where(excluded_rows(labels, schema), np.nan, label)}
    )
    history = in_utc(known, schema.time)
    return history[history[DEVICE].isin(devices)] if len(devices) else history
