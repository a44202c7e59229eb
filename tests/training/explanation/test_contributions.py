"""What each group of features adds to a prediction: against plain Shapley values."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from training.explanation.contributions import RARE, contributions, healthy_row, log_odds
from training.explanation.input_groups import InputColumn, InputGroup

COLUMNS = (InputColumn("a", (0,)), InputColumn("kind", (1, 3), ("x", "y")), InputColumn("b", (2,)))
GROUPS = tuple(InputGroup((column,)) for column in COLUMNS)
ROWS = np.array([[3.0, 1.0, -1.0, 0.0], [0.5, 0.0, 2.0, 1.0]], dtype=np.float32)
REFERENCE = np.array([0.5, 0.0, 1.0, 0.0], dtype=np.float32)


def from_odds(odds):
    return 1.0 / (1.0 + np.exp(-np.asarray(odds, dtype=np.float64)))


def additive(matrix):
    return from_odds(matrix.astype(np.float64) @ [1.0, -2.0, 0.5, 3.0] - 1.0)


def together(matrix):
    a, x, b, y = matrix.astype(np.float64).T
    return from_odds(a * b + x * b - 2.0 * y * a)


def plainly(predict, row):
    """Mean of what a group adds over all orders in which groups are set."""
    found = np.zeros(len(GROUPS))
    for order in itertools.permutations(range(len(GROUPS))):
        given = REFERENCE.copy()
        for group in order:
            before = log_odds(predict(given[None]))[0]
            given[list(GROUPS[group].places)] = row[list(GROUPS[group].places)]
            found[group] += log_odds(predict(given[None]))[0] - before
    return found / math.factorial(len(GROUPS))


def test_parts_of_a_model_that_adds_up_are_exact():
    found = contributions(additive, ROWS, REFERENCE, GROUPS, 1)
    np.testing.assert_allclose(found, [[2.5, -2.0, -1.0], [0.0, 3.0, 0.5]], rtol=1e-6, atol=1e-12)


def test_parts_of_any_model_are_near_plain_shapley_values_and_add_up():
    found = contributions(together, ROWS, REFERENCE, GROUPS, 1)
    whole = log_odds(together(ROWS)) - log_odds(together(REFERENCE[None]))
    np.testing.assert_allclose(found.sum(axis=1), whole, rtol=1e-9)
    np.testing.assert_allclose(found, [plainly(together, row) for row in ROWS], atol=0.5)
    many = np.mean([contributions(together, ROWS, REFERENCE, GROUPS, seed) for seed in range(60)], axis=0)
    np.testing.assert_allclose(many, [plainly(together, row) for row in ROWS], atol=0.07)


def test_a_sure_model_has_log_odds_that_are_numbers():
    sure = contributions(lambda matrix: (matrix[:, 0] > 1.0).astype(np.float64), ROWS, REFERENCE, GROUPS, 1)
    assert sure[0].tolist() == pytest.approx([2.0 * math.log((1.0 - RARE) / RARE), 0.0, 0.0])
    assert not sure[1].any()


def test_a_healthy_row_has_medians_and_the_most_frequent_value():
    rows = np.array([[1, 1, 5, 0], [2, 1, 6, 0], [9, 0, 7, 1]], dtype=np.float32)
    assert healthy_row(rows, COLUMNS).tolist() == [2.0, 1.0, 6.0, 0.0]
    assert healthy_row(rows * [1, 0, 1, 0], COLUMNS)[[1, 3]].tolist() == [0.0, 0.0]


def test_no_rows_have_no_contributions():
    assert contributions(additive, ROWS[:0], REFERENCE, GROUPS, 1).shape == (0, 3)
