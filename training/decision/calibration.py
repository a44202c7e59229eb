"""Calibration: probabilities that say how often an error follows.

Models are fitted with both classes weighted the same, so their probabilities are too high where errors are
rare, and boosted trees push theirs towards 0 and 1. A curve fitted on rows the model has not seen undoes
both.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feature_sets.model_package.calibration import Calibration

Floats = npt.NDArray[np.float64]
_STEPS = 100
_SMALLEST_STEP = 1e-10
_RIDGE = 1e-12


def sigmoid(margin: Floats) -> Floats:
    """Probability of log-odds, shape (n,); no overflow."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -margin)), dtype=np.float64)


def calibrated(margin: Floats, calibration: Calibration) -> Floats:
    """Calibrated probability of an error, shape (n,).

    :param margin: log-odds before calibration, shape (n,).
    """
    return sigmoid(calibration.a * margin + calibration.b)


def fit_platt(margin: Floats, labels: npt.NDArray[np.int8]) -> Calibration:
    """Platt scaling: p = 1 / (1 + exp(-(a * margin + b))) with the highest likelihood.

    J. Platt 1999, "Probabilistic outputs for support vector machines and comparisons to regularized
    likelihood methods", in Advances in Large Margin Classifiers: with its targets (N+ + 1) / (N+ + 2) and
    1 / (N- + 2), which keep a and b finite when the classes do not overlap. Minimised by Newton steps with
    halving, after H.-T. Lin, C.-J. Lin and R. Weng 2007, "A note on Platt's probabilistic outputs for support
    vector machines", Machine Learning 68. The margins here are log-odds, so a = 1 and b = 0 change nothing.

    Differs from the paper: a is not below 0, so that calibration never reverses the order of two rows.

    :param margin: log-odds of rows the model was not fitted on, shape (n,), unweighted.
    :param labels: 0 or 1, shape (n,), both present.
    """
    positives = int(np.count_nonzero(labels))
    negatives = len(labels) - positives
    high, low = (positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0)
    target = np.where(labels == 1, high, low)
    # Steps are taken on standardised margins: the scale of a model's margins would slow them down.
    centre, scale = float(margin.mean()), float(margin.std())
    rate = float(target.mean())
    constant = Calibration("platt", 0.0, float(np.log(rate / (1.0 - rate))))
    if scale == 0.0:
        return constant
    slope, intercept = _newton((margin - centre) / scale, target)
    if slope <= 0.0:
        return constant
    return Calibration("platt", slope / scale, intercept - slope * centre / scale)


def _newton(values: Floats, target: Floats) -> tuple[float, float]:
    """Slope and intercept of the logistic curve with the lowest log loss against soft targets."""
    design = np.column_stack([values, np.ones(len(values))])
    rate = float(target.mean())
    weights = np.array([0.0, np.log(rate / (1.0 - rate))])
    loss = _log_loss(design @ weights, target)
    for _ in range(_STEPS):
        probability = sigmoid(design @ weights)
        gradient = design.T @ (probability - target)
        curvature = design.T @ (design * (probability * (1.0 - probability))[:, None])
        step = np.linalg.solve(curvature + _RIDGE * len(values) * np.eye(2), gradient)
        size = 1.0
        while size > _SMALLEST_STEP:
            nearer = _log_loss(design @ (weights - size * step), target)
            if nearer < loss:
                break
            size /= 2.0
        else:
            break
        gain, loss, weights = loss - nearer, nearer, weights - size * step
        if gain <= _SMALLEST_STEP * loss:
            break
    return float(weights[0]), float(weights[1])


def _log_loss(margin: Floats, target: Floats) -> float:
    return float(np.sum(np.logaddexp(0.0, margin) - target * margin))
