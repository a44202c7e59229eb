"""Event time as whole microseconds since the epoch, so that engines agree on buckets and duplicates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def event_micros(value: Any) -> int:
    """Microseconds since the epoch.

    :param value: epoch seconds, or a datetime with a zone; nanoseconds of a pandas Timestamp are cut off.
    :raises ValueError: for a time without a zone, and for what is no time.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"timestamp: must have a zone, got {value!r}")
        return (value - _EPOCH) // _MICROSECOND
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e11:
        raise ValueError(f"timestamp: must be epoch seconds or a time with a zone, got {value!r}")
    return round(value * 1_000_000)


def column_micros(column: pd.Series) -> npt.NDArray[np.int64]:
    """Microseconds since the epoch of a column of times; the rule of ``event_micros``, shape (n,).

    :raises ValueError: for a missing time, times without a zone and columns of other types.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        if column.isna().any():
            raise ValueError(f"column '{column.name}': must have a time in every row, got NaT")
        stamps = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        micros: npt.NDArray[np.int64] = stamps.astype("datetime64[us]").astype(np.int64)
        return micros
    return np.fromiter((event_micros(value) for value in column.tolist()), dtype=np.int64, count=len(column))
