"""The six scorers: each scores every feature it is shown, a higher score means a better feature.

Three look at one feature at a time (ANOVA F, mutual information, chi2), so what they say of a feature does
not depend on the others. Three are models that see all features together (linear SVC, logistic regression,
extra trees), so features that say the same share what the models give them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import chi2, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from training.selection.linear_svc import linear_svc
from training.selection.mutual_information import mutual_information

Matrix = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]
Scorer = Callable[[Matrix, Labels, int], Matrix]
"""Rows (n, features) without NaN, labels (n,) and a seed -> one score a feature; NaN where it has none."""


def _f_classif(rows: Matrix, labels: Labels, seed: int) -> Matrix:
    # A feature that is constant once it is imputed has no variance to compare; scikit-learn warns of it.
    varies = rows.max(axis=0) > rows.min(axis=0)
    score = np.zeros(rows.shape[1])
    if varies.any():
        score[varies] = f_classif(rows[:, varies], labels)[0]
    return score


def _chi2(rows: Matrix, labels: Labels, seed: int) -> Matrix:
    # chi2 wants amounts of zero or more; clipped, because scaling 1.0 may give 1.0000000000000002.
    return np.asarray(chi2(MinMaxScaler(clip=True).fit_transform(rows), labels)[0])


def _linear_svc(rows: Matrix, labels: Labels, seed: int) -> Matrix:
    return np.asarray(np.abs(linear_svc(StandardScaler().fit_transform(rows), labels, c=0.01)))


def _logistic_regression(rows: Matrix, labels: Labels, seed: int) -> Matrix:
    model = LogisticRegression(C=0.01, class_weight="balanced", solver="newton-cholesky", max_iter=200)
    return np.asarray(np.abs(model.fit(StandardScaler().fit_transform(rows), labels).coef_[0]))


def _extra_trees(rows: Matrix, labels: Labels, seed: int) -> Matrix:
    model = ExtraTreesClassifier(
        n_estimators=60, min_samples_leaf=5, class_weight="balanced", n_jobs=-1, random_state=seed
    )
    return np.asarray(model.fit(rows, labels).feature_importances_)


SINGLE_FEATURE_SCORERS: Mapping[str, Scorer] = {
    "f_classif": _f_classif,
    "mutual_information": mutual_information,
    "chi2": _chi2,
}
MODEL_SCORERS: Mapping[str, Scorer] = {
    "linear_svc": _linear_svc,
    "logistic_regression": _logistic_regression,
    "extra_trees": _extra_trees,
}
SCORERS: Mapping[str, Scorer] = {**SINGLE_FEATURE_SCORERS, **MODEL_SCORERS}
