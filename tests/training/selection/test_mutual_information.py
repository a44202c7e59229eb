"""Mutual information, held against a plain count of neighbors and against figures of an earlier version."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_classif
from sklearn.preprocessing import scale

from training.selection import mutual_information as module
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


def by_counting(column, labels, seed):
    """Ross's estimator from the distances of all pairs of rows."""
    values = scale(column, with_mean=False)
    values += 1e-10 * max(1.0, np.mean(np.abs(values))) * np.random.RandomState(seed).normal(size=len(values))
    size = np.bincount(labels)[labels]
    # A class of one row has no neighbor and says nothing.
    values, labels, size = values[size > 1], labels[size > 1], size[size > 1]
    distance = np.abs(values[:, None] - values[None, :])
    near = np.minimum(3, size - 1)
    of_class = np.sort(np.where(labels[:, None] == labels, distance, np.inf), axis=1)
    radius = np.nextafter(of_class[np.arange(len(values)), near], 0.0)
    within = (distance <= radius[:, None]).sum(axis=1)
    score = digamma(len(values)) + np.mean(digamma(near)) - np.mean(digamma(size)) - np.mean(digamma(within))
    return max(0.0, score)


def of_scikit_learn(rows, labels, seed):
    return [mutual_info_classif(rows[:, [n]], labels, random_state=seed)[0] for n in range(rows.shape[1])]


@pytest.mark.parametrize("seed", [0, 5])
def test_scores_are_those_of_scikit_learn_asked_for_one_column_at_a_time(labels, seed):
    rows = columns(labels)
    scores = mutual_information(rows, labels, seed)
    assert scores.tolist() == of_scikit_learn(rows, labels, seed)
    assert scores[2] > scores[0] > 0.1


@pytest.mark.parametrize("seed", [0, 5])
def test_scores_are_those_of_counted_neighbors(labels, seed):
    rows = columns(labels)
    assert mutual_information(rows, labels, seed).tolist() == [
        by_counting(column, labels, seed) for column in rows.T
    ]


def test_scores_are_to_the_bit_those_of_the_version_without_scikit_learn(labels):
    figures = {
        0: "0x1.8e52a1b373a70p-3 0x1.0a389b065ad80p-7 0x1.5400211e57144p-2 0x1.ce00e6ef6b500p-7 "
        "0x1.1570995701e00p-8 0x0.0p+0 0x0.0p+0 0x1.12fa90839ac00p-9",
        5: "0x1.8e52a1b373a70p-3 0x0.0p+0 0x1.5400211e57144p-2 0x1.7d593b8278e80p-7 "
        "0x1.1570995701e00p-8 0x0.0p+0 0x0.0p+0 0x1.12fa90839ac00p-9",
    }
    for seed, figure in figures.items():
        scores = mutual_information(columns(labels), labels, seed)
        assert [score.hex() for score in scores.tolist()] == figure.split()


@pytest.mark.parametrize("errors", [1, 2, 3, 4])
def test_a_class_of_few_rows_counts_as_far_as_it_goes(labels, errors):
    few = np.zeros_like(labels)
    few[:errors] = 1
    rows = np.delete(columns(labels), 3, axis=1)  # of such numbers scikit-learn's distances are not exact
    expected = [by_counting(column, few, 1) for column in rows.T]
    assert mutual_information(rows, few, 1) == pytest.approx(expected, abs=1e-12)


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


def test_of_many_rows_all_errors_and_a_sample_are_looked_at(monkeypatch):
    random = np.random.default_rng(0)
    labels = (np.arange(6000) % 100 == 0).astype(np.int8)
    rows = np.column_stack([random.normal(size=6000), random.normal(size=6000) + 2.0 * labels])
    whole = mutual_information(rows, labels, 0)
    monkeypatch.setattr(module, "MOST_ROWS", 600)
    seen = []
    score = module.mutual_info_classif
    monkeypatch.setattr(
        module,
        "mutual_info_classif",
        lambda rows, labels, **kw: seen.append(labels) or score(rows, labels, **kw),
    )
    part = mutual_information(rows, labels, 0)
    assert [(len(one), one.sum()) for one in seen] == [(600, 60)] * 2
    assert part[1] > 3 * part[0] and whole[1] > 3 * whole[0]
