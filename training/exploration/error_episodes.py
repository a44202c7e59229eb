"""Error episodes: from when to when each device was in error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE
from training.dataset.device_times import Positions, moments_of


def error_episodes(
    label_history: pd.DataFrame,
    time: str,
    label: str,
    longest_gap_seconds: int | None = None,
    spans: Positions | None = None,
) -> pd.DataFrame:
    """Runs of error rows of each device.

    An episode goes on from row to row of the device while they are in error, however far apart they are
    unless a longest gap is given. A row whose label is missing neither continues nor ends it.

    :param label_history: device, time and label of every row, not sampled; in any order.
    :param time: name of the time column.
    :param label: name of the label column; 1 where the device is in error, missing where nobody knows.
    :param longest_gap_seconds: an episode ends where the next row of known label is later than this; None for
        never.
    :param spans: number of the incident that each row lies in, see ``IncidentSpans.numbers``: within one, no
        gap ends an episode. None where nobody knows.
    :returns: device, start and end (times of the first and the last error row, both within the episode),
        seconds between them (0 for a single row), rows; sorted by device, then start.
    """
    values = label_history[label].to_numpy(dtype=np.float64, na_value=np.nan)
    is_known = ~np.isnan(values)
    known = label_history[is_known]
    codes, unique = pd.factorize(known[DEVICE], sort=True)
    moments = moments_of(known[time])
    order = np.lexsort((moments, codes))
    device, in_error = codes[order], values[is_known][order] == 1
    new_device = np.concatenate([[True], device[1:] != device[:-1]])[: len(device)]
    apart = new_device
    if longest_gap_seconds is not None:
        far = np.diff(moments[order], prepend=moments[order][:1]) > longest_gap_seconds * 10**9
        if spans is not None:
            within = spans[is_known][order]
            far[1:] &= (within[1:] != within[:-1]) | (within[1:] < 0)
        apart = apart | far
    after_error = np.concatenate([[False], in_error[:-1]])[: len(device)] & ~apart
    starts = np.flatnonzero(in_error & ~after_error)
    number = np.cumsum(in_error & ~after_error) - 1
    rows = np.bincount(number[in_error], minlength=len(starts))
    # The rows of an episode follow each other.
    ends = starts + rows - 1
    times = known[time].iloc[order].reset_index(drop=True)
    start, end = (times.iloc[at].reset_index(drop=True) for at in (starts, ends))
    return pd.DataFrame(
        {
            DEVICE: np.asarray(unique, dtype=object)[device[starts]],
            "start": start,
            "end": end,
            "seconds": (end - start).dt.total_seconds(),
            "rows": rows,
        }
    )
