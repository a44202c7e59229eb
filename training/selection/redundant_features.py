"""Redundant features: of those that say the same, the best stays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Ranking = npt.NDArray[np.intp]


_DIGITS = 9
"""Decimals of scores that count: what is behind them is another with another processor."""


def rank_features(votes: npt.NDArray[np.int64], scores: Matrix) -> Ranking:
    """Positions of the features, best first: more votes, then the higher score, then the earlier column.

    :param votes: shape (features,).
    :param scores: mean scaled score, shape (features,).
    """
    return np.asarray(np.lexsort((np.arange(len(votes)), -_counting(scores), -votes)))


def pearson(rows: Matrix) -> Matrix:
    """Pearson correlation of every pair of columns.

    :param rows: no NaN, shape (n, features).
    :returns: shape (features, features), in [-1, 1]; 0 where a column is constant, which says nothing of any
        other.
    """
    centered = rows - rows.mean(axis=0)
    length = np.sqrt(np.square(centered).sum(axis=0))
    # The mean of equal values may miss them by a rounding error, which is no variation.
    varies = rows.max(axis=0) > rows.min(axis=0)
    unit = np.where(varies, centered / np.where(varies, length, 1.0), 0.0)
    return np.asarray(np.clip(unit.T @ unit, -1.0, 1.0))


def redundant_features(
    rows: Matrix,
    names: Sequence[str],
    scores: Matrix,
    max_correlation: float,
) -> dict[str, str]:
    """Features that are dropped because a better one says the same -> the reason.

    Greedy from the best down: features are taken by score, equal ones by column; one stays unless it is
    correlated with a feature that already stays. So no two that stay are correlated above the limit, and
    every dropped one is with a better one that stays. Chains do not merge: where A is correlated with B and B
    with C, but A not with C, then A and C stay if A is the best.

    :param rows: no NaN, shape (n, features).
    :param names: feature names, in column order.
    :param scores: mean scaled score of each feature, shape (features,). Votes say less here: of two features
        that are nearly equal both are among the best of a scorer or neither is, or it is by chance that one
        is.
    :param max_correlation: largest absolute Pearson correlation of two features that both stay; 1 drops none.
    :returns: in the order the features were looked at.
    """
    if max_correlation >= 1.0:
        return {}
    matrix = pearson(rows)
    kept: list[int] = []
    dropped: dict[str, str] = {}
    scores = _counting(scores)
    for position in np.argsort(-scores, kind="stable"):
        closest = max(kept, key=lambda better: abs(matrix[position, better]), default=None)
        if closest is None or abs(matrix[position, closest]) <= max_correlation:
            kept.append(int(position))
            continue
        higher = scores[closest] > scores[position]
        why = "has a higher score" if higher else "has the same score and comes first"
        dropped[names[position]] = f"r = {matrix[position, closest]:.3f} with {names[closest]}, which {why}"
    return dropped


def _counting(scores: Matrix) -> Matrix:
    """The decimals of scores that count."""
    return np.round(scores, _DIGITS)
