"""A linear support vector classifier whose cost grows with the rows and no faster.

S. Keerthi and D. DeCoste 2005, "A Modified Finite Newton Method for Fast Solution of Large Scale Linear
SVMs", Journal of Machine Learning Research 6, 341-361. The squared hinge loss is piecewise quadratic, so a
few Newton steps, each a system of equations as large as there are features, end at the minimum. It is that
of scikit-learn's ``LinearSVC(dual=False)``, whose solver needs thousands of passes where features are
correlated. Differs from the paper: the step is halved until the loss falls, instead of searched for exactly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

STEPS = 100
TOLERANCE = 1e-8
"""The steps end where none of the coefficients moves by more than this share of the largest."""


def linear_svc(rows: Matrix, labels: npt.NDArray[np.int8], c: float) -> Matrix:
    """Coefficients with both classes weighted the same, shape (features,).

    They minimize half the sum of squares of coefficients and intercept, plus c times the weighted hinge loss.

    :param rows: scaled features, shape (n, features).
    :param labels: 0 or 1, shape (n,), both present.
    :param c: how much a row on the wrong side costs, above 0.
    """
    values = np.column_stack([rows, np.ones(len(rows))])
    sign = np.where(labels == 1, 1.0, -1.0)
    counts = np.where(labels == 1, (labels == 1).sum(), (labels != 1).sum())
    cost = c * len(labels) / (2.0 * counts)
    weights = np.zeros(values.shape[1])
    short = np.ones(len(labels))  # by how much a row misses its margin
    for _ in range(STEPS):
        wrong = short > 0.0
        active, paid = values[wrong], cost[wrong]
        gradient = weights - 2.0 * active.T @ (paid * sign[wrong] * short[wrong])
        hessian = np.eye(len(weights)) + 2.0 * active.T @ (paid[:, None] * active)
        step = np.linalg.solve(hessian, -gradient)
        before, slope, length = _loss(weights, short, cost), float(gradient @ step), 1.0
        while True:
            moved = weights + length * step
            short = 1.0 - sign * (values @ moved)
            if _loss(moved, short, cost) <= before + 1e-4 * length * slope or length < 1e-6:
                break
            length /= 2.0
        weights = moved
        if np.abs(length * step).max() <= TOLERANCE * max(1e-12, np.abs(weights).max()):
            break
    return np.asarray(weights[:-1], dtype=np.float64)


def _loss(weights: Matrix, short: Matrix, cost: Matrix) -> float:
    return float(weights @ weights / 2.0 + cost @ np.maximum(short, 0.0) ** 2)
