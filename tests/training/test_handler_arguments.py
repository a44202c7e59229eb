"""Arguments that break a rule are refused by every handler before anything is read."""

from __future__ import annotations

import pytest
from mlrun.runtimes.utils import RunError

SEED_RULE = "'seed': must be a whole number of at least 0 and at most 4294967295"


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("explore", {"sample_ratio": 0}, "'sample_ratio': must be a number above 0 and at most 1, got 0"),
        ("explore", {"feature_vector": ""}, "must be given, or a dataset, and not both"),
        ("select-features", {"select_k": 0}, "'select_k': must be a whole number of at least 1, got 0"),
        ("explore", {"max_rows": 3}, "'max_rows': must be a whole number of at least 100, got 3"),
        ("select-features", {"train_rows": 3}, "'train_rows': must be a whole number of at least 100, got 3"),
        ("select-features", {"min_votes": 9}, "'min_votes': must be a share"),
        (
            "select-features",
            {"seed": -1},
            f"{SEED_RULE}, got -1",
        ),
        (
            "select-features",
            {"seed": 1.5},
            f"{SEED_RULE}, got 1.5",
        ),
        (
            "explore",
            {"seed": -1},
            f"{SEED_RULE}, got -1",
        ),
        (
            "select-features",
            {"max_correlation": 0},
            "'max_correlation': must be a number above 0 and at most",
        ),
        ("select-features", {"max_correlation": 1.2}, "'max_correlation': must be a number above 0 and at"),
        ("train", {"candidates": [{"family": "oracle"}]}, "'family': must be among"),
        (
            "train",
            {"candidates": [{"family": "ada_boost", "parameters": {"x": 1}}]},
            "parameters of ada_boost: must be among",
        ),
        (
            "train",
            {"candidates": [{"family": "random_forest", "parameters": {"n_estimators": -5}}]},
            r"'n_estimators' of random_forest: must be .* must be an int in the range \[1, inf\)\), got -5",
        ),
        ("train", {"train_rows": 99}, "'train_rows': must be a whole number"),
        ("train", {"test_fraction": 1.5}, "'test_fraction': must be a number"),
        ("train", {"schema": "nowhere.yaml"}, "must be a readable YAML file"),
        ("train", {"search": "luck"}, "'search': must be among random, grid"),
        ("train", {"combinations": 0}, "'combinations': must be a whole number of at least 1"),
        ("train", {"families": "oracle"}, "'families': must be among"),
        ("train", {"folds": 0}, "'folds': must be a whole number of at least 1"),
        ("train", {"search_metric": "f1"}, "'search_metric': must be max"),
        ("train", {"threshold_rule": "best"}, "'threshold_rule': must be max_f1"),
        ("train", {"seed": -1}, f"{SEED_RULE}, got -1"),
        ("train", {"seed": 2**32}, f"{SEED_RULE}, got 4294967296"),
        ("select-features", {"seed": 2**32}, f"{SEED_RULE}, got 4294967296"),
        ("explore", {"seed": 2**32}, f"{SEED_RULE}, got 4294967296"),
    ],
)
def test_arguments_that_break_a_rule_are_refused(shared_network, name, params, words):
    with pytest.raises(RunError, match=words):
        shared_network.run(name, **params)


def test_intervals_over_something_unknown_are_refused_before_anything_is_read(shared_network):
    with pytest.raises(RunError, match="'bootstrap_by': must be among auto, device, day"):
        shared_network.run("evaluate", model_path="store://models/none", bootstrap_by="week")
    with pytest.raises(RunError, match=SEED_RULE):
        shared_network.run("evaluate", model_path="store://models/none", seed=-1)
    with pytest.raises(RunError, match="'promote': must be true or false, got 'maybe'"):
        shared_network.run("evaluate", model_path="store://models/none", promote="maybe")
