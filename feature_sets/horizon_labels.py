"""What is predicted with a label horizon: that an error of the device starts soon."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


def with_target(labels: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    """Label rows with the column ``schema.target``; unchanged where errors now are predicted.

    A row at t of a device that is not in error is 1 if the device has an error row in (t, t + horizon], and 0
    if it has none and its labels go on to t + horizon or beyond. It is missing (NaN) where they do not: what
    happens then is not known. It is missing as well where the device is in error already.

    :param labels: device, time (any order), label (0 or 1) and further columns; not changed.
    """
    if not schema.horizon_seconds:
        return labels
    horizon = np.timedelta64(schema.horizon_seconds, "s")
    times = labels[schema.time]
    moments = (
        times.dt.tz_convert("UTC").dt.tz_localize(None) if times.dt.tz is not None else times
    ).to_numpy()
    codes = pd.factorize(labels[DEVICE])[0]
    order = np.lexsort((moments, codes))
    moment, device = moments[order], codes[order]
    in_error = labels[schema.label].to_numpy(dtype=np.float64, na_value=np.nan)[order] == 1
    # Positions of the next error row, and of the last row, of the same device.
    rows = np.arange(len(order))
    following = np.minimum.accumulate(np.where(in_error, rows, len(rows))[::-1])[::-1]
    final = np.searchsorted(device, device, side="right") - 1
    known_error = following <= final
    error_at = moment[np.minimum(following, len(rows) - 1)] if len(rows) else moment
    starts = known_error & (error_at <= moment + horizon)
    quiet = ~starts & (moment[final] >= moment + horizon)
    target = np.full(len(order), np.nan)
    target[order] = np.where(in_error, np.nan, np.where(starts, 1.0, np.where(quiet, 0.0, np.nan)))
    return labels.assign(**{schema.target: target})
