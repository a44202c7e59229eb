"""How much a model needs each feature: what its ranking loses where the values are shuffled.

Permutation importance: L. Breiman 2001, "Random Forests", Machine Learning 45, for any model as in A. Fisher,
C. Rudin and F. Dominici 2019, "All Models are Wrong, but Many are Useful", Journal of Machine Learning
Research 20. It is told of the model as it is served, on rows that it has not learned from.

Of features that say the same, each can be missed while the others are there. So those that move together are
shuffled together as well, all with the same order, see ``input_groups``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.dataset.stratified_sample import ClassWeights
from training.evaluation.bootstrap import percentile_interval, tail_share
from training.evaluation.clusters import LEAST_CLUSTERS, Clusters
from training.evaluation.ranking import Ranking
from training.explanation.input_groups import InputGroup, Matrix

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]
Predict = Callable[[Matrix], Floats]
"""Model input -> probability of an error, shape (n,)."""

REPEATS = 3
"""Orders in which the values of a feature are shuffled."""
RESAMPLES = 200
COLUMNS = ["group", "feature", "importance", "low", "high", "group_importance", "group_low", "group_high"]


def permutation_importance(
    predict: Predict,
    rows: Matrix,
    labels: Labels,
    weights: ClassWeights,
    clusters: Clusters,
    groups: Sequence[InputGroup],
    seed: int,
) -> pd.DataFrame:
    """What the average precision loses where a feature, or a group of them, is shuffled between rows.

    The spread is that of the intervals of the evaluation: 95 % by resampling devices, groups or episodes,
    the same resamples for all features. With too few of those it is that of the shuffles alone.

    :param predict: the model.
    :param rows: model input of rows that it has not learned from, missing values replaced, shape (n, inputs).
    :param labels: 0 or 1, shape (n,), both present.
    :param weights: how many rows each stands for.
    :param clusters: of the rows; those that no row is in do not count.
    :param groups: of the inputs.
    :param seed: of shuffles and resamples.
    :returns: ``COLUMNS``, a row a feature, those of the most important group first.
    """
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(rows)) for _ in range(REPEATS)]
    loss = _Loss(labels, weights, clusters, predict(rows), random)

    def lost(places: Sequence[int]) -> tuple[float, float, float]:
        inputs, scores = list(places), []
        for order in orders:
            shuffled = rows.copy()
            shuffled[:, inputs] = rows[order][:, inputs]
            scores.append(predict(shuffled))
        return loss.of(scores)

    table = []
    for group in groups:
        together = lost(group.places)
        for column in group.columns:
            alone = together if len(group.columns) == 1 else lost(column.places)
            table.append((group.name, column.name, *alone, *together))
    found = pd.DataFrame(table, columns=COLUMNS)
    return found.sort_values(
        ["group_importance", "group", "importance"],
        ascending=[False, True, False],
        kind="stable",
        ignore_index=True,
    )


class _Loss:
    """The average precision that a model loses, with its spread.

    :param scores: of the rows as they are.
    :param random: of the resamples.
    """

    def __init__(
        self,
        labels: Labels,
        weights: ClassWeights,
        clusters: Clusters,
        scores: Floats,
        random: np.random.Generator,
    ) -> None:
        _, within = np.unique(clusters.codes, return_inverse=True)
        self._rows = labels, within.astype(np.intp), weights
        count, with_errors = int(within.max()) + 1, len(np.unique(within[labels == 1]))
        self._counts = [np.ones(count, dtype=np.int64)]
        if with_errors >= LEAST_CLUSTERS:
            self._counts += list(random.multinomial(count, np.full(count, 1.0 / count), RESAMPLES))
        self._tail = tail_share(with_errors) if with_errors > 1 else 0.0
        self._before = self._scores(scores)

    def _scores(self, scores: Floats) -> Floats:
        """Average precision of all rows, then of each resample."""
        labels, codes, weights = self._rows
        ranking = Ranking(labels, scores, codes, weights)
        return np.array([ranking.scores(counts)[0] for counts in self._counts])

    def of(self, scores: Sequence[Floats]) -> tuple[float, float, float]:
        """Mean loss with its bounds, of the scores after each shuffle."""
        losses = self._before - np.array([self._scores(each) for each in scores])
        mean = float(losses[:, 0].mean())
        if len(self._counts) == 1:
            return mean, float(losses[:, 0].min()), float(losses[:, 0].max())
        interval = percentile_interval(losses[:, 1:].mean(axis=0), self._tail)
        return mean, interval.low, interval.high
