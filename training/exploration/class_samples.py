"""Points of both classes for plots: few enough to draw, and the rare class is never thinned away."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

MAX_POINTS = 2_000
"""Points of one pair of features, or of one feature, at most."""
PAIRS = 4
MAX_PAIR_CORRELATION = 0.7
"""Absolute correlation of two features above which one says too much of the other to draw them together."""


def strongest_pairs(
    matrix: pd.DataFrame,
    label: str,
    pairs: int = PAIRS,
    max_correlation: float = MAX_PAIR_CORRELATION,
) -> list[tuple[str, str]]:
    """Pairs of features that are correlated with the label and not with each other, strongest first.

    A pair is as strong as its weaker feature; of equal pairs the one with the stronger other feature comes
    first, then the one that comes first in the matrix. In a pair the stronger feature comes first.

    :param matrix: correlations as of ``exploration.correlations``.
    :param pairs: how many, at most.
    :param max_correlation: absolute correlation of the two, at most; pairs for which it is unknown are left
        out, because no row has both.
    """
    strength = matrix[label].drop(label).abs().dropna().sort_values(ascending=False, kind="stable")
    among, strengths = [str(name) for name in strength.index], strength.to_numpy()
    mutual = matrix.loc[among, among].abs().to_numpy()
    found = [pair for pair in combinations(range(len(among)), 2) if mutual[pair] <= max_correlation]
    found.sort(key=lambda pair: (-strengths[pair[1]], -strengths[pair[0]]))
    return [(among[stronger], among[weaker]) for stronger, weaker in found[:pairs]]


def thin_by_class(labels: npt.NDArray[np.int8], seed: int = 0) -> npt.NDArray[np.intp]:
    """Positions of a random choice that keeps the rare class whole, as long as it fills less than half.

    :param labels: 0 or 1, shape (n,).
    :returns: ascending; at most ``MAX_POINTS``, all positions if there are no more.
    """
    random = np.random.default_rng(seed)
    classes = [np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)]
    rare, common = sorted(classes, key=len)
    of_rare = min(len(rare), max(MAX_POINTS // 2, MAX_POINTS - len(common)))
    chosen = [
        random.choice(rare, size=of_rare, replace=False),
        random.choice(common, size=min(len(common), MAX_POINTS - of_rare), replace=False),
    ]
    return np.sort(np.concatenate(chosen))


def scatter_points(
    rows: pd.DataFrame, pairs: Sequence[tuple[str, str]], label: str, seed: int = 0
) -> pd.DataFrame:
    """Points of pairs of features, of rows that have both.

    :returns: columns x_feature, y_feature, x, y, class; at most ``MAX_POINTS`` of each pair.
    """
    tables = []
    for x, y in pairs:
        both = rows[[x, y, label]].dropna()
        both = both.iloc[thin_by_class(both[label].to_numpy(), seed=seed)]
        tables.append(
            pd.DataFrame(
                {
                    "x_feature": x,
                    "y_feature": y,
                    "x": both[x].to_numpy(np.float64),
                    "y": both[y].to_numpy(np.float64),
                    "class": both[label].to_numpy(np.int8),
                }
            )
        )
    columns = ["x_feature", "y_feature", "x", "y", "class"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def violin_values(rows: pd.DataFrame, names: Sequence[str], label: str, seed: int = 0) -> pd.DataFrame:
    """Known values of features, by class.

    :returns: columns feature, value, class; at most ``MAX_POINTS`` of each feature.
    """
    tables = []
    for name in names:
        known = rows[[name, label]].dropna()
        known = known.iloc[thin_by_class(known[label].to_numpy(), seed=seed)]
        tables.append(
            pd.DataFrame(
                {
                    "feature": name,
                    "value": known[name].to_numpy(np.float64),
                    "class": known[label].to_numpy(np.int8),
                }
            )
        )
    columns = ["feature", "value", "class"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
