"""Mutual information of each feature with the class, from nearest neighbours on the sorted values.

Ross, B. C. (2014): Mutual Information between Discrete and Continuous Data Sets. PLoS ONE 9(2), e87357. It is
what scikit-learn's ``mutual_info_classif`` computes, with three neighbours, to the last bit of each distance;
of classes of fewer than eight rows scikit-learn's distances are less exact. One feature is a line, so the
neighbours of a value are beside it once the values are sorted, and no search tree is needed: a tenth of the
time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import digamma
from sklearn.preprocessing import scale

Vector = npt.NDArray[np.float64]

NEIGHBORS = 3
NOISE = 1e-10
"""Share of a feature's size that is added at random, so that equal values have an order (Kraskov 2004)."""


def mutual_information(rows: Vector, labels: npt.NDArray[np.int8], seed: int) -> Vector:
    """Mutual information of each feature with the class, in nats.

    Unlike in scikit-learn every feature gets the same noise, so the score of a feature does not depend on the
    features beside it, and two equal features have equal scores; and a constant has 0, not the score of its
    noise.

    :param rows: no NaN, shape (n, features); not changed.
    :param labels: class of each row, shape (n,).
    :param seed: of the noise.
    :returns: shape (features,), 0 or more.
    """
    noise = np.random.RandomState(seed).standard_normal(len(rows))
    return np.array([_of_one(column, labels, noise) for column in rows.T])


def _of_one(column: Vector, labels: npt.NDArray[np.int8], noise: Vector) -> float:
    if column.min() == column.max():
        return 0.0
    values = np.asarray(scale(column, with_mean=False), dtype=np.float64)
    values = values + NOISE * max(1.0, float(np.mean(np.abs(values)))) * noise
    radius, neighbors, members = np.empty(len(values)), np.empty(len(values)), np.empty(len(values))
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        # A class of one row has no neighbour and says nothing.
        near = min(NEIGHBORS, len(of_class) - 1)
        members[of_class], neighbors[of_class] = len(of_class), near
        if near:
            order = of_class[np.argsort(values[of_class], kind="stable")]
            radius[order] = np.nextafter(_distance_to_neighbor(values[order], near), 0.0)
    kept = members > 1
    if not kept.any():
        return 0.0
    within = _count_within(values[kept], radius[kept])
    information = (
        digamma(np.sum(kept))
        + np.mean(digamma(neighbors[kept]))
        - np.mean(digamma(members[kept]))
        - np.mean(digamma(within))
    )
    return max(0.0, float(information))


def _distance_to_neighbor(ordered: Vector, near: int) -> Vector:
    """Distance of each value to its ``near``-th nearest other value.

    Those neighbours and the value itself are ``near + 1`` values in a row, and the farther end of such a
    stretch is at least that far away; so the distance is that of the stretch whose farther end is nearest.

    :param ordered: ascending, more than ``near`` of them.
    """
    padded = np.concatenate([np.full(near, -np.inf), ordered, np.full(near, np.inf)])
    best = np.full(len(ordered), np.inf)
    for before in range(near + 1):
        first = padded[near - before : near - before + len(ordered)]
        last = padded[2 * near - before : 2 * near - before + len(ordered)]
        best = np.minimum(best, np.maximum(ordered - first, last - ordered))
    return best


def _count_within(values: Vector, radius: Vector) -> npt.NDArray[np.intp]:
    """Values, itself included, at most the radius away from each value."""
    ordered = np.sort(values)
    low = np.searchsorted(ordered, values - radius, side="left")
    high = np.searchsorted(ordered, values + radius, side="right")
    # value - radius is rounded, and the radius is made to end just before a value; so each edge is moved
    # until the distances themselves say that it is right.
    fenced = np.concatenate([[-np.inf], ordered, [np.inf]])
    while (outside := values - fenced[low + 1] > radius).any():
        low = low + outside
    while (inside := values - fenced[low] <= radius).any():
        low = low - inside
    while (outside := fenced[high] - values > radius).any():
        high = high - outside
    while (inside := fenced[high + 1] - values <= radius).any():
        high = high + inside
    return high - low
