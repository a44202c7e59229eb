"""The one list of families."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from feature_sets.checks import InputError
from training.search.candidates import Candidate
from training.search.families import FAMILIES
from training.search.pipelines import MODEL_STEP, build_pipeline, error_margin, fit_pipeline


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
        assert set(family.space) == set(family.defaults)
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
    with pytest.raises(InputError, match=r"'family': must be among random_forest, .*, got 'svm'"):
        Candidate("svm")
    with pytest.raises(InputError, match=r"of ada_boost: must be among learning_rate, .*, got \['depth'\]"):
        Candidate("ada_boost", {"depth": 3})
