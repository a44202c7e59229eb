"""The models that compete: one table of scikit-learn configurations.

Every pipeline takes complete float32 rows (missing values are imputed before, by ``ModelSchema.matrix``,
with the numbers that serving uses) and weighs the rows so that both classes count the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from training.handler_arguments import ArgumentError

MODEL_STEP = "model"
SCALE_STEP = "scale"
OPENMP_ROWS = 50_000
"""Fewer rows than this are fitted by one OpenMP thread (the forests' own threads are not OpenMP)."""


@dataclass(frozen=True)
class Candidate:
    """One configuration of one kind of model.

    :param name: what the hyper-parameter run calls it.
    :param family: random_forest, logistic_regression, ada_boost or hist_gradient_boosting.
    :param parameters: hyper-parameters; unnamed ones keep the family's defaults.
    """

    name: str
    family: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Family:
    """How a kind of model is built.

    :param build: (parameters, seed) -> unfitted estimator.
    :param defaults: every parameter a configuration may set, with its default.
    :param scaled: whether the model needs features of the same scale.
    """

    build: Callable[[Mapping[str, Any], int], Any]
    defaults: Mapping[str, Any]
    scaled: bool = False


def _random_forest(parameters: Mapping[str, Any], seed: int) -> RandomForestClassifier:
    return RandomForestClassifier(random_state=seed, n_jobs=-1, **parameters)


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


_FAMILIES: Mapping[str, _Family] = {
    "random_forest": _Family(
        _random_forest,
        {"n_estimators": 60, "max_depth": 8, "min_samples_leaf": 5, "max_features": "sqrt"},
    ),
    "logistic_regression": _Family(_logistic_regression, {"C": 1.0}, scaled=True),
    "ada_boost": _Family(_ada_boost, {"n_estimators": 40, "max_depth": 1, "learning_rate": 1.0}),
    "hist_gradient_boosting": _Family(
        _hist_gradient_boosting,
        {
            "max_iter": 100,
            "max_leaf_nodes": 31,
            "learning_rate": 0.1,
            "l2_regularization": 0.0,
            "min_samples_leaf": 20,
        },
    ),
}


CANDIDATES: tuple[Candidate, ...] = (
    Candidate("random_forest_shallow", "random_forest", {"max_depth": 6, "min_samples_leaf": 20}),
    Candidate("random_forest_deep", "random_forest", {"max_depth": 12, "min_samples_leaf": 5}),
    Candidate("logistic_regression_strong", "logistic_regression", {"C": 0.01}),
    Candidate("logistic_regression_weak", "logistic_regression", {"C": 1.0}),
    Candidate("ada_boost_stumps", "ada_boost", {"max_depth": 1, "n_estimators": 40}),
    Candidate("ada_boost_pairs", "ada_boost", {"max_depth": 2, "n_estimators": 25}),
    Candidate("hist_gradient_boosting_small", "hist_gradient_boosting", {"max_leaf_nodes": 7}),
    Candidate("hist_gradient_boosting_large", "hist_gradient_boosting", {"max_leaf_nodes": 31}),
)


def candidate_names() -> list[str]:
    """Names of all configurations: the values of the hyper-parameter ``candidate``."""
    return [candidate.name for candidate in CANDIDATES]


def find_candidate(name: str) -> Candidate:
    """Configuration of that name.

    :raises ArgumentError: if there is none.
    """
    for candidate in CANDIDATES:
        if candidate.name == name:
            return candidate
    raise ArgumentError("candidate", f"must be among {', '.join(candidate_names())}", name)


def build_pipeline(candidate: Candidate, seed: int) -> Pipeline:
    """Unfitted pipeline of a configuration; the same seed and rows give the same model.

    :raises ArgumentError: if the family does not know one of the parameters.
    """
    family = _FAMILIES[candidate.family]
    given = {**family.defaults, **candidate.parameters}
    unknown = sorted(set(given) - set(family.defaults))
    if unknown:
        raise ArgumentError(
            "parameters", f"of {candidate.family} must be among {', '.join(sorted(family.defaults))}", unknown
        )
    steps: list[tuple[str, Any]] = [(SCALE_STEP, StandardScaler())] if family.scaled else []
    return Pipeline([*steps, (MODEL_STEP, family.build(given, seed))])


def fit_pipeline(pipeline: Pipeline, rows: npt.NDArray[np.float32], labels: npt.NDArray[np.int8]) -> None:
    """Fit with rows weighted so that both classes have the same total weight.

    :param rows: shape (n, inputs), no NaN. Fitted as float64 holding float32 values, which is what the
        exported model compares and adds.
    :param labels: 0 or 1, shape (n,), both present.
    """
    weights = compute_sample_weight("balanced", labels)
    with _openmp_threads(len(rows)):
        pipeline.fit(rows.astype(np.float64), labels, **{f"{MODEL_STEP}__sample_weight": weights})
    model = pipeline.named_steps[MODEL_STEP]
    if "n_jobs" in model.get_params():
        # Threads add up the trees' answers in the order they finish: the last digit would differ each time.
        model.set_params(n_jobs=1)


def error_probability(pipeline: Pipeline, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Probability of an error for each row, shape (n,)."""
    with _openmp_threads(len(rows)):
        probabilities: npt.NDArray[np.float64] = pipeline.predict_proba(rows.astype(np.float64))
    return probabilities[:, 1]


def _openmp_threads(rows: int) -> threadpool_limits:
    """Limit OpenMP to one thread for few rows, inside a ``with``.

    Its threads wait for each other by spinning: with few rows, or on a busy machine, two take several times
    as long as one.
    """
    return threadpool_limits(limits=1 if rows < OPENMP_ROWS else None, user_api="openmp")
