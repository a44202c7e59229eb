"""How far a score would move with other devices, or other days: the cluster bootstrap.

Rows of a device are alike, so resampling takes whole clusters and not single rows: B. Efron and R. Tibshirani
1993, "An Introduction to the Bootstrap", Chapman & Hall, chapter 13 (percentile intervals), and C. Field and
A. Welsh 2007, "Bootstrapping clustered data", Journal of the Royal Statistical Society B 69, 369-390 (the
"cluster bootstrap": whole clusters, with replacement, all of their rows).

With few clusters percentile intervals are too short, so the percentiles are further out than 2.5 and 97.5, as
Student's t is wider than the normal distribution: T. Hesterberg 2015, "What Teachers Should Know About the
Bootstrap", The American Statistician 69, 371-386 (the "expanded percentile interval"). What counts are the
clusters that hold an error. An interval says nothing of what touches all clusters at once, such as a failure
of the whole network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import stats

from training.dataset.stratified_sample import ONE_EACH, ClassWeights
from training.evaluation.clusters import EPISODE, LEAST_CLUSTERS, Clusters
from training.evaluation.interval import Interval
from training.evaluation.ranking import Ranking
from training.evaluation.scores import Scored

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]
T = TypeVar("T", float, Floats)

RESAMPLES = 500
SCORES = ("average_precision", "roc_auc", "f1", "precision", "recall", "brier")
SKILL = "brier_skill"
BASE_RATE = "base_rate"
ALWAYS = "always"
"""Calling every row an error, as a scorer to compare F1 with."""


@dataclass(frozen=True)
class Intervals:
    """Bootstrap intervals of several scorers on the same resamples.

    :param clusters: the resampling units.
    :param with_errors: how many clusters hold an error.
    :param resamples: how often they were resampled; 0 if there are too few clusters for an interval.
    :param scores: scorer -> score -> interval; scores as in ``SCORES``, and for ``base_rate`` under its own
        name the share of errors. Empty without an interval. Resamples that lacked a class are left out of
        average_precision, roc_auc and, where they lacked errors, f1 and recall.
    :param f1_gains: other scorer, or ``always`` -> interval of the first scorer's F1 minus that of the other.
    :param gains: other scorer, or ``base_rate`` -> interval of the first scorer's average precision minus
        that of the other, resample by resample; ``brier_skill`` is in the scores of the first scorer.
    """

    clusters: Clusters
    with_errors: int
    resamples: int
    scores: Mapping[str, Mapping[str, Interval]]
    gains: Mapping[str, Interval]
    f1_gains: Mapping[str, Interval] = field(default_factory=dict)

    def __str__(self) -> str:
        """What the intervals rest on, or why there are none."""
        count, some = self.clusters.count, self.with_errors
        units = f"{count} {self.clusters.unit}{'s' * (count != 1)}, {some} of them with errors"
        needed = f"at least {LEAST_CLUSTERS} with errors are needed"
        if self.clusters.unit == EPISODE:
            # Others than those that can be caught, which begin in the test period.
            units = f"{some} error episode{'s' * (some != 1)} in the test rows, begun there or before"
            needed = f"at least {LEAST_CLUSTERS} are needed"
        if self.clusters.of_devices > count:
            units += f" (the {self.clusters.of_devices} of the devices, simultaneous ones as one)"
        if not self.resamples:
            return f"none: {units}; {needed}"
        return f"95 % by resampling {units}"


def bootstrap(
    labels: Labels,
    scorers: Mapping[str, Scored],
    clusters: Clusters,
    reference: float,
    seed: int,
    resamples: int = RESAMPLES,
    weights: ClassWeights = ONE_EACH,
) -> Intervals:
    """Percentile intervals of the scores of several scorers, all on the same resamples.

    Rows are ranked once for each scorer; a resample only changes how often each row counts.

    :param labels: 0 or 1, shape (n,), both present.
    :param scorers: name -> what it says of each row; the first is compared with the others.
    :param clusters: of the rows.
    :param reference: constant probability that the Brier skill of the first scorer is measured against.
    :param seed: of the draws.
    :param resamples: how often to resample.
    :param weights: how many rows each stands for.
    """
    with_errors = len(np.unique(clusters.codes[labels == 1]))
    if with_errors < LEAST_CLUSTERS:
        return Intervals(clusters, with_errors, 0, {}, {})
    draws = _draw(labels, scorers, clusters, reference, seed, resamples, weights)
    tail = tail_share(with_errors)
    first, *others = draws.scores
    precision = {name: scores[:, SCORES.index("average_precision")] for name, scores in draws.scores.items()}
    f1 = {name: scores[:, SCORES.index("f1")] for name, scores in draws.scores.items()}
    rivals = {name: precision[name] for name in others} | {BASE_RATE: draws.rates}
    f1_rivals = {name: f1[name] for name in others} | {ALWAYS: f1_of_always(draws.rates)}
    intervals = {
        name: {score: percentile_interval(scores[:, at], tail) for at, score in enumerate(SCORES)}
        for name, scores in draws.scores.items()
    }
    intervals[first][SKILL] = percentile_interval(draws.skills, tail)
    intervals[BASE_RATE] = {BASE_RATE: percentile_interval(draws.rates, tail)}
    return Intervals(
        clusters=clusters,
        with_errors=with_errors,
        resamples=resamples,
        scores=intervals,
        gains={name: percentile_interval(precision[first] - of, tail) for name, of in rivals.items()},
        f1_gains={name: percentile_interval(f1[first] - of, tail) for name, of in f1_rivals.items()},
    )


@dataclass(frozen=True)
class _Draws:
    """Scores on every resample.

    :param scores: scorer -> its ``SCORES``, shape (resamples, scores); NaN where a resample lacks a class.
    :param rates: share of errors, shape (resamples,).
    :param skills: Brier skill of the first scorer, shape (resamples,).
    """

    scores: Mapping[str, Floats]
    rates: Floats
    skills: Floats


def _draw(
    labels: Labels,
    scorers: Mapping[str, Scored],
    clusters: Clusters,
    reference: float,
    seed: int,
    resamples: int,
    weights: ClassWeights,
) -> _Draws:
    """Resample whole clusters; parameters as those of ``bootstrap``."""
    rankings = [Ranking(labels, scored.score, clusters.codes, weights) for scored in scorers.values()]
    sums = _cluster_sums(labels, list(scorers.values()), reference, clusters, weights)
    scores = np.full((len(scorers), resamples, len(SCORES)), math.nan)
    rates, skills = np.empty(resamples), np.empty(resamples)
    random = np.random.default_rng(seed)
    for resample in range(resamples):
        drawn = random.integers(0, clusters.count, clusters.count)
        counts = np.bincount(drawn, minlength=clusters.count)
        rows, positives, constant, *rest = counts @ sums
        both = 0.0 < positives < rows
        rates[resample] = positives / rows
        for place, ranking in enumerate(rankings):
            hits, alarms, squares = rest[3 * place : 3 * place + 3]
            if both:
                scores[place, resample, :2] = ranking.scores(counts)
            scores[place, resample, 2:] = (
                2.0 * hits / (alarms + positives) if positives else math.nan,
                _ratio(hits, alarms),
                hits / positives if positives else math.nan,
                squares / rows,
            )
        skills[resample] = 1.0 - rest[2] / constant
    return _Draws(dict(zip(scorers, scores, strict=True)), rates, skills)


def f1_of_always(rate: T) -> T:
    """F1 of calling every row an error, of which this share is one."""
    return 2.0 * rate / (1.0 + rate)


def _cluster_sums(
    labels: Labels, scorers: list[Scored], reference: float, clusters: Clusters, weights: ClassWeights
) -> Floats:
    """What adds up over rows, for each cluster.

    :returns: rows, errors, squared errors of the constant; then of each scorer its hits, alarms and squared
        errors. Shape (clusters, 3 + 3 * scorers).
    """
    columns = [np.ones(len(labels)), labels == 1, (reference - labels) ** 2]
    for scored in scorers:
        columns += [scored.predicted & (labels == 1), scored.predicted, (scored.probability - labels) ** 2]
    counted = weights.of(labels)
    return np.column_stack(
        [
            np.bincount(clusters.codes, weights=counted * column, minlength=clusters.count)
            for column in columns
        ]
    )


def _ratio(part: float, whole: float) -> float:
    """Share, or 0 of nothing, as scikit-learn's ``zero_division=0``."""
    return part / whole if whole else 0.0


def tail_share(clusters: int) -> float:
    """Share of the resamples below the low bound of an interval over so many clusters."""
    wider = math.sqrt(clusters / (clusters - 1)) * float(stats.t.ppf(0.975, clusters - 1))
    return float(stats.norm.cdf(-wider))


def percentile_interval(draws: Floats, tail: float) -> Interval:
    """Interval that leaves out a share of the resamples on either side, and those without a score."""
    low, high = np.quantile(draws[~np.isnan(draws)], (tail, 1.0 - tail))
    return Interval(float(low), float(high))
