"""Average precision and ROC AUC of rows that are ranked once and then counted differently many times."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from training.dataset.stratified_sample import ONE_EACH, ClassWeights


class Ranking:
    """Rows from the highest score to the lowest, each in a cluster that counts a number of times.

    Rows of equal score share one place, as in scikit-learn's ``average_precision_score`` and
    ``roc_auc_score`` with ``sample_weight``: the results are the same. Here a change of weights costs one
    pass over the rows.

    :param labels: 0 or 1, shape (n,), at least one of each.
    :param score: larger means more likely an error, shape (n,); no NaN.
    :param codes: cluster of each row, shape (n,).
    :param weights: how many rows each stands for.
    """

    def __init__(
        self,
        labels: npt.NDArray[np.int8],
        score: npt.NDArray[np.float64],
        codes: npt.NDArray[np.intp],
        weights: ClassWeights = ONE_EACH,
    ) -> None:
        order = np.argsort(-score, kind="stable")
        ordered = score[order]
        new_place = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        first = np.flatnonzero(new_place)
        last = np.append(first[1:], len(order)) - 1
        positives = np.flatnonzero(labels[order] == 1)
        places = (np.cumsum(new_place) - 1)[positives]
        # Only places with an error add to either score; the other rows matter by how many lie before them.
        new_group = np.concatenate([[True], places[1:] != places[:-1]])
        self._codes = codes[order]
        self._weights = None if weights == ONE_EACH else weights.of(labels)[order]
        self._positives = positives
        self._groups = np.flatnonzero(new_group)
        self._first = first[places[new_group]]
        self._last = last[places[new_group]]

    def scores(self, counts: npt.NDArray[np.int64]) -> tuple[float, float]:
        """Average precision and ROC AUC when each row counts as often as its cluster.

        :param counts: of each cluster, shape (clusters,).
        :returns: NaN for both where a class does not count.
        """
        weights = counts[self._codes] if self._weights is None else counts[self._codes] * self._weights
        upto = np.cumsum(weights)
        gained = np.add.reduceat(weights[self._positives], self._groups)
        hits = np.cumsum(gained)
        positives = hits[-1].item()
        negatives = upto[-1].item() - positives
        if not positives or not negatives:
            return math.nan, math.nan
        rows = upto[self._last]
        precision = np.divide(hits, rows, out=np.zeros(len(rows)), where=rows > 0)
        before = upto[self._first] - weights[self._first]
        # Healthy rows above a place, those in it counting half.
        above = ((rows - hits) + (before - (hits - gained))) / 2.0
        average_precision = float(gained @ precision) / positives
        roc_auc = float(gained @ (negatives - above)) / (positives * negatives)
        return average_precision, roc_auc
