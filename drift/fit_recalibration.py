"""Fits the curve between the probabilities of a model and the share of errors of base data.

A module of its own: an endpoint applies curves and does without scikit-learn.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression

from drift.recalibration import Recalibration

Floats = npt.NDArray[np.float64]

_BINS = 10
_FOLDS = 5


def fit_recalibration(probability: Floats, labels: npt.NDArray[np.int8]) -> Recalibration:
    """The curve that brings probabilities closer to the share of errors; the straight one if none does.

    Isotonic regression, judged on consecutive parts of the rows that it was not fitted on: neighbors share
    readings, so rows drawn at random would judge it too well.

    :param probability: that a model gave rows it was not trained on, shape (n,), in order of time.
    :param labels: 0 or 1, shape (n,).
    """
    known = ~np.isnan(probability)
    probability, labels = probability[known], labels[known]
    parts = np.arange(len(labels)) * _FOLDS // max(1, len(labels))
    fitted = np.empty(len(labels))
    for part in range(_FOLDS):
        inside = parts == part
        if not inside.any() or len(np.unique(labels[~inside])) < 2:
            return Recalibration()
        fitted[inside] = _isotonic(probability[~inside], labels[~inside]).apply(probability[inside])
    if calibration_error(fitted, labels) < calibration_error(probability, labels):
        return _isotonic(probability, labels)
    return Recalibration()


def calibration_error(probability: Floats, labels: npt.NDArray[np.int8]) -> float:
    """Mean difference of probability and share of errors over bins of equally many rows, weighted by rows.

    :param probability: shape (n,), n at least 1.
    :param labels: 0 or 1, shape (n,).
    """
    order = np.argsort(probability, kind="stable")
    places = np.array_split(order, min(_BINS, len(order)))
    return float(sum(abs(probability[at].sum() - labels[at].sum()) for at in places) / len(order))


def _isotonic(probability: Floats, labels: npt.NDArray[np.int8]) -> Recalibration:
    curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(probability, labels)
    return Recalibration(tuple(curve.X_thresholds_.tolist()), tuple(curve.y_thresholds_.tolist()))
