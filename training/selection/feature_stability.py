"""Feature stability: an unstable feature tells the earlier from the later rows of a healthy device.

A level that moves while nothing is wrong (load that grows, a counter, memory that leaks) teaches a model to
know the period it was trained in. It looks useful there, and misleads as soon as time goes on.
A counter that is reset has the same values in both halves, but it only rises in between, and tells how long
ago it was reset.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.telemetry.schema import DEVICE
from training.dataset.device_times import moments_of
from training.job.defaults import MAX_DRIFT

FEWEST_CHANGES = 30
"""Fewer changes of a feature do not tell whether it only rises."""


def drift_of(
    values: npt.NDArray[np.float64], later: npt.NDArray[np.bool_], devices: npt.NDArray[np.intp]
) -> float:
    """How well a feature tells later rows of a device from its earlier ones, |2 AUC - 1|.

    The AUC is that of "larger is later" (Mann and Whitney, 1947, on the test behind it); it does not depend
    on the feature's unit or shape. It is stratified by device (van Elteren, 1960, "On the combination of
    independent two sample tests of Wilcoxon", here with equal weight for every pair): a row is compared with
    rows of its own device only. So different levels of the devices hide no drift that all of them share, and
    a device that has rows of one half only, because it was added or removed, does not count.

    :param values: shape (n,); rows with NaN do not count.
    :param later: which rows are of the later half, shape (n,).
    :param devices: number of the device of each row, from 0, shape (n,).
    :returns: 0 not at all, 1 perfectly; 0 if no device has known rows of both halves.
    """
    known = ~np.isnan(values)
    device, late = devices[known], later[known]
    # Equal readings of a device share the mean of their ranks.
    rank = pd.Series(values[known]).groupby(device).rank().to_numpy()
    rows = np.bincount(device)
    late_rows = np.bincount(device, weights=late)
    pairs = late_rows * (rows - late_rows)
    if not pairs.any():
        return 0.0
    ahead = np.bincount(device, weights=rank * late) - late_rows * (late_rows + 1) / 2.0
    return float(abs(2.0 * ahead.sum() / pairs.sum() - 1.0))


def rise_of(
    values: npt.NDArray[np.float64], moments: npt.NDArray[np.int64], devices: npt.NDArray[np.intp]
) -> float:
    """How steadily a feature rises from row to row of a device, whatever it falls back to: 2 p - 1.

    p is the share of rises among all changes from a known row of a device to the next. A level that moves up
    and down has p = 0.5, a counter p = 1, also one that is reset now and then. A level that only falls in
    between is left alone: it may be what is left of an event, such as the largest reading of an hour ago.
    Rows are a sample, so only the shorter half of the steps is looked at: a reset hides in a long one.

    :param values: shape (n,); rows with NaN do not count.
    :param moments: nanoseconds since the Unix epoch, shape (n,), in any order.
    :param devices: number of the device of each row, from 0, shape (n,).
    :returns: 0 if p is at most 0.5 or rests on fewer than ``FEWEST_CHANGES``.
    """
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.lexsort((moments[known], devices[known]))]
    same = devices[order][1:] == devices[order][:-1]
    change, took = np.diff(values[order])[same], np.diff(moments[order])[same]
    if not len(change):
        return 0.0
    change = change[took <= np.median(took)]
    rises, falls = int((change > 0.0).sum()), int((change < 0.0).sum())
    if rises + falls < FEWEST_CHANGES:
        return 0.0
    return max(2.0 * rises / (rises + falls) - 1.0, 0.0)


def unstable_features(
    rows: pd.DataFrame, names: Sequence[str], time: str, label: str, max_drift: float = MAX_DRIFT
) -> dict[str, str]:
    """Features that tell on healthy rows how late it is, or how long since a reset -> the reason.

    Only healthy rows are looked at: errors that become more frequent are what the features should show.

    :param rows: the training part only, with device, time, label and features.
    :param names: the features to look at.
    :param time: name of the time column.
    :param label: name of the label column; 0 is healthy.
    :param max_drift: largest separation, and steadiest rise, that is taken, in (0, 1]; see ``drift_of`` and
        ``rise_of``. 1 takes all.
    """
    healthy = rows[rows[label] == 0]
    later = (healthy[time] > healthy[time].median()).to_numpy()
    devices = pd.factorize(healthy[DEVICE])[0]
    moments = moments_of(healthy[time])
    reasons = {}
    for name in names:
        values = healthy[name].to_numpy(dtype=np.float64, na_value=np.nan)
        drift, rise = drift_of(values, later, devices), rise_of(values, moments, devices)
        if drift > max_drift:
            reasons[name] = (
                f"it tells earlier from later healthy rows of a device: |2 AUC - 1| is {drift:.2f}"
            )
        elif rise > max_drift:
            reasons[name] = (
                "it only rises between resets, like a counter: "
                f"{(1.0 + rise) / 2.0:.0%} of its changes on healthy rows are rises"
            )
    return reasons
