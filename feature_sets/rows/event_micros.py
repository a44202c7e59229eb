"""Event time as whole microseconds since the epoch, so that engines agree on buckets and duplicates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = 1e11
"""Epoch seconds of the year 5138; what is larger is no seconds."""
_NO_TIME = "must have a time in every row"


def event_micros(value: Any) -> int:
    """Microseconds since the epoch.

    >>> event_micros(1.5), event_micros(datetime(1970, 1, 1, 0, 0, 1, 500_000))
    (1500000, 1500000)

    :param value: epoch seconds, or a datetime, which is UTC if it has no zone; nanoseconds of a pandas
        Timestamp are cut off.
    :raises InputError: unless it is one of these.
    """
    if type(value) is float and abs(value) < _LATEST:  # As nearly always.
        return round(value * 1_000_000)
    if isinstance(value, np.number):
        value = value.item()
    if isinstance(value, float | int) and not isinstance(value, bool) and abs(value) < _LATEST:
        return round(value * 1_000_000)
    if isinstance(value, datetime) and value is not pd.NaT:
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return (aware - _EPOCH) // _MICROSECOND
    raise InputError("timestamp", "must be epoch seconds or a time", value)


def column_micros(column: pd.Series) -> npt.NDArray[np.int64]:
    """Microseconds since the epoch of a column of times; the rule of ``event_micros``, shape (n,).

    :raises InputError: for a missing time and columns of other types.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype) and column.dtype.unit == "ns":
        utc = column.to_numpy(dtype="datetime64[ns]")
        if np.isnat(utc).any():
            raise InputError(f"column '{column.name}'", _NO_TIME, pd.NaT)
        cut: npt.NDArray[np.int64] = utc.astype("datetime64[us]").astype(np.int64)
        return cut
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        if column.isna().any():
            raise InputError(f"column '{column.name}'", _NO_TIME, pd.NaT)
        stamps = column.dt.tz_convert(None) if column.dt.tz is not None else column
        micros: npt.NDArray[np.int64] = stamps.to_numpy().astype("datetime64[us]").astype(np.int64)
        return micros
    if column.dtype.kind in "iuf":
        seconds = column.to_numpy(dtype=np.float64, na_value=np.nan)
        refused = ~(np.abs(seconds) < _LATEST)
        if refused.any():
            rule = "must be epoch seconds or a time in every row"
            raise InputError(f"column '{column.name}'", rule, seconds[refused][0].item())
        if column.dtype.kind in "iu":  # In floats the far ones would not be exact.
            whole: npt.NDArray[np.int64] = column.to_numpy(dtype=np.int64)
            return whole * 1_000_000
        rounded: npt.NDArray[np.int64] = np.round(seconds * 1_000_000.0).astype(np.int64)
        return rounded
    return np.fromiter((event_micros(value) for value in column.tolist()), dtype=np.int64, count=len(column))
