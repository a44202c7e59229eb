"""The linear SVC finds what scikit-learn's does, in a time that grows with the rows."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from training.selection.linear_svc import linear_svc


def rows_of(seed, rows=800, features=12, errors=0.1, alike=0.0):
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, features))
    values += alike * values[:, :1]
    labels = (values[:, 0] + random.normal(size=rows) > np.quantile(values[:, 0], 1.0 - errors)).astype(
        np.int8
    )
    return StandardScaler().fit_transform(values), labels


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("errors", "alike", "c"), [(0.1, 0.0, 0.01), (0.5, 3.0, 0.01), (0.01, 3.0, 1.0)])
def test_the_coefficients_are_those_of_scikit_learn(seed, errors, alike, c):
    rows, labels = rows_of(seed, errors=errors, alike=alike)
    model = LinearSVC(C=c, class_weight="balanced", dual=False, max_iter=100_000, tol=1e-10)
    expected = model.fit(rows, labels).coef_[0]
    np.testing.assert_allclose(linear_svc(rows, labels, c), expected, rtol=1e-4, atol=1e-6)


def test_classes_that_a_line_parts_and_constant_features_have_an_answer():
    rows, _ = rows_of(0)
    labels = (rows[:, 0] > 1.0).astype(np.int8)
    rows[:, 1] = 0.0
    found = linear_svc(rows, labels, 0.01)
    assert np.isfinite(found).all() and found[1] == 0.0 and np.argmax(np.abs(found)) == 0


@pytest.mark.slow
def test_many_correlated_rows_are_a_matter_of_seconds():
    rows, labels = rows_of(0, rows=190_000, features=132, errors=0.001, alike=3.0)
    started = time.perf_counter()
    linear_svc(rows, labels, 0.01)
    assert time.perf_counter() - started < 30.0
