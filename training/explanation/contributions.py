"""What made a model call a row as it did: the part that each group of features has in its log-odds.

Shapley values of the model as it is served, against one healthy row: L. Shapley 1953, "A value for n-person
games"; of a model against a baseline M. Sundararajan and A. Najmi 2020, "The many Shapley values for model
explanation", ICML. Features are set from the healthy row to the explained one, one group after the other, and
what that changes is theirs: its mean over many orders, each of which is taken backward as well (R. Mitchell,
J. Cooper, E. Frank and G. Holmes 2022, "Sampling Permutations for Shapley Value Estimation", JMLR 23).

One way for all kinds of models: it asks the exported graph and looks into none. The parts add up to the
difference of log-odds exactly, and for a model that adds up (logistic regression) they are exact themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.explanation.importance import Floats, Predict
from training.explanation.input_groups import InputColumn, InputGroup, Matrix

ORDERS = 16
"""Orders in which groups are set, each forward and backward."""
RARE = 1e-6
"""A probability is taken to lie in [RARE, 1 - RARE]: beyond, its log-odds would be infinite."""


def log_odds(probability: Floats) -> Floats:
    """Natural logarithm of p / (1 - p)."""
    clipped = np.clip(probability, RARE, 1.0 - RARE)
    odds: Floats = np.log(clipped) - np.log1p(-clipped)
    return odds


def healthy_row(rows: Matrix, columns: Sequence[InputColumn]) -> Matrix:
    """The median of each number and the most frequent value of each static column.

    :param rows: model input of healthy rows, shape (n, inputs), at least one.
    :returns: shape (inputs,).
    """
    middle: Matrix = np.median(rows, axis=0).astype(np.float32)
    for column in columns:
        if column.values:
            places = list(column.places)
            # What encodes to all zeros is a value as well.
            shares = np.append(rows[:, places].mean(axis=0), 1.0 - rows[:, places].sum(axis=1).mean())
            middle[places] = np.arange(len(places)) == np.argmax(shares)
    return middle


def contributions(
    predict: Predict, rows: Matrix, reference: Matrix, groups: Sequence[InputGroup], seed: int
) -> Floats:
    """What each group of inputs adds to the log-odds of each row, against those of the reference.

    :param predict: the model.
    :param rows: model input, shape (n, inputs).
    :param reference: shape (inputs,).
    :param seed: of the orders, which are the same for all rows.
    :returns: shape (n, groups); each row adds up to its log-odds less those of the reference.
    """
    random = np.random.default_rng(seed)
    found = np.zeros((len(rows), len(groups)))
    drawn = [random.permutation(len(groups)) for _ in range(ORDERS)]
    orders = [order for each in drawn for order in (each, each[::-1])]
    for number, row in enumerate(rows):
        steps = np.empty((len(orders), len(groups) + 1, len(row)), dtype=np.float32)
        for at, order in enumerate(orders):
            steps[at] = reference
            for place, group in enumerate(order, start=1):
                inputs = list(groups[group].places)
                steps[at][place:, inputs] = row[inputs]
        odds = log_odds(predict(steps.reshape(-1, len(row)))).reshape(len(orders), -1)
        gained = np.diff(odds, axis=1)
        for order, gains in zip(orders, gained, strict=True):
            found[number, order] += gains / len(orders)
    return found
