"""The operating point: calibration and threshold of a model, and how sure they are.

They come from out-of-fold rows of models that have seen nearly as much as the served one. Margins of models
that were fitted on half of the errors have another scale; a threshold on those does not carry over. How much
the threshold depends on the episodes at hand is shown by drawing them again, with the time around each: the
cluster bootstrap of ``training.evaluation.bootstrap``.

For ``max_f1`` the threshold is the mean of those of the draws (bagging, Breiman 1996): with few episodes the
best one jumps with a single row, and their mean does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feature_sets.model_package.calibration import Calibration
from training.decision.alarm_runs import (
    Moments,
    Positions,
    independent_runs,
    rate_range,
    run_starts,
)
from training.decision.calibration import calibrated, fit_platt
from training.decision.threshold_rules import (
    MAX_F1,
    ThresholdRule,
    choose_threshold,
    find_threshold,
)

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]

FACTOR = 2.0
"""A rate is stated where its range lies within so many times it either way, and its range alone elsewhere."""
LEAST_EPISODES = 5
"""With fewer, a threshold is uncertain, whatever drawing them again says."""
RESAMPLES = 200
LEAST_SHARE = 0.7
"""A threshold is uncertain if one that other episodes would give has less than this share of its F1."""


@dataclass(frozen=True)
class OutOfFold:
    """Rows with the log-odds of models that were not fitted on them.

    :param margins: before calibration, shape (n,).
    :param labels: 0 or 1, shape (n,).
    :param weights: how many rows each stands for, shape (n,).
    :param far: whether a row is healthy and an embargo or more from every error of its device, shape (n,).
    :param groups: number of the episode whose time a row lies in, from 0, shape (n,).
    :param devices: number of each row's device, shape (n,).
    :param moments: time of each row in nanoseconds, shape (n,).
    :param apart: nanoseconds; alarms of a device that lie no further apart are one run: they share readings.
    """

    margins: Floats
    labels: Labels
    weights: Floats
    far: Flags
    groups: Positions
    devices: Positions
    moments: Moments
    apart: int

    @property
    def episodes(self) -> int:
        """Groups that hold an error."""
        return len(np.unique(self.groups[self.labels == 1]))


@dataclass(frozen=True)
class FalseAlarms:
    """What is promised of false alarms.

    :param rate: share of the healthy rows that are called an error.
    :param low: lower end of the range that holds it, see ``rate_range``.
    :param high: upper end.
    :param runs: of such rows.
    :param certain: whether the rate is stated, and not its range alone.
    """

    rate: float
    low: float
    high: float
    runs: int
    certain: bool

    def describe(self) -> dict[str, float]:
        """The same, under the names that results have."""
        stated = {"false_alarm_rate": self.rate} if self.certain else {}
        return {
            **stated,
            "false_alarm_rate_low": self.low,
            "false_alarm_rate_high": self.high,
            "false_alarm_runs": self.runs,
        }


@dataclass(frozen=True)
class OperatingPoint:
    """Calibration and threshold of a model.

    :param calibration: of its margins.
    :param threshold: a row is called an error if its calibrated probability is at least this.
    :param low: lowest threshold of nine in ten draws of the episodes.
    :param high: the highest of them.
    :param false_alarms: on healthy rows far from errors; None without any.
    :param episodes: that it rests on.
    :param uncertain: whether other episodes may well give a threshold that is of less use.
    """

    calibration: Calibration
    threshold: float
    low: float
    high: float
    false_alarms: FalseAlarms | None
    episodes: int
    uncertain: bool

    def describe(self) -> dict[str, float]:
        """Facts of the threshold, beside the scores of the out-of-fold rows; without what is not known."""
        known = {} if self.false_alarms is None else self.false_alarms.describe()
        return {
            "threshold_low": self.low,
            "threshold_high": self.high,
            "threshold_episodes": self.episodes,
            "threshold_uncertain": float(self.uncertain),
            **known,
        }


def operating_point(rule: ThresholdRule, rows: OutOfFold, seed: int) -> OperatingPoint:
    """Calibrate, choose the threshold, and tell what it promises.

    :param rule: chooses the threshold.
    :param rows: both classes present.
    :param seed: of the draws.
    :raises InputError: unless a threshold meets the rule.
    """
    calibration = fit_platt(rows.margins, rows.labels, rows.weights)
    probability = calibrated(rows.margins, calibration)
    drawn = _drawn(rule, rows, probability, seed)
    best = choose_threshold(rule, rows.labels, probability, rows.weights)
    threshold = float(drawn.mean()) if rule.kind == MAX_F1 and len(drawn) else best
    low, high = (float(np.quantile(drawn, at)) for at in (0.05, 0.95)) if len(drawn) else (0.0, 1.0)
    reached = _f1(rows, probability, threshold)
    loses = any(_f1(rows, probability, at) < LEAST_SHARE * reached for at in (low, high))
    return OperatingPoint(
        calibration=calibration,
        threshold=threshold,
        low=min(low, threshold),
        high=max(high, threshold),
        false_alarms=_false_alarms(rows, probability >= threshold, probability >= best),
        episodes=rows.episodes,
        uncertain=rows.episodes < LEAST_EPISODES or loses,
    )


def _false_alarms(rows: OutOfFold, called: Flags, called_by_best: Flags) -> FalseAlarms | None:
    """What the healthy rows far from errors say of those that are called an error.

    :param called: by the threshold.
    :param called_by_best: by the one that is best on these rows. The range spans what they say of both, as
        the rate moves when the threshold does.
    """
    if not (rows.weights * rows.far).any():
        return None
    periods = len(np.unique(np.column_stack([rows.devices, rows.moments // rows.apart])[rows.far], axis=0))
    rate, runs, low, high = _rate(rows, called, periods)
    if not np.array_equal(called, called_by_best):
        _, _, best_low, best_high = _rate(rows, called_by_best, periods)
        low, high = min(low, best_low), max(high, best_high)
    within = rate / FACTOR <= low and high <= FACTOR * rate
    return FalseAlarms(rate, low, high, runs, within and rows.episodes >= LEAST_EPISODES)


def _rate(rows: OutOfFold, called: Flags, periods: int) -> tuple[float, int, float, float]:
    """Share of the healthy rows far from errors that are called one, in how many runs, and its range.

    :param periods: of devices that the rows far from errors lie in.
    """
    far = rows.weights * rows.far
    rate = float(far[called].sum() / far.sum())
    at = np.flatnonzero(rows.far & called)
    starts = at[run_starts(rows.devices[at], rows.moments[at], rows.apart)]
    parts = int(rows.groups.max()) + 1
    independent = independent_runs(
        np.bincount(rows.groups[starts], minlength=parts), np.bincount(rows.groups[rows.far], minlength=parts)
    )
    return rate, len(starts), *rate_range(rate, independent, periods)


def _drawn(rule: ThresholdRule, rows: OutOfFold, probability: Floats, seed: int) -> Floats:
    """Thresholds that the rule chooses when the episodes are drawn again, with replacement."""
    random = np.random.default_rng(seed)
    count = int(rows.groups.max()) + 1
    found = []
    for _ in range(RESAMPLES):
        times = np.bincount(random.integers(0, count, count), minlength=count)[rows.groups]
        kept = times > 0
        if len(np.unique(rows.labels[kept])) == 2:
            weights = (rows.weights * times)[kept]
            found.append(find_threshold(rule, rows.labels[kept], probability[kept], weights))
    return np.minimum(np.asarray(found, dtype=np.float64), 1.0)


def _f1(rows: OutOfFold, probability: Floats, threshold: float) -> float:
    called = rows.weights * (probability >= threshold)
    errors = rows.weights * (rows.labels == 1)
    return float(2.0 * (called * (rows.labels == 1)).sum() / max(called.sum() + errors.sum(), 1e-12))
