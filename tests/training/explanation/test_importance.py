"""What the ranking of a model loses where features are shuffled."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from training.dataset.stratified_sample import ONE_EACH, ClassWeights
from training.evaluation.clusters import Clusters
from training.explanation.importance import COLUMNS, permutation_importance
from training.explanation.input_groups import InputColumn, InputGroup

N = 600
HEAT, FELT, FLOW, NOISE = (
    InputColumn(name, (at,)) for at, name in enumerate(("heat", "felt", "flow", "noise"))
)
GROUPS = (InputGroup((NOISE,)), InputGroup((HEAT, FELT)), InputGroup((FLOW,)))


def rows():
    random = np.random.default_rng(1)
    heat, flow = random.normal(size=N), random.normal(size=N)
    matrix = np.column_stack([heat, heat, flow, random.normal(size=N)]).astype(np.float32)
    return matrix, (2 * heat + flow > 2.0).astype(np.int8)


def model(matrix):
    """Two features that are alike take turns: without one of them the other still says most."""
    heat = np.maximum(matrix[:, 0], matrix[:, 1]).astype(np.float64)
    return 1.0 / (1.0 + np.exp(-(2 * heat + matrix[:, 2] - 2.0)))


def clusters(count):
    return Clusters("device", np.arange(N) % count, count)


def importance(count=20, weights=ONE_EACH, seed=3, predict=model):
    matrix, labels = rows()
    return permutation_importance(predict, matrix, labels, weights, clusters(count), GROUPS, seed)


def test_a_group_counts_for_more_than_each_of_it_and_what_is_not_used_for_nothing():
    found = importance()
    assert list(found.columns) == COLUMNS
    assert list(found["feature"]) == ["heat", "felt", "flow", "noise"] or list(found["feature"])[:2] == [
        "felt",
        "heat",
    ]
    by = found.set_index("feature")
    assert by.loc["heat", "group_importance"] == by.loc["felt", "group_importance"]
    assert by.loc["heat", "importance"] < 0.7 * by.loc["heat", "group_importance"]
    assert (by.loc["noise", ["importance", "low", "high"]] == 0.0).all()
    assert by.loc["flow", "importance"] == by.loc["flow", "group_importance"] > 0.05
    for front in ("", "group_"):
        assert (found[f"{front}low"] <= found[f"{front}importance"]).all()
        assert (found[f"{front}importance"] <= found[f"{front}high"]).all()


def test_the_loss_is_that_of_the_average_precision_by_scikit_learn():
    matrix, labels = rows()
    asked = []

    def watched(given):
        asked.append(given.copy())
        return model(given)

    weights = ClassWeights(healthy=4.0)
    found = importance(weights=weights, predict=watched).set_index("feature")

    def score(given):
        return average_precision_score(labels, model(given), sample_weight=weights.of(labels))

    assert (asked[0] == matrix).all()
    flow = [given for given in asked if (given[:, [0, 1, 3]] == matrix[:, [0, 1, 3]]).all()][1:]
    assert len(flow) == 3 and all((np.sort(given[:, 2]) == np.sort(matrix[:, 2])).all() for given in flow)
    expected = np.mean([score(matrix) - score(given) for given in flow])
    assert found.loc["flow", "importance"] == pytest.approx(expected, rel=1e-9)
    # A group is shuffled with one order: its columns stay together.
    assert (
        sum((given[:, 0] == given[:, 1]).all() and (given[:, 0] != matrix[:, 0]).any() for given in asked)
        == 3
    )


def test_with_few_clusters_the_range_is_that_of_the_shuffles():
    found = importance(count=4).set_index("feature")
    wide = importance(count=40).set_index("feature")
    assert found.loc["flow", "high"] - found.loc["flow", "low"] > 0.0
    assert found.loc["flow", "importance"] == wide.loc["flow", "importance"]
    assert found.loc["flow", "low"] != wide.loc["flow", "low"]


def test_the_same_seed_gives_the_same_table():
    assert importance().equals(importance())
    assert not importance(seed=4).equals(importance())
