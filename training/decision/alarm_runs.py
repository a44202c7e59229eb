"""Runs of false alarms: those that tell something of their own, and how well they tell a rate."""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np
import numpy.typing as npt
from scipy import stats

Positions = npt.NDArray[np.intp]
Moments = npt.NDArray[np.int64]

RANGE = 0.9
"""Share of the cases in which a rate is to lie within its range."""


class AlarmRuns:
    """Counts runs of alarms while rows are added, in any order.

    Alarms of a device that lie no further apart than the longest window share readings: they are one run.

    :param apart: alarms of a device further apart than this are two runs.
    """

    def __init__(self, apart: int) -> None:
        self.count = 0
        self._apart = apart
        self._moments: dict[int, list[int]] = {}

    def add(self, device: int, moment: int) -> None:
        """An alarm of a device."""
        known = self._moments.setdefault(device, [])
        at = bisect_left(known, moment)
        before = at > 0 and moment - known[at - 1] <= self._apart
        after = at < len(known) and known[at] - moment <= self._apart
        joined = 0 < at < len(known) and known[at] - known[at - 1] <= self._apart
        self.count += 1 - before - after + joined
        insort(known, moment)


def count_runs(devices: Positions, moments: Moments, apart: int) -> int:
    """Runs that these alarms are.

    :param devices: number of the device of each, shape (n,).
    :param moments: time of each, shape (n,).
    :param apart: see ``AlarmRuns``.
    """
    if not len(devices):
        return 0
    order = np.lexsort((moments, devices))
    follows = (np.diff(devices[order]) == 0) & (np.diff(moments[order]) <= apart)
    return len(order) - int(follows.sum())


def rate_range(rate: float, runs: int, periods: int) -> tuple[float, float]:
    """Range that holds the true rate in nine of ten cases, if runs come as independent events do.

    F. Garwood 1936, "Fiducial limits for the Poisson distribution", Biometrika 28; runs are what is counted,
    and taken to be as long as those that were seen. Ten runs give 0.54 to 1.7 times the rate.

    :param rate: share of the rows that are alarms.
    :param runs: that they are.
    :param periods: stretches of device and time, as long as alarms of one run may be apart, that were looked
        at. Without a run, at most so few of them are alarms that none would be seen in one of ten cases.
    """
    tail = (1.0 - RANGE) / 2.0
    if not runs:
        return 0.0, min(1.0, float(-np.log(1.0 - RANGE)) / max(periods, 1))
    low, high = (
        stats.chi2.ppf(tail, 2 * runs) / 2.0,
        stats.chi2.ppf(1.0 - tail, 2 * runs + 2) / 2.0,
    )
    return rate * float(low) / runs, min(1.0, rate * float(high) / runs)
