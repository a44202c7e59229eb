"""Which combinations a search tries."""

from __future__ import annotations

import math

import pytest

from feature_sets.checks import InputError
from training.search.candidates import Candidate
from training.search.families import FAMILIES
from training.search.search_space import plan_search

LOGISTIC = len(FAMILIES["logistic_regression"].space["C"])
POSSIBLE = sum(math.prod(map(len, family.space.values())) for family in FAMILIES.values())


def families(plan):
    return [candidate.family for candidate in plan.candidates]


def distinct(plan):
    return {str(candidate) for candidate in plan.candidates}


def test_a_draw_is_distinct_spread_over_the_families_and_repeats_with_its_seed():
    plan = plan_search(combinations=36, seed=3)
    assert len(plan.candidates) == len(distinct(plan)) == 36
    counts = {name: families(plan).count(name) for name in FAMILIES}
    assert counts.pop("logistic_regression") == LOGISTIC  # it has no more, so the others get them
    assert max(counts.values()) - min(counts.values()) <= 1
    assert plan == plan_search(combinations=36, seed=3)
    assert distinct(plan) != distinct(plan_search(combinations=36, seed=4))
    assert str(plan) == f"36 combinations drawn at random from {POSSIBLE}"


def test_a_draw_tries_the_defaults_of_every_family():
    plan = plan_search(combinations=5)
    assert [(c.family, dict(c.parameters)) for c in plan.candidates] == [
        (name, dict(family.defaults)) for name, family in FAMILIES.items()
    ]


def test_a_grid_takes_everything_that_there_is():
    plan = plan_search("grid", 1000, ["logistic_regression", "ada_boost"])
    sizes = LOGISTIC + 12
    assert len(distinct(plan)) == len(plan.candidates) == plan.possible == sizes
    assert str(plan) == f"all {sizes} combinations of the grid"


def test_a_larger_grid_is_thinned_out_evenly_and_says_so():
    plan = plan_search("grid", 6, "ada_boost")
    whole = plan_search("grid", 12, "ada_boost")
    assert plan.candidates == whole.candidates[1::2]
    assert str(plan) == "6 combinations evenly spread over the grid of 12"
    assert plan == plan_search("grid", 6, "ada_boost", seed=9)


def test_families_come_as_a_list_or_as_text():
    assert plan_search(families="lightgbm, random_forest") == plan_search(
        families=["lightgbm", "random_forest"]
    )
    assert set(families(plan_search(families="lightgbm, random_forest"))) == {"lightgbm", "random_forest"}


def test_a_draw_does_not_depend_on_the_other_families_share():
    small, large = plan_search(combinations=10, families="lightgbm"), plan_search(families="lightgbm")
    assert large.candidates[:10] == small.candidates


def test_given_combinations_are_taken_as_they_are():
    plan = plan_search(
        candidates=[{"family": "lightgbm", "parameters": {"num_leaves": 4}}, {"family": "ada_boost"}]
    )
    assert plan.candidates == (Candidate("lightgbm", {"num_leaves": 4}), Candidate("ada_boost"))
    assert (plan.search, str(plan)) == ("given", "2 given combinations")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"search": "bayes"}, "'search': must be among random, grid, got 'bayes'"),
        ({"combinations": 0}, "'combinations': must be a whole number of at least 1, got 0"),
        ({"families": ["svm"]}, "'families': must be among random_forest"),
        ({"families": 3}, "'families': must be among random_forest"),
        ({"candidates": "lightgbm"}, "'candidates': must be a list"),
        ({"candidates": [{"name": "x"}]}, "'candidates': must be a list"),
        ({"candidates": [{"family": "lightgbm", "parameters": 3}]}, "'candidates': must be a list"),
        ({"candidates": [{"family": "svm"}]}, "'family': must be among"),
        (
            {"candidates": [{"family": "random_forest", "parameters": {"n_estimators": -5}}]},
            r"'n_estimators' of random_forest: must be .* must be an int in the range \[1, inf\)\), got -5",
        ),
        (
            {"candidates": [{"family": "logistic_regression", "parameters": {"C": "x"}}]},
            r"'C' of logistic_regression: must be .* must be a float in the range \(0.0, inf\]\), got 'x'",
        ),
        (
            {
                "candidates": [
                    {"family": "ada_boost"},
                    {"family": "ada_boost", "parameters": {"max_depth": 1}},
                ]
            },
            "each different",
        ),
    ],
)
def test_arguments_that_break_a_rule_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        plan_search(**arguments)
