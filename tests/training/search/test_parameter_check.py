"""Hyper-parameters that a user gives: what the libraries refuse, and what they would let through."""

from __future__ import annotations

import numpy as np
import pytest

from feature_sets.checks import InputError
from tests.training.search.test_candidates import fitted, rows
from training.search.candidates import Candidate
from training.search.families import FAMILIES
from training.search.parameter_check import checked_by_library
from training.search.pipelines import error_margin


def read(family, **parameters):
    return checked_by_library(Candidate(family, parameters)).parameters


@pytest.mark.parametrize("family", FAMILIES)
def test_all_that_a_search_tries_is_taken(family):
    for name, values in FAMILIES[family].space.items():
        for value in (*values, FAMILIES[family].defaults[name]):
            assert read(family, **{name: value}) == {name: value}


EDGES = {
    "random_forest": [
        {"n_estimators": 1, "max_depth": 1, "min_samples_leaf": 1, "max_features": 1},
        {"n_estimators": 2, "max_depth": None, "min_samples_leaf": 0.1, "max_features": None},
        {"n_estimators": 2, "max_features": 1.0},
        {"n_estimators": 2, "max_features": "log2"},
    ],
    "logistic_regression": [{"C": 1}, {"C": 0.5}],
    "ada_boost": [
        {"n_estimators": 1, "max_depth": None, "learning_rate": 1},
        {"n_estimators": 1, "max_depth": 1, "learning_rate": 0.01},
    ],
    "hist_gradient_boosting": [
        {"max_iter": 1, "max_leaf_nodes": 2, "l2_regularization": 0, "min_samples_leaf": 1},
        {"max_iter": 1, "max_leaf_nodes": None, "learning_rate": 1},
    ],
    "lightgbm": [
        {"n_estimators": 1, "num_leaves": 2, "min_child_samples": 0, "reg_lambda": 0, "colsample_bytree": 1},
        {"n_estimators": 1, "num_leaves": 131_072, "colsample_bytree": 0.1},
    ],
}


@pytest.mark.parametrize(
    ("family", "parameters"), [(family, edge) for family, edges in EDGES.items() for edge in edges]
)
def test_what_is_just_allowed_is_taken_and_can_be_fitted(family, parameters):
    assert read(family, **parameters) == parameters
    values, labels = rows()
    assert np.isfinite(error_margin(fitted(family, values, labels, **parameters), values)).all()


INT, LEAST = "must be an int in the range [1, inf)", "must be a float in the range (0.0, inf"
SHARE_OR_NAME = "must be an int in the range [1, inf), a float in the range (0.0, 1.0], a str among"


@pytest.mark.parametrize(
    ("family", "name", "value", "words"),
    [
        ("random_forest", "n_estimators", -5, INT),
        ("random_forest", "n_estimators", 2.5, INT),
        ("random_forest", "n_estimators", True, "would take a truth value for 0 or 1"),
        ("random_forest", "n_estimators", None, INT),
        ("random_forest", "n_estimators", float("inf"), "must be finite"),
        ("random_forest", "max_depth", 0, "must be an int in the range [1, inf) or None"),
        ("random_forest", "max_features", "all", SHARE_OR_NAME),
        ("random_forest", "max_features", [1], SHARE_OR_NAME),
        ("random_forest", "min_samples_leaf", 0.0, "[1, inf) or a float in the range (0.0, 1.0)"),
        ("logistic_regression", "C", "x", LEAST),
        ("logistic_regression", "C", 0, LEAST),
        ("logistic_regression", "C", float("nan"), LEAST),
        ("logistic_regression", "C", float("inf"), "must be finite"),
        ("ada_boost", "learning_rate", -1.0, LEAST),
        ("ada_boost", "max_depth", 0, "'max_depth' parameter of DecisionTreeClassifier must be an int"),
        ("hist_gradient_boosting", "max_leaf_nodes", 1, "must be an int in the range [2, inf) or None"),
        ("hist_gradient_boosting", "l2_regularization", -0.1, "must be a float in the range [0.0, inf)"),
        ("lightgbm", "num_leaves", 131_073, "Check failed: (num_leaves) <= (131072)"),
        ("lightgbm", "num_leaves", 1, "Check failed: (num_leaves) > (1)"),
        ("lightgbm", "num_leaves", 2.5, "should be of type int"),
        ("lightgbm", "num_leaves", None, "must be a number"),
        ("lightgbm", "num_leaves", "5", "must be a number"),
        ("lightgbm", "n_estimators", 0, "Number of boosting rounds must be greater than 0"),
        ("lightgbm", "min_child_samples", -1, "Check failed: (min_data_in_leaf) >= (0)"),
        ("lightgbm", "reg_lambda", -0.1, "Check failed: (lambda_l2) >= (0.0)"),
        ("lightgbm", "reg_lambda", float("inf"), "must be finite"),
        ("lightgbm", "learning_rate", float("inf"), "must be finite"),
        ("lightgbm", "learning_rate", 0, "Check failed: (learning_rate) > (0.0)"),
        ("lightgbm", "colsample_bytree", 1.01, "Check failed: (feature_fraction) <= (1.0)"),
        ("lightgbm", "colsample_bytree", [0.5], "must be a number"),
    ],
)
def test_a_bad_value_is_refused_with_what_the_library_says(family, name, value, words):
    expected = f"parameter '{name}' of {family}: must be what its library takes ("
    with pytest.raises(InputError) as refused:
        read(family, **{name: value})
    text = str(refused.value)
    assert text.startswith(expected) and words in text and text.endswith(f", got {value!r}")
    assert "config_auto" not in text and "Got " not in text


def test_a_count_that_json_delivers_as_a_float_is_a_count_and_a_share_of_one_is_all():
    forest = read("random_forest", n_estimators=5.0, max_features=1.0, min_samples_leaf=2.0)
    assert forest == {"n_estimators": 5, "max_features": 1.0, "min_samples_leaf": 2}
    assert [type(value) for value in forest.values()] == [int, float, int]
    leaves = read("lightgbm", num_leaves=7.0)["num_leaves"]
    assert (type(leaves), leaves) == (int, 7)
