"""Runs of false alarms: those that tell something of their own, and how well they tell a rate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

Positions = npt.NDArray[np.intp]
Moments = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]

RANGE = 0.9
"""Share of the cases in which a rate is to lie within its range."""


def run_starts(devices: Positions, moments: Moments, apart: int) -> Positions:
    """Positions of the alarms that begin a run.

    Alarms of a device that lie no further apart than the longest window share readings: they are one run.

    :param devices: number of the device of each, shape (n,).
    :param moments: time of each, shape (n,).
    :param apart: alarms of a device further apart than this are two runs.
    """
    order = np.lexsort((moments, devices))
    follows = (np.diff(devices[order]) == 0) & (np.diff(moments[order]) <= apart)
    starts = np.append(True, ~follows)[: len(order)]
    return np.asarray(order[starts], dtype=np.intp)


def independent_runs(runs: Counts, rows: Counts) -> float:
    """So many independent runs would tell the rate as well as these.

    Where parts of the time have more unlike numbers of runs than chance gives them, a part says less of the
    next one: the count is divided by Pearson's dispersion (P. McCullagh and J. A. Nelder 1989, Generalized
    linear models).

    :param runs: in each part, shape (parts,).
    :param rows: that were looked at in each, shape (parts,); those without any do not count.
    """
    runs, rows = runs[rows > 0], rows[rows > 0]
    count = float(runs.sum())
    if not count or len(runs) < 2:
        return count
    expected = rows * (count / rows.sum())
    dispersion = float(((runs - expected) ** 2 / expected).sum()) / (len(runs) - 1)
    return count / max(dispersion, 1.0)


def rate_range(rate: float, runs: float, periods: int) -> tuple[float, float]:
    """Range that holds the true rate in nine of ten cases, if runs come as independent events do.

    F. Garwood 1936, "Fiducial limits for the Poisson distribution", Biometrika 28; runs are what is counted,
    and taken to be as long as those that were seen. Ten runs give 0.54 to 1.7 times the rate, five 0.39 to
    2.1.

    :param rate: share of the rows that are alarms.
    :param runs: independent ones that they are.
    :param periods: stretches of device and time, as long as alarms of one run may be apart, that were looked
        at. Without a run, at most so few of them are alarms that none would be seen in one of ten cases.
    """
    tail = (1.0 - RANGE) / 2.0
    if not runs:
        return 0.0, min(1.0, float(-np.log(1.0 - RANGE)) / max(periods, 1))
    low = float(stats.chi2.ppf(tail, 2.0 * runs)) / 2.0
    high = float(stats.chi2.ppf(1.0 - tail, 2.0 * runs + 2.0)) / 2.0
    return rate * low / runs, min(1.0, rate * high / runs)
