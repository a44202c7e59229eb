"""The families of models that compete: one list, each with its defaults and what a search may try.

Every model is fitted by one thread: a search fits several at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from feature_sets.checks import InputError


@dataclass(frozen=True)
class Family:
    """One kind of model: how it is built and what a search may try.

    :param build: (parameters, seed) -> unfitted estimator, single-threaded.
    :param defaults: every parameter a configuration may set, with its default.
    :param space: parameter -> the values a search combines; the default is among them.
    :param scaled: whether the model needs features of the same scale.
    """

    build: Callable[[Mapping[str, Any], int], Any]
    defaults: Mapping[str, Any]
    space: Mapping[str, Sequence[Any]]
    scaled: bool = False


def _random_forest(parameters: Mapping[str, Any], seed: int) -> RandomForestClassifier:
    # One thread for predictions too: threads add up the trees' answers in the order they finish.
    return RandomForestClassifier(random_state=seed, n_jobs=1, **parameters)


def _logistic_regression(parameters: Mapping[str, Any], seed: int) -> LogisticRegression:
    # Newton steps converge in a few iterations on scaled features, also on strongly correlated ones.
    return LogisticRegression(solver="newton-cholesky", max_iter=200, random_state=seed, **parameters)


def _ada_boost(parameters: Mapping[str, Any], seed: int) -> AdaBoostClassifier:
    own = dict(parameters)
    tree = DecisionTreeClassifier(max_depth=own.pop("max_depth"), random_state=seed)
    return AdaBoostClassifier(tree, random_state=seed, **own)


def _hist_gradient_boosting(parameters: Mapping[str, Any], seed: int) -> HistGradientBoostingClassifier:
    # Its own early stopping would hold out random rows, which windows make look like the training rows.
    return HistGradientBoostingClassifier(random_state=seed, early_stopping=False, **parameters)


def _lightgbm(parameters: Mapping[str, Any], seed: int) -> Any:
    try:
        from lightgbm import LGBMClassifier
    except OSError as error:  # its wheel expects the OpenMP runtime from the system
        raise InputError(
            "family 'lightgbm'", "must find the system library libgomp (Debian: libgomp1)", str(error)
        ) from error
    return LGBMClassifier(
        random_state=seed,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        use_missing=False,
        verbosity=-1,
        **parameters,
    )


FAMILIES: Mapping[str, Family] = {
    "random_forest": Family(
        _random_forest,
        {"n_estimators": 60, "max_depth": 12, "min_samples_leaf": 5, "max_features": "sqrt"},
        {
            "n_estimators": (60,),  # more trees only cost more: they do not overfit
            "max_depth": (6, 8, 12, 16),
            "min_samples_leaf": (2, 5, 20),
            "max_features": ("sqrt", 0.3),
        },
    ),
    "logistic_regression": Family(
        _logistic_regression,
        {"C": 1.0},
        {"C": (0.001, 0.01, 0.1, 1.0, 10.0)},
        scaled=True,
    ),
    "ada_boost": Family(
        _ada_boost,
        {"n_estimators": 40, "max_depth": 1, "learning_rate": 1.0},
        {"n_estimators": (20, 40), "max_depth": (1, 2, 3), "learning_rate": (0.3, 1.0)},
    ),
    "hist_gradient_boosting": Family(
        _hist_gradient_boosting,
        {
            "max_iter": 100,
            "max_leaf_nodes": 31,
            "learning_rate": 0.1,
            "l2_regularization": 0.0,
            "min_samples_leaf": 20,
        },
        {
            "max_iter": (50, 100),
            "max_leaf_nodes": (7, 15, 31),
            "learning_rate": (0.05, 0.1, 0.2),
            "l2_regularization": (0.0, 1.0, 10.0),
            "min_samples_leaf": (20, 50, 100),
        },
    ),
    "lightgbm": Family(
        _lightgbm,
        {
            "n_estimators": 100,
            "num_leaves": 31,
            "learning_rate": 0.1,
            "min_child_samples": 20,
            "reg_lambda": 0.0,
            "colsample_bytree": 1.0,
        },
        {
            "n_estimators": (50, 100, 200),
            "num_leaves": (7, 15, 31, 63),
            "learning_rate": (0.03, 0.05, 0.1, 0.2),
            "min_child_samples": (10, 20, 50),
            "reg_lambda": (0.0, 1.0, 10.0),
            "colsample_bytree": (0.7, 1.0),
        },
    ),
}
"""The one list: what competes, in the order in which a search goes through it."""
