"""Calibration: probabilities that say how often an error follows.

Models are fitted with both classes weighted the same, so their probabilities are too high where errors are
rare, and boosted trees push theirs towards 0 and 1. A curve fitted on rows the model has not seen undoes
both.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from feature_sets.model_package.calibration import Calibration

Floats = npt.NDArray[np.float64]
_TRIMS = (0.0, 0.05, 0.1, 0.2, 0.3)
"""Shares of the margins at each end that are drawn in to where the rest ends, until the curve rises."""
_TOLERANCE = 1e-12
"""Largest slope of the mean log loss, where the fit ends."""


def calibrated(margin: Floats, calibration: Calibration) -> Floats:
    """Calibrated probability of an error, shape (n,).

    :param margin: log-odds before calibration, shape (n,).
    """
    return np.asarray(expit(calibration.a * margin + calibration.b), dtype=np.float64)


def fit_platt(margin: Floats, labels: npt.NDArray[np.int8], weights: Floats | None = None) -> Calibration:
    """Platt scaling: p = 1 / (1 + exp(-(a * margin + b))) with the highest likelihood.

    J. Platt 1999, "Probabilistic outputs for support vector machines and comparisons to regularized
    likelihood methods", in Advances in Large Margin Classifiers: with its targets (N+ + 1) / (N+ + 2) and
    1 / (N- + 2), which keep a and b finite when the classes do not overlap. The margins here are log-odds,
    so a = 1 and b = 0 change nothing.

    Differs from the paper: a is not below 0, so that calibration never reverses the order of two rows. Where
    a few errors with very low margins alone would make it so, margins at both ends are drawn in: a model
    that misses those may still rank the others well. It is 0 where the middle of them
    ranks no error higher, either.

    :param margin: log-odds of rows the model was not fitted on, shape (n,).
    :param labels: 0 or 1, shape (n,), both present.
    :param weights: how many rows each stands for, shape (n,); None for one each.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    positives = float(weights[labels == 1].sum())
    negatives = float(weights[labels != 1].sum())
    target = np.where(labels == 1, (positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0))
    constant = Calibration("platt", 0.0, float(logit(np.average(target, weights=weights))))
    center, scale = float(margin.mean()), float(margin.std())
    if scale == 0.0:
        return constant
    values = (margin - center) / scale
    for share in _TRIMS:
        low, high = np.quantile(values, [share, 1.0 - share])
        if low == high:
            break
        slope, intercept = _curve(np.clip(values, low, high), target, weights)
        if slope > 0.0:
            return Calibration("platt", slope / scale, intercept - slope * center / scale)
    return constant


def _curve(values: Floats, target: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and intercept with the highest likelihood.

    :param values: standardized margins: the scale of a model's margins would slow the solver down.
    """
    # scikit-learn takes labels of 0 and 1 only: a row counts once for each, with its target as the weight.
    curve = LogisticRegression(penalty=None, solver="newton-cholesky", tol=_TOLERANCE, max_iter=200)
    curve.fit(
        np.concatenate([values, values])[:, None],
        np.repeat([1, 0], len(values)),
        sample_weight=np.concatenate([weights * target, weights * (1.0 - target)]),
    )
    return float(curve.coef_[0, 0]), float(curve.intercept_[0])
