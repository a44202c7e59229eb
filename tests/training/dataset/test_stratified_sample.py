"""The stratified sample keeps the proportions of all rows."""

from __future__ import annotations

import numpy as np
import pytest

from training.dataset.stratified_sample import ONE_EACH, sample_healthy_rows, sample_rows, sample_size


def labels_of(size, errors):
    labels = np.zeros(size, dtype=np.int8)
    labels[:errors] = 1
    return np.random.default_rng(1).permutation(labels)


def test_a_sample_keeps_the_class_shares_and_the_order():
    labels = labels_of(10_000, 800)
    kept = sample_rows(labels, 500, seed=0)
    assert len(kept) == 500 and labels[kept].sum() == 40
    assert (np.diff(kept) > 0).all()


def test_every_row_of_a_class_is_as_likely_whenever_it_happened():
    labels = labels_of(1000, 100)
    chosen = np.zeros(1000)
    for seed in range(400):
        chosen[sample_rows(labels, 200, seed)] += 1
    # 400 draws with p = 0.2: mean 80, standard deviation 8.
    assert chosen.min() > 40 and chosen.max() < 120
    assert abs(chosen[:500].mean() - chosen[500:].mean()) < 2


@pytest.mark.parametrize(("errors", "kept"), [(1, 1), (9_999, 99), (0, 0), (10_000, 100)])
def test_a_rare_class_is_never_lost(errors, kept):
    labels = labels_of(10_000, errors)
    sample = sample_rows(labels, 100, seed=0)
    assert len(sample) == 100 and labels[sample].sum() == kept


def test_the_seed_decides():
    labels = labels_of(1000, 100)
    assert (sample_rows(labels, 50, seed=3) == sample_rows(labels, 50, seed=3)).all()
    assert (sample_rows(labels, 50, seed=3) != sample_rows(labels, 50, seed=4)).any()


def test_few_rows_are_all_used():
    assert sample_rows(np.array([0, 1, 0], dtype=np.int8), 3, seed=0).tolist() == [0, 1, 2]


def test_a_size_is_a_share_within_bounds():
    assert sample_size(1000, 0.25, 10_000) == 250
    assert sample_size(1000, 0.25, 100) == 100
    assert sample_size(10, 0.01, 100) == 2


@pytest.mark.parametrize(
    ("errors", "kept"), [(298, 298), (1, 1), (2_500, 2_500), (4_000, 2_500), (9_000, 4_000)]
)
def test_errors_are_not_sampled_away_as_long_as_they_leave_half_of_the_rows(errors, kept):
    labels = labels_of(10_000, errors)
    chosen, weights = sample_healthy_rows(labels, 5_000, seed=0)
    assert len(chosen) == 5_000 and labels[chosen].sum() == kept
    assert (np.diff(chosen) > 0).all()
    # What is counted on the sample is what there is.
    counted = weights.of(labels[chosen])
    assert counted.sum() == pytest.approx(10_000) and counted[labels[chosen] == 1].sum() == pytest.approx(
        errors
    )


def test_all_rows_are_used_and_count_once_where_they_fit():
    chosen, weights = sample_healthy_rows(labels_of(100, 5), 100, seed=0)
    assert len(chosen) == 100 and weights == ONE_EACH


def test_without_a_class_the_other_fills_the_sample():
    for errors in (0, 1000):
        chosen, weights = sample_healthy_rows(labels_of(1000, errors), 100, seed=0)
        assert len(chosen) == 100
        assert weights.of(labels_of(1000, errors)[chosen]).sum() == pytest.approx(1000)
