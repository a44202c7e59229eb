"""Staleness: for how long a column has brought no reading, and for how long nothing new."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.telemetry.schema import DEVICE
from training.dataset.device_times import moments_of

MEASURES = ("reading_age", "unchanged")
STATISTICS = ("median", "p95", "max")


def staleness(rows: pd.DataFrame, names: Sequence[str], time: str) -> pd.DataFrame:
    """Missing values and staleness of each column, in seconds of event time.

    At a row at t of a device, a column's

    - ``reading_age`` is t minus the time of the device's latest row, at or before t, that has a value: 0
      where the row itself has one, and how long it has been missing where not.
    - ``unchanged`` is t minus the time of the device's latest row, at or before t, whose value differs from
      the value before it, or is the first: how long a sensor has been stuck, or missing. A value that comes
      back after a gap as it was is not new. A column that rarely changes by nature (a role, a count of rare
      events) is high too.

    Both are as exact as the rows are near each other, and both are counted from the first row of the device
    with no earlier one they are a lower bound. So a column without any value grows stale from the
    first row to the last.

    :param rows: device, time and the columns; of each device rows that follow each other, in any order.
    :param names: the columns to look at.
    :returns: one row a column: feature, missing_share, and the median, 95th percentile and maximum over all
        rows as ``{measure}_{statistic}``.
    """
    moments = moments_of(rows[time])
    codes, _ = pd.factorize(rows[DEVICE])
    order = np.lexsort((moments, codes))
    seconds = (moments[order] - moments.min()) / 1e9
    device = codes[order]
    first = np.searchsorted(device, device, side="left")
    table = []
    for name in names:
        values = rows[name].to_numpy(dtype=np.float64, na_value=np.nan)[order]
        known = ~np.isnan(values)
        new = known & _differs_from_last_known(values, known, first)
        table.append(
            {
                "feature": name,
                "missing_share": 1.0 - float(known.mean()),
                **_statistics("reading_age", _since(known, first, seconds)),
                **_statistics("unchanged", _since(new, first, seconds)),
            }
        )
    columns = ["feature", "missing_share", *(f"{m}_{s}" for m in MEASURES for s in STATISTICS)]
    return pd.DataFrame(table, columns=columns)


def _since(
    happened: npt.NDArray[np.bool_], first: npt.NDArray[np.intp], seconds: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Seconds since the latest row, itself included, where something happened; else since the first row."""
    latest = np.maximum.accumulate(np.where(happened, np.arange(len(first)), first))
    return np.asarray(seconds - seconds[latest])


def _differs_from_last_known(
    values: npt.NDArray[np.float64], known: npt.NDArray[np.bool_], first: npt.NDArray[np.intp]
) -> npt.NDArray[np.bool_]:
    """Whether a known value differs from the device's known value before it, or is its first."""
    latest = np.maximum.accumulate(np.where(known, np.arange(len(first)), -1))
    before = np.concatenate([[-1], latest[:-1]])
    none_before = before < first
    return np.asarray(none_before | (values != values[np.where(none_before, 0, before)]))


def _statistics(measure: str, seconds: npt.NDArray[np.float64]) -> dict[str, float]:
    median, high = np.quantile(seconds, [0.5, 0.95])
    found = (float(median), float(high), float(seconds.max()))
    return {f"{measure}_{statistic}": value for statistic, value in zip(STATISTICS, found, strict=True)}
