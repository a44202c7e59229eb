"""Mutual information of each feature with the class, from nearest neighbors.

Ross, B. C. (2014): Mutual Information between Discrete and Continuous Data Sets. PLoS ONE 9(2), e87357, with
three neighbors.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.feature_selection import mutual_info_classif

from training.dataset.stratified_sample import sample_healthy_rows

MOST_ROWS = 20_000


def mutual_information(
    rows: npt.NDArray[np.float64], labels: npt.NDArray[np.int8], seed: int
) -> npt.NDArray[np.float64]:
    """Mutual information of each feature with the class, in nats.

    scikit-learn is asked for one feature at a time, with the same seed, so every feature gets the same noise.
    Its score does not depend on the features beside it, and two equal features have equal scores.

    Neighbors of more than ``MOST_ROWS`` rows would take most of the time of a selection. Of more, all errors
    and a sample of the healthy rows are looked at.

    :param rows: no NaN, shape (n, features); not changed.
    :param labels: class of each row, shape (n,).
    :param seed: of the noise that gives equal values an order.
    :returns: shape (features,), 0 or more; 0 for a constant, where scikit-learn would score the noise.
    """
    if len(labels) > MOST_ROWS:
        chosen, _ = sample_healthy_rows(labels, MOST_ROWS, seed)
        rows, labels = rows[chosen], labels[chosen]
    scores = np.zeros(rows.shape[1])
    if np.unique(labels, return_counts=True)[1].max() < 2:
        return scores  # no row has a neighbor of its class
    for feature in np.flatnonzero(rows.max(axis=0) > rows.min(axis=0)):
        scores[feature] = mutual_info_classif(rows[:, [feature]], labels, random_state=seed)[0]
    return scores
