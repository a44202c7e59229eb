"""Which rows of the base data set a batch is compared with, and how far rows depend on each other.

Two things look like drift and are none. Load has a daily cycle, so an evening differs from whole days. Rows
whose rolling windows share readings are nearly the same row many times over, so chance moves their
distribution further than that of as many independent rows.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

MOST_ROWS = 20_000
"""Rows of each side that are compared at most, unless ``LEAST_BLOCKS`` blocks need more."""

LEAST_BLOCKS = 10
"""Fewest independent blocks of rows on each side."""


class ReferenceRows(NamedTuple):
    """Two frames that can be compared, with the arguments of ``drift_magnitude`` that follow from them.

    :param base: rows of the base in device order.
    :param batch: rows of the batch in device order.
    :param block_rows: consecutive rows that depend on each other.
    :param max_rows: rows of each side that are compared at most.
    """

    base: pd.DataFrame
    batch: pd.DataFrame
    block_rows: int
    max_rows: int


def reference_rows(
    base: pd.DataFrame, batch: pd.DataFrame, entity: str, time: str, window_seconds: float
) -> ReferenceRows:
    """Prepare a base data set and a batch, so that neither the daily cycle nor dependent rows are drift.

    :param base: rows that the model was not trained on; has the key and the event time.
    :param batch: live rows, with the same columns.
    :param entity: column of the device key.
    :param time: column of event times, with a zone.
    :param window_seconds: length of the longest rolling window.
    """
    block_rows = rows_in_window(base, entity, time, window_seconds)
    return ReferenceRows(
        base=in_device_order(at_the_same_hours(base, batch, time), entity, time),
        batch=in_device_order(batch, entity, time),
        block_rows=block_rows,
        max_rows=max(MOST_ROWS, LEAST_BLOCKS * block_rows),
    )


def at_the_same_hours(base: pd.DataFrame, batch: pd.DataFrame, time: str) -> pd.DataFrame:
    """Base rows of the hours of the day that the batch lies in; all rows of a base shorter than a day.

    :param time: column of event times, with a zone.
    """
    if base[time].max() - base[time].min() < pd.Timedelta(days=1):
        return base
    hours = batch[time].dt.tz_convert("UTC").dt.hour.unique()
    same: pd.DataFrame = base[base[time].dt.tz_convert("UTC").dt.hour.isin(hours)]
    return same


def in_device_order(frame: pd.DataFrame, entity: str, time: str) -> pd.DataFrame:
    """Rows of one device after those of another, each in event order."""
    return frame.sort_values([entity, time], kind="stable", ignore_index=True)


def in_arrival_order(frame: pd.DataFrame, entity: str, time: str) -> pd.DataFrame:
    """Rows as their labels arrive: all devices of one time before those of the next.

    :param entity: column of the device key.
    :param time: column of event times.
    """
    return frame.sort_values([time, entity], kind="stable", ignore_index=True)


def rows_in_window(frame: pd.DataFrame, entity: str, time: str, window_seconds: float) -> int:
    """How many rows of one device share readings through the longest window, at least 1.

    >>> times = pd.date_range("2024-01-01", periods=5, freq="10s", tz="UTC")
    >>> rows_in_window(pd.DataFrame({"device": "a", "at": times}), "device", "at", window_seconds=300)
    30

    :param entity: column of the device key.
    :param time: column of event times.
    :param window_seconds: length of the longest rolling window.
    """
    gaps = frame.sort_values([entity, time]).groupby(entity)[time].diff().dt.total_seconds().dropna()
    return max(1, round(window_seconds / float(gaps.median()))) if len(gaps) else 1
