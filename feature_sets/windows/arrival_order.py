"""Windows of readings as they were known when each arrived, not when it was read."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows.backfill import backfill
from feature_sets.windows.definition import WindowDefinition


def windows_as_known(rows: KeyedRows, definition: WindowDefinition, arrival: str | None) -> pd.DataFrame:
    """``backfill`` in order of arrival, so that no row shows a reading that had not arrived yet.

    Live, a late reading counts from its arrival on. The same here: the windows of rows that arrived before it
    do not have it, those of later ones do.

    :param rows: in event order.
    :param arrival: column with the time at which each row arrived, UTC; None where nobody knows. Then every
        row arrived in order, and none is held back for being ahead of a clock.
    :returns: features and ``event_status``, in the order of ``rows``, with the same index.
    """
    if arrival is None:
        return backfill(rows, definition, arrival=definition.timestamp)
    order = np.argsort(column_micros(rows.frame[arrival]), kind="stable")
    known = backfill(rows.take(order), definition, arrival=arrival)
    back = np.empty(len(order), dtype=np.intp)
    back[order] = np.arange(len(order))
    return known.take(back)


def late(rows: pd.DataFrame, time: str, arrival: str) -> npt.NDArray[np.bool_]:
    """Which readings arrived after a later one of the same device, shape (n,).

    Live, the answer to such a reading shows the device's newest windows, which reach beyond its own time.

    :param rows: device, event time and arrival, in any order.
    :param time: name of the column of event times.
    :param arrival: name of the column of arrival times.
    """
    times, arrivals = column_micros(rows[time]), column_micros(rows[arrival])
    order = np.lexsort((times, arrivals))
    ordered = pd.Series(times[order])
    newest = ordered.groupby(rows[DEVICE].to_numpy()[order]).cummax().to_numpy()
    found = np.empty(len(order), dtype=np.bool_)
    found[order] = times[order] < newest
    return found
