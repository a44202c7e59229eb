"""Mutual information on sorted values, held against scikit-learn's search trees."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_classif

from training.selection.mutual_information import mutual_information


@pytest.fixture
def labels():
    return (np.random.default_rng(3).random(700) < 0.1).astype(np.int8)


def columns(labels):
    random = np.random.default_rng(4)
    normal = random.normal(size=(len(labels), 8))
    normal[:, 0] += 2.0 * labels
    normal[:, 1] = np.round(normal[:, 1])  # many equal values
    normal[:, 2] = labels
    normal[:, 3] = 1e9 + normal[:, 3]
    normal[:, 4] *= 1e-9
    normal[:, 5] = np.where(random.random(len(labels)) < 0.9, 0.0, normal[:, 6])
    return normal


def of_scikit_learn(rows, labels, seed):
    return [mutual_info_classif(rows[:, [n]], labels, random_state=seed)[0] for n in range(rows.shape[1])]


@pytest.mark.parametrize("seed", [0, 5])
def test_scores_are_those_of_scikit_learn(labels, seed):
    rows = columns(labels)
    scores = mutual_information(rows, labels, seed)
    assert scores.tolist() == of_scikit_learn(rows, labels, seed)
    assert scores[2] > scores[0] > 0.1


@pytest.mark.parametrize("errors", [1, 2, 3, 4])
def test_a_class_of_few_rows_is_scored_as_in_scikit_learn(labels, errors):
    few = np.zeros_like(labels)
    few[:errors] = 1
    rows = np.delete(columns(labels), 3, axis=1)  # of such numbers scikit-learn's distances are not exact
    assert mutual_information(rows, few, 1) == pytest.approx(of_scikit_learn(rows, few, 1), abs=1e-12)


def test_a_constant_says_nothing(labels):
    rows = np.column_stack([columns(labels), np.full(len(labels), 7.0)])
    assert mutual_information(rows, labels, 2)[-1] == 0.0


def test_two_rows_of_different_classes_say_nothing():
    assert mutual_information(np.array([[1.0], [2.0]]), np.array([0, 1], dtype=np.int8), 0).tolist() == [0.0]


def test_the_score_of_a_feature_does_not_depend_on_those_beside_it(labels):
    rows = columns(labels)
    alone = [mutual_information(rows[:, [n]], labels, 2)[0] for n in range(rows.shape[1])]
    assert mutual_information(rows, labels, 2).tolist() == alone
    twins = mutual_information(rows[:, [1, 1]], labels, 2)
    assert twins[0] == twins[1]


def test_the_rows_are_not_changed(labels):
    rows = columns(labels)
    before = rows.copy()
    mutual_information(rows, labels, 0)
    assert (rows == before).all()
