"""The trees inside a fitted model, in one form for all families.

A row goes left where its float32 value is at most the threshold. Libraries keep thresholds as float64; here
they are rounded down to float32, and no float32 row changes its side: rounded to nearest, a threshold could
land on the reading above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingClassifier, RandomForestClassifier

from feature_sets.checks import InputError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tree:
    """One tree; node 0 is its root.

    :param feature: input column that a node looks at, shape (nodes,).
    :param threshold: float32, shape (nodes,).
    :param left: next node of rows at or below the threshold, -1 in a leaf, shape (nodes,).
    :param right: next node of the others.
    :param value: what a leaf adds to each sum, shape (nodes, sums).
    """

    feature: Ints
    threshold: npt.NDArray[np.float32]
    left: Ints
    right: Ints
    value: Floats


@dataclass(frozen=True)
class Ensemble:
    """Trees whose leaves are added up.

    :param trees: at least one.
    :param base: what each sum starts from, length 1 or 2.
    """

    trees: tuple[Tree, ...]
    base: tuple[float, ...]


def float32_below(exact: Floats) -> npt.NDArray[np.float32]:
    """The largest float32 numbers that are not above float64 ones."""
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    too_high = rounded.astype(np.float64) > exact
    rounded[too_high] = np.nextafter(rounded[too_high], np.float32(-np.inf))
    return rounded


def ensemble_of(model: Any) -> Ensemble:
    """Trees of a fitted forest or boosted model.

    :param model: of any family but the linear one.
    :returns: one sum, the log-odds of an error before calibration; of a random forest two, the share of
        votes against and for an error.
    """
    if isinstance(model, RandomForestClassifier):
        votes = 1.0 / len(model.estimators_)
        return Ensemble(
            tuple(_sklearn_tree(tree.tree_, votes * _shares(tree.tree_)) for tree in model.estimators_),
            (0.0, 0.0),
        )
    if isinstance(model, AdaBoostClassifier):
        return _ada_boost(model)
    if isinstance(model, HistGradientBoostingClassifier):
        (base,) = model._baseline_prediction.ravel()
        trees = (_binned_tree(tree.nodes) for stage in model._predictors for tree in stage)
        return Ensemble(tuple(trees), (float(base),))
    dump = model.booster_.dump_model()
    return Ensemble(tuple(_lightgbm_tree(info["tree_structure"]) for info in dump["tree_info"]), (0.0,))


def _shares(tree: Any) -> Floats:
    """Share of each class in each node, shape (nodes, 2)."""
    value = tree.value[:, 0, :]
    return np.asarray(value / value.sum(axis=1, keepdims=True), dtype=np.float64)


def _sklearn_tree(tree: Any, value: Floats) -> Tree:
    return Tree(
        feature=np.maximum(tree.feature, 0).astype(np.int64),
        threshold=float32_below(tree.threshold),
        left=tree.children_left.astype(np.int64),
        right=tree.children_right.astype(np.int64),
        value=value,
    )


def _ada_boost(model: AdaBoostClassifier) -> Ensemble:
    """Log-odds of AdaBoost: twice the weighted mean of its trees' votes, -1 or 1 (SAMME, two classes)."""
    weights = model.estimator_weights_[: len(model.estimators_)]
    trees = []
    for estimator, weight in zip(model.estimators_, weights, strict=True):
        votes = np.where(np.argmax(estimator.tree_.value[:, 0, :], axis=1) == 1, 1.0, -1.0)
        trees.append(_sklearn_tree(estimator.tree_, (2.0 * weight / weights.sum() * votes)[:, None]))
    return Ensemble(tuple(trees), (0.0,))


def _binned_tree(nodes: Any) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=float32_below(nodes["num_threshold"].astype(np.float64)),
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        value=nodes["value"].astype(np.float64)[:, None],
    )


def _lightgbm_tree(root: Mapping[str, Any]) -> Tree:
    """Tree of LightGBM's nested dump; nodes are numbered level by level."""
    nodes, left, right = [root], [], []
    for node in nodes:  # grows while it is gone through
        if "leaf_value" in node:
            left.append(-1)
            right.append(-1)
            continue
        if node["decision_type"] != "<=" or node["missing_type"] != "None":
            rule = "must be <= without missing values"
            raise InputError("split of LightGBM", rule, (node["decision_type"], node["missing_type"]))
        left.append(len(nodes))
        right.append(len(nodes) + 1)
        nodes += [node["left_child"], node["right_child"]]
    return Tree(
        feature=np.array([node.get("split_feature", 0) for node in nodes], dtype=np.int64),
        threshold=float32_below(np.array([node.get("threshold", 0.0) for node in nodes], dtype=np.float64)),
        left=np.array(left, dtype=np.int64),
        right=np.array(right, dtype=np.int64),
        value=np.array([[node.get("leaf_value", 0.0)] for node in nodes], dtype=np.float64),
    )
