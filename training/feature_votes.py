"""Votes for features: six selectors score every feature, and each votes for its k best.

Three look at one feature at a time (ANOVA F, mutual information, chi2), three are models that see all of
them together (linear SVC, logistic regression, extra trees).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import chi2, f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC

from training.handler_arguments import ArgumentError

Matrix = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]
Scorer = Callable[[Matrix, Labels, int], Matrix]

FEATURE = "feature"
VOTES = "votes"


def _f_classif(rows: Matrix, labels: Labels, seed: int) -> Matrix:
    return np.asarray(f_classif(rows, labels)[0])


def _mutual_information(rows: Matrix, labels: Labels, seed: int) -> Matrix:
    # In this process: worker processes take longer to start than the scoring, and may outlive a Ctrl-C.
    return np.asarray(mutual_info_classif(rows, labels, random_state=seed))


def _chi2(rows: Matrix, labels: Labels, seed: int) -> Matrix:
    # chi2 wants amounts of zero or more; clipped, because scaling 1.0 may give 1.0000000000000002.
    return np.asarray(chi2(MinMaxScaler(clip=True).fit_transform(rows), labels)[0])


def _linear_svc(rows: Matrix, labels: Labels, seed: int) -> Matrix:
    model = LinearSVC(C=0.01, class_weight="balanced", dual=False, max_iter=5000, random_state=seed)
    return np.asarray(np.abs(model.fit(StandardScaler().fit_transform(rows), labels).coef_[0]))


def _logistic_regression(rows: Matrix, labels: Labels, seed: int) -> Matrix:
    model = LogisticRegression(C=0.01, class_weight="balanced", solver="newton-cholesky", max_iter=200)
    return np.asarray(np.abs(model.fit(StandardScaler().fit_transform(rows), labels).coef_[0]))


def _extra_trees(rows: Matrix, labels: Labels, seed: int) -> Matrix:
    model = ExtraTreesClassifier(
        n_estimators=60, min_samples_leaf=5, class_weight="balanced", n_jobs=-1, random_state=seed
    )
    return np.asarray(model.fit(rows, labels).feature_importances_)


SELECTORS: Mapping[str, Scorer] = {
    "f_classif": _f_classif,
    "mutual_information": _mutual_information,
    "chi2": _chi2,
    "linear_svc": _linear_svc,
    "logistic_regression": _logistic_regression,
    "extra_trees": _extra_trees,
}


@dataclass(frozen=True)
class Election:
    """Result of a vote.

    :param table: one row a feature: its name, each selector's score, each score scaled to [0, 1]
        (``{selector}_scaled``), and ``votes``; most votes first.
    :param selected: features with enough votes, in the order they came in.
    :param needed_votes: votes a feature needed.
    """

    table: pd.DataFrame
    selected: tuple[str, ...]
    needed_votes: int


def votes_needed(min_votes: float, selectors: int) -> int:
    """Votes a feature needs, from a count (1 or more) or a share of the selectors (below 1).

    :raises ArgumentError: if it is not positive, not whole, or more than there are selectors.
    """
    rule = f"must be a share of the selectors in (0, 1) or a whole number from 1 to {selectors}"
    if isinstance(min_votes, bool) or not isinstance(min_votes, int | float) or not min_votes > 0:
        raise ArgumentError("min_votes", rule, min_votes)
    if min_votes < 1:
        return math.ceil(min_votes * selectors)
    if min_votes != int(min_votes) or min_votes > selectors:
        raise ArgumentError("min_votes", rule, min_votes)
    return int(min_votes)


def elect_features(
    rows: Matrix, labels: Labels, names: Sequence[str], k: int, min_votes: float, seed: int
) -> Election:
    """Let every selector vote for its k best features and keep those with enough votes.

    :param rows: training part only, no NaN, no constant column, shape (n, features).
    :param labels: 0 or 1, shape (n,), both present.
    :param names: feature names, in column order.
    :param k: votes of each selector, at least 1.
    :param min_votes: see ``votes_needed``.
    :param seed: of the selectors.
    :raises ArgumentError: if no feature gets enough votes.
    """
    needed = votes_needed(min_votes, len(SELECTORS))
    scores: dict[str, Matrix] = {}
    votes = np.zeros(len(names), dtype=np.int64)
    for selector, scorer in SELECTORS.items():
        # A feature that is constant once it is imputed scores nothing.
        score = np.nan_to_num(scorer(rows, labels, seed), nan=0.0)
        scores[selector] = score
        # Best first; equal scores go by column order, so that a vote does not depend on the sort.
        votes[np.argsort(-score, kind="stable")[:k]] += 1
    scaled = {f"{selector}_scaled": _scaled(score) for selector, score in scores.items()}
    table = pd.DataFrame({FEATURE: list(names), **scores, **scaled, VOTES: votes})
    selected = tuple(name for name, count in zip(names, votes, strict=True) if count >= needed)
    if not selected:
        raise ArgumentError(
            "min_votes",
            f"no feature has {needed} votes; the most is {int(votes.max())}; raise k or lower it",
            min_votes,
        )
    return Election(
        table=table.sort_values([VOTES, FEATURE], ascending=[False, True], ignore_index=True),
        selected=selected,
        needed_votes=needed,
    )


def _scaled(score: Matrix) -> Matrix:
    low, high = float(score.min()), float(score.max())
    return (score - low) / (high - low) if high > low else np.zeros_like(score)
