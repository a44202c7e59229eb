"""The score of the Numenta Anomaly Benchmark, standard profile, over series of which the anomalies are known.

By A. Lavin and S. Ahmad (2015), "Evaluating real-time anomaly detection algorithms: the Numenta anomaly
benchmark", ICMLA, and its published code: the first 15 % of a series, at most 750 rows, are not counted. Each
window counts once, by its best alarm: 1 at its beginning, near 0 at its end; without one it costs 1. An alarm
outside of all costs up to 0.11, less the sooner after a window it is. 0 is to say nothing, 100 is perfect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FALSE_ALARM = 0.11
PROBATION_SHARE, PROBATION_ROWS = 0.15, 5000


@dataclass(frozen=True)
class Series:
    """A series to be watched.

    :param times: of its rows, ascending.
    :param windows: first and last row of each anomaly, both inclusive, in order.
    """

    times: npt.NDArray[np.datetime64]
    windows: Sequence[tuple[int, int]]

    @property
    def probation(self) -> int:
        """Rows at the beginning that do not count."""
        return math.floor(PROBATION_SHARE * min(len(self.times), PROBATION_ROWS))


def sigmoid(position: float) -> float:
    """What an alarm is worth at a position relative to the end of a window, from -1 to 1."""
    return -1.0 if position > 3.0 else 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def raw_score(series: Series, alarms: Sequence[int]) -> float:
    """Score of alarms, by row, before it is scaled: each window that is missed is -1.

    :param alarms: rows, ascending.
    """
    best: dict[int, float] = {}
    total = 0.0
    for row in alarms:
        if row < series.probation:
            continue
        window = next((w for w, (first, last) in enumerate(series.windows) if first <= row <= last), None)
        if window is not None:
            first, last = series.windows[window]
            worth = sigmoid(-(last - row + 1) / (last - first + 1)) / sigmoid(-1.0)
            best[window] = max(worth, best.get(window, -math.inf))
            continue
        before = [span for span in series.windows if span[1] < row]
        if before:
            first, last = before[-1]
            total += FALSE_ALARM * sigmoid((row - last) / max(last - first, 1))
        else:
            total -= FALSE_ALARM
    return total + sum(best.values()) - (len(series.windows) - len(best))


def standard_score(series: Sequence[Series], alarms: Sequence[Sequence[int]]) -> float:
    """Score of alarms on all series together, where 0 is to say nothing and 100 is perfect."""
    windows = sum(len(one.windows) for one in series)
    total = sum(raw_score(one, raised) for one, raised in zip(series, alarms, strict=True))
    return 100.0 * (total + windows) / (2.0 * windows)


def alarms_of(
    series: Series, score: npt.NDArray[np.float64], threshold: float, rest: np.timedelta64
) -> list[int]:
    """Rows at which an alarm is raised: at or above a threshold, and none within a rest after one."""
    above = np.flatnonzero(score >= threshold)
    times, raised, place = series.times[above], [], 0
    while place < len(above):
        raised.append(int(above[place]))
        place = int(np.searchsorted(times, times[place] + rest, side="right"))
    return raised
