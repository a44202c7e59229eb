"""Of features that say the same, the best stays."""

from __future__ import annotations

import numpy as np
import pytest

from training.selection.redundant_features import pearson, rank_features, redundant_features


@pytest.fixture
def rows():
    random = np.random.default_rng(2)
    base = random.normal(size=500)
    other = random.normal(size=500)
    # a, nearly a, minus a, something else, a constant
    return np.column_stack(
        [base, base + 0.05 * random.normal(size=500), -3.0 * base + 10.0, other, np.full(500, 0.1)]
    )


NAMES = ["a", "nearly_a", "minus_a", "other", "still"]


def collapse(rows, scores, limit=0.95):
    return redundant_features(rows, NAMES, np.array(scores, dtype=float), limit)


def test_the_feature_with_the_highest_score_stays(rows):
    assert collapse(rows, [0.1, 0.2, 0.9, 0, 0]) == {
        "nearly_a": "r = -0.999 with minus_a, which has a higher score",
        "a": "r = -1.000 with minus_a, which has a higher score",
    }


def test_of_equal_scores_the_first_column_stays(rows):
    dropped = collapse(rows, [0] * 5)
    assert list(dropped) == ["nearly_a", "minus_a"]
    assert dropped["minus_a"] == "r = -1.000 with a, which has the same score and comes first"


def test_a_dropped_feature_takes_no_other_with_it():
    # a and b share half of what they measure, b and c the other half; a and c nothing.
    random = np.random.default_rng(0)
    left, right = random.normal(size=(2, 2000))
    rows = np.column_stack([left, left + right, right])
    assert redundant_features(rows, ["a", "b", "c"], np.array([3.0, 2.0, 1.0]), 0.6).keys() == {"b"}
    assert redundant_features(rows, ["a", "b", "c"], np.array([2.0, 3.0, 1.0]), 0.6).keys() == {
        "a",
        "c",
    }


def test_no_two_features_that_stay_are_correlated_above_the_limit_and_every_dropped_one_is():
    random = np.random.default_rng(7)
    rows = random.normal(size=(300, 4)) @ random.normal(size=(4, 30)) + 0.3 * random.normal(size=(300, 30))
    names = [f"f{n}" for n in range(30)]
    dropped = redundant_features(rows, names, random.random(30), 0.8)
    matrix = np.abs(np.corrcoef(rows.T))
    kept = [n for n, name in enumerate(names) if name not in dropped]
    assert 1 < len(kept) < 30
    assert (matrix[np.ix_(kept, kept)] - np.eye(len(kept)) <= 0.8).all()
    assert all(matrix[names.index(name), kept].max() > 0.8 for name in dropped)


def test_one_as_the_limit_keeps_equal_features(rows):
    assert collapse(rows[:, [0, 0, 0, 3, 4]], [0] * 5, limit=1.0) == {}


def test_correlations_are_those_of_numpy_and_a_constant_is_correlated_with_nothing(rows):
    matrix = pearson(rows)
    assert matrix[:4, :4] == pytest.approx(np.corrcoef(rows[:, :4].T), abs=1e-12)
    assert (matrix[4] == 0).all() and (matrix[:, 4] == 0).all()
    assert np.abs(matrix).max() <= 1.0


def test_features_rank_by_votes_then_score_then_column():
    order = rank_features(np.array([1, 2, 2, 2]), np.array([9.0, 0.5, 0.7, 0.5]))
    assert order.tolist() == [2, 1, 3, 0]
    # Scores that are equal but for the last digit, as of another processor.
    assert rank_features(np.array([2, 2]), np.array([0.3, 0.1 + 0.2])).tolist() == [0, 1]
    twins = np.column_stack([np.arange(3.0)] * 2)
    assert list(redundant_features(twins, ["x", "y"], np.array([0.3, 0.1 + 0.2]), 0.9)) == ["y"]
