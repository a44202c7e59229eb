"""Labeled rows of a training window."""

from __future__ import annotations

import pandas as pd

from feature_sets.checks import duration_seconds
from feature_sets.telemetry.event_time import seconds_of
from training.job.training_window import SINCE, is_since


def window_seconds(window: str) -> int | None:
    """Length of a training window; None for all rows, or where it begins at a time."""
    return None if not window or is_since(window) else duration_seconds(window)


def window_since(window: str) -> pd.Timestamp | None:
    """Time from which on rows count, in UTC; None unless the training window says one."""
    if not is_since(window):
        return None
    seconds = seconds_of(window.removeprefix(SINCE).strip())
    return pd.Timestamp(round(seconds * 1_000_000), unit="us", tz="UTC")


def rows_of_window(rows: pd.DataFrame, time: str, window: str) -> pd.DataFrame:
    """Rows of a training window: up to the newest row with an open older edge, or from a time on.

    :param time: name of the time column.
    :param window: such as ``14d``, or ``since`` and a time; empty for all rows.
    """
    since, seconds = window_since(window), window_seconds(window)
    if since is not None:
        first = since if rows[time].dt.tz is not None else since.tz_localize(None)
        return rows[(rows[time] >= first).to_numpy()].reset_index(drop=True)
    if seconds is None:
        return rows
    newest: pd.Timestamp = rows[time].max()
    return rows[(rows[time] > newest - pd.Timedelta(seconds=seconds)).to_numpy()].reset_index(drop=True)
