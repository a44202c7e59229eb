"""The one list of families."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from training.job.arguments import ArgumentError
from training.search.candidates import (
    FAMILIES,
    MODEL_STEP,
    Candidate,
    build_pipeline,
    error_margin,
    fit_pipeline,
)


def rows(n=400, seed=0):
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, 4)).astype(np.float32)
    labels = (values[:, 0] + 0.3 * random.normal(size=n) > 1.2).astype(np.int8)
    return values, labels


def fitted(family, values, labels, seed=4, **parameters):
    pipeline = build_pipeline(Candidate(family, parameters), seed)
    fit_pipeline(pipeline, values, labels)
    return pipeline


def test_each_of_the_five_families_is_there_and_its_space_holds_its_defaults():
    assert list(FAMILIES) == [
        "random_forest",
        "logistic_regression",
        "ada_boost",
        "hist_gradient_boosting",
        "lightgbm",
    ]
    for family in FAMILIES.values():
        assert set(family.space) == set(family.defaults) == set(family.rules)
        for name, values in family.space.items():
            assert all(family.rules[name].meets(value) for value in (*values, family.defaults[name]))
        assert all(family.defaults[name] in values for name, values in family.space.items())


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_learns_without_a_warning_and_repeats_itself(family):
    values, labels = rows()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        first, second = (error_margin(fitted(family, values, labels), values) for _ in range(2))
    assert (first == second).all()
    assert expit(first[labels == 1]).mean() > expit(first[labels == 0]).mean() + 0.2


@pytest.mark.parametrize("family", FAMILIES)
def test_the_margin_is_the_log_odds_of_the_librarys_own_probability(family):
    values, labels = rows()
    pipeline = fitted(family, values, labels)
    own = pipeline.predict_proba(values.astype(np.float64))[:, 1]
    np.testing.assert_allclose(expit(error_margin(pipeline, values)), own, rtol=0, atol=1.1e-6)


def openmp_threads():
    """Threads that an OpenMP loop begun here would take, in each library that is loaded."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_is_fitted_and_asked_on_one_openmp_thread(family, monkeypatch):
    values, labels = rows()
    pipeline = build_pipeline(Candidate(family), 0)
    model, seen = pipeline.named_steps[MODEL_STEP], {}

    def watch(name):
        original = getattr(model, name)

        def watched(*args, **kwargs):
            seen[name] = openmp_threads()
            return original(*args, **kwargs)

        monkeypatch.setattr(model, name, watched)

    for name in ("fit", "decision_function", "predict_proba", "predict"):
        if hasattr(model, name):
            watch(name)
    with threadpool_limits(limits=2, user_api="openmp"):  # on a machine with one core too
        fit_pipeline(pipeline, values, labels)
        error_margin(pipeline, values)
        assert openmp_threads() == {2}
    assert "fit" in seen and len(seen) >= 2
    assert set(map(frozenset, seen.values())) == {frozenset({1})}


@pytest.mark.parametrize("family", ["random_forest", "lightgbm"])
def test_a_model_that_could_start_threads_of_its_own_starts_none(family):
    assert build_pipeline(Candidate(family), 0).named_steps[MODEL_STEP].n_jobs == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_every_model_takes_the_seed(family):
    assert build_pipeline(Candidate(family), 7).named_steps[MODEL_STEP].random_state == 7


def test_unanimous_votes_of_a_forest_have_finite_log_odds():
    values, labels = rows()
    pipeline = fitted("random_forest", values, labels, min_samples_leaf=1, max_depth=16)
    assert isinstance(pipeline.named_steps[MODEL_STEP], RandomForestClassifier)
    assert (pipeline.predict_proba(values.astype(np.float64))[:, 1] == 0.0).any()
    assert np.isfinite(error_margin(pipeline, values)).all()


