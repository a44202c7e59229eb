"""Which live rows are the batch: the newest whole days, so that what was before does not thin a change.

All rows since a model was put in tell less of a change the older the model is. A batch shorter than a day has
the daily cycle in it. So it is one day, or as many whole days as the comparison needs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from drift.reference_rows import FIXED, at_the_same_hours

DAY = pd.Timedelta(days=1)
ROLLING_DAYS = 28
"""Days before the batch that a reference has which rolls on with it."""
_ALL_HOURS = 7
"""Days after which the batch has every hour of the week, and is compared with the whole base."""


def newest_batch(
    base: pd.DataFrame,
    rows: pd.DataFrame,
    time: str,
    season: str,
    least: int,
    days: int = 1,
    onset: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """The newest whole days of live rows, as few of them as it takes; all rows if they are too few.

    >>> times = pd.date_range("2024-01-01", periods=96, freq="h", tz="UTC")
    >>> rows = pd.DataFrame({"at": times})
    >>> [len(newest_batch(rows, rows, "at", "fixed", least)) for least in (20, 30, 97)]
    [24, 48, 96]

    :param base: rows that the batch is compared with.
    :param rows: live rows; the order stays.
    :param time: column of event times, with a zone; a day ends with the newest one, and begins after that of
        the day before.
    :param season: whose hours are compared, see ``at_the_same_hours``.
    :param least: rows that either side needs.
    :param days: fewest days.
    :param onset: when a change began that detectors know of. Rows of before are left out if those since are
        enough, and the same hours are compared.
    """
    if rows.empty:
        return rows
    newest = rows[time].max()
    if onset is not None and season != FIXED and onset > newest - DAY:
        since: pd.DataFrame = rows[rows[time] >= onset]
        if _is_enough(base, since, time, season, least):
            return since
    days_ago = ((newest - rows[time]) // DAY).to_numpy()
    counts = np.cumsum(np.bincount(days_ago))
    for ago, count in enumerate(counts.tolist(), 1):
        if ago < days or count < least:
            continue
        batch: pd.DataFrame = rows[days_ago < ago]
        if ago >= _ALL_HOURS or _is_enough(base, batch, time, season, least):
            return batch
    return rows


def rolling_rows(rows: pd.DataFrame, time: str, least: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A reference that rolls on, and the batch: the newest whole days, and the four weeks before them.

    Both are spans of time: so many newest rows would be minutes of a large network, with one hour's load in
    them, and weeks of a small one.

    >>> times = pd.date_range("2024-01-01", periods=96, freq="h", tz="UTC")
    >>> [[len(part) for part in rolling_rows(pd.DataFrame({"at": times}), "at", least)] for least in (20, 30)]
    [[72, 24], [48, 48]]

    :param rows: live rows; the order stays.
    :param time: column of event times, with a zone; days are those of ``newest_batch``.
    :param least: rows that either side needs. The reference goes further back where four weeks have fewer; it
        is empty, or short, where there are too few rows at all.
    :returns: the reference, and the batch.
    """
    batch = newest_batch(rows, rows, time, FIXED, least)
    if len(batch) == len(rows):
        return rows.iloc[:0], rows
    first = batch[time].min()
    before = rows[rows[time] < first]
    near = before[before[time] >= first - ROLLING_DAYS * DAY]
    return (near if len(near) >= least else before), batch


def _is_enough(base: pd.DataFrame, batch: pd.DataFrame, time: str, season: str, least: int) -> bool:
    return len(batch) >= least and len(at_the_same_hours(base, batch, time, season)) >= least
