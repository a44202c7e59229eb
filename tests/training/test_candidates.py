"""The table of candidates."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest

from training.candidates import (
    CANDIDATES,
    build_pipeline,
    candidate_names,
    error_probability,
    find_candidate,
    fit_pipeline,
)
from training.handler_arguments import ArgumentError


def rows(n=400, seed=0):
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, 4)).astype(np.float32)
    labels = (values[:, 0] + 0.3 * random.normal(size=n) > 1.2).astype(np.int8)
    return values, labels


def test_names_are_unique_and_each_of_the_four_families_is_there():
    assert len(set(candidate_names())) == len(CANDIDATES)
    assert {candidate.family for candidate in CANDIDATES} == {
        "random_forest",
        "logistic_regression",
        "ada_boost",
        "hist_gradient_boosting",
    }


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_each_candidate_learns_without_a_warning_and_repeats_itself(candidate):
    values, labels = rows()
    answers = []
    for _ in range(2):
        pipeline = build_pipeline(candidate, seed=4)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DeprecationWarning)
            fit_pipeline(pipeline, values, labels)
            answers.append(error_probability(pipeline, values))
    assert (answers[0] == answers[1]).all()
    assert answers[0][labels == 1].mean() > answers[0][labels == 0].mean() + 0.2


@pytest.mark.parametrize("family", ["random_forest", "logistic_regression", "hist_gradient_boosting"])
def test_a_rare_class_weighs_as_much_as_a_common_one(family):
    values, _ = rows(1000)
    labels = np.zeros(1000, dtype=np.int8)
    labels[:20] = 1  # rare, and no feature tells it apart
    candidate = next(c for c in CANDIDATES if c.family == family)
    parameters = {"random_forest": {"max_depth": 1}, "hist_gradient_boosting": {"max_iter": 1}}.get(
        family, {}
    )
    pipeline = build_pipeline(dataclasses.replace(candidate, parameters=parameters), seed=0)
    fit_pipeline(pipeline, values, labels)
    assert error_probability(pipeline, values).mean() == pytest.approx(0.5, abs=0.15)


def test_an_unknown_candidate_is_refused_with_the_names_there_are():
    with pytest.raises(
        ArgumentError, match=r"'candidate': must be among random_forest_shallow, .*, got 'svm'"
    ):
        find_candidate("svm")


def test_an_unknown_parameter_is_refused_with_those_there_are():
    candidate = dataclasses.replace(find_candidate("ada_boost_stumps"), parameters={"depth": 3})
    with pytest.raises(ArgumentError, match=r"of ada_boost must be among learning_rate, .*, got \['depth'\]"):
        build_pipeline(candidate, seed=0)