@pytest.mark.parametrize(
    "family", ["random_forest", "logistic_regression", "hist_gradient_boosting", "lightgbm"]
)
def test_a_rare_class_weighs_as_much_as_a_common_one(family):
    values, _ = rows(1000)
    labels = np.zeros(1000, dtype=np.int8)
    labels[:20] = 1  # rare, and no feature tells it apart
    parameters = {
        "random_forest": {"max_depth": 1},
        "hist_gradient_boosting": {"max_iter": 1},
        "lightgbm": {"n_estimators": 1},
    }.get(family, {})
    margin = error_margin(fitted(family, values, labels, seed=0, **parameters), values)
    assert expit(margin).mean() == pytest.approx(0.5, abs=0.15)


def test_a_configuration_says_what_it_is_with_all_its_settings():
    candidate = Candidate("ada_boost", {"max_depth": 3})
    assert str(candidate) == "ada_boost n_estimators=40 max_depth=3 learning_rate=1.0"


def test_an_unknown_family_or_parameter_is_refused_with_those_there_are():
    with pytest.raises(ArgumentError, match=r"'family': must be among random_forest, .*, got 'svm'"):
        Candidate("svm")
    with pytest.raises(ArgumentError, match=r"of ada_boost must be among learning_rate, .*, got \['depth'\]"):
        Candidate("ada_boost", {"depth": 3})


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
def test_what_the_rules_just_allow_can_be_fitted(family, parameters):
    values, labels = rows()
    assert np.isfinite(error_margin(fitted(family, values, labels, **parameters), values)).all()


@pytest.mark.parametrize(
    ("family", "name", "value", "words"),
    [
        ("random_forest", "n_estimators", -5, "must be a whole number of at least 1, got -5"),
        ("random_forest", "n_estimators", 2.5, "must be a whole number of at least 1, got 2.5"),
        ("random_forest", "n_estimators", True, "must be a whole number of at least 1, got True"),
        ("random_forest", "n_estimators", None, "must be a whole number of at least 1, got None"),
        ("random_forest", "n_estimators", float("inf"), "must be a whole number of at least 1, got inf"),
        ("random_forest", "max_depth", 0, "must be a whole number of at least 1, or None, got 0"),
        ("random_forest", "max_features", "all", "must be sqrt or log2 or None, or a share above 0 and"),
        ("random_forest", "max_features", [1], "must be sqrt or log2 or None, or a share above 0 and"),
        ("random_forest", "min_samples_leaf", 0.0, "must be a share above 0 and below 1.0, or a whole"),
        ("logistic_regression", "C", "x", "must be a number above 0, got 'x'"),
        ("logistic_regression", "C", 0, "must be a number above 0, got 0"),
        ("logistic_regression", "C", float("nan"), "must be a number above 0, got nan"),
        ("logistic_regression", "C", float("inf"), "must be a number above 0, got inf"),
        ("ada_boost", "learning_rate", -1.0, "must be a number above 0, got -1.0"),
        ("hist_gradient_boosting", "max_leaf_nodes", 1, "must be a whole number of at least 2, or None"),
        ("hist_gradient_boosting", "l2_regularization", -0.1, "must be a number of at least 0, got -0.1"),
        ("lightgbm", "num_leaves", 131_073, "of at least 2 and at most 131072, got 131073"),
        ("lightgbm", "colsample_bytree", 1.01, "must be a number above 0 and at most 1, got 1.01"),
    ],
)
def test_a_value_that_breaks_the_rule_of_its_parameter_is_refused(family, name, value, words):
    with pytest.raises(ArgumentError, match=re.escape(f"'parameters': {name} of {family} ") + ".*" + words):
        Candidate(family, {name: value})


def test_a_count_that_json_delivers_as_a_float_is_a_count_and_a_share_of_one_is_all():
    forest = Candidate("random_forest", {"n_estimators": 5.0, "max_features": 1.0, "min_samples_leaf": 2.0})
    assert [type(value) for value in forest.parameters.values()] == [int, float, int]
    assert forest == Candidate(
        "random_forest", {"n_estimators": 5, "max_features": 1.0, "min_samples_leaf": 2}
    )
