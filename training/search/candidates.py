"""The models that compete: one list of families, each with its defaults and what a search may try.

Every model takes complete float32 rows (missing values are imputed before, with the numbers that serving
uses) and weighs the rows so that both classes count the same. Every model is fitted by one thread: a search
fits several at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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

from training.job.arguments import ArgumentError
from training.search.parameter_rules import ParameterRule, either, one_of, positive, share, whole

MODEL_STEP = "model"
SCALE_STEP = "scale"
RARE = 1e-6
"""A vote of a forest is taken to lie in [RARE, 1 - RARE]; beyond, its log-odds would be infinite."""

Rows = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """One kind of model: how it is built and what a search may try.

    :param build: (parameters, seed) -> unfitted estimator, single-threaded.
    :param defaults: every parameter a configuration may set, with its default.
    :param rules: what each of them may be.
    :param space: parameter -> the values a search combines; the default is among them.
    :param scaled: whether the model needs features of the same scale.
    """

    build: Callable[[Mapping[str, Any], int], Any]
    defaults: Mapping[str, Any]
    rules: Mapping[str, ParameterRule]
    space: Mapping[str, Sequence[Any]]
    scaled: bool = False


@dataclass(frozen=True)
class Candidate:
    """One configuration of one kind of model.

    :param family: one of ``FAMILIES``.
    :param parameters: hyper-parameters; unnamed ones keep the family's defaults.
    :raises ArgumentError: if there is no such family or parameter, or a value breaks its rule.
    """

    family: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.family, str) or self.family not in FAMILIES:
            raise ArgumentError("family", f"must be among {', '.join(FAMILIES)}", self.family)
        known = FAMILIES[self.family].defaults
        unknown = sorted(map(str, set(self.parameters) - set(known)))
        if unknown:
            raise ArgumentError(
                "parameters", f"of {self.family} must be among {', '.join(sorted(known))}", unknown
            )
        rules = FAMILIES[self.family].rules
        read = {name: rules[name].read(self.family, name, value) for name, value in self.parameters.items()}
        object.__setattr__(self, "parameters", read)  # frozen for everybody else

    @property
    def settings(self) -> dict[str, Any]:
        """All hyper-parameters with their values, defaults included, in the family's order."""
        return {**FAMILIES[self.family].defaults, **self.parameters}

    @property
    def text(self) -> str:
        """The hyper-parameters for people, for instance ``num_leaves=15 learning_rate=0.05``."""
        return " ".join(f"{name}={value}" for name, value in self.settings.items())

    def __str__(self) -> str:
        """Family and hyper-parameters."""
        return f"{self.family} {self.text}"


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
        raise ArgumentError(
            "families", "lightgbm needs the system library libgomp (Debian: libgomp1)", str(error)
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
            "n_estimators": whole(1),
            "max_depth": either(whole(1), one_of(None)),
            "min_samples_leaf": either(share(), whole(1)),
            "max_features": either(one_of("sqrt", "log2", None), share(including_one=True), whole(1)),
        },
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
        {"C": positive()},
        {"C": (0.001, 0.01, 0.1, 1.0, 10.0)},
        scaled=True,
    ),
    "ada_boost": Family(
        _ada_boost,
        {"n_estimators": 40, "max_depth": 1, "learning_rate": 1.0},
        {
            "n_estimators": whole(1),
            "max_depth": either(whole(1), one_of(None)),
            "learning_rate": positive(),
        },
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
            "max_iter": whole(1),
            "max_leaf_nodes": either(whole(2), one_of(None)),
            "learning_rate": positive(),
            "l2_regularization": positive(including_zero=True),
            "min_samples_leaf": whole(1),
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
            "n_estimators": whole(1),
            "num_leaves": whole(2, 131_072),
            "learning_rate": positive(),
            "min_child_samples": whole(0),
            "reg_lambda": positive(including_zero=True),
            "colsample_bytree": positive(most=1),
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


def build_pipeline(candidate: Candidate, seed: int) -> Pipeline:
    """Unfitted pipeline of a configuration; the same seed and rows give the same model."""
    family = FAMILIES[candidate.family]
    steps: list[tuple[str, Any]] = [(SCALE_STEP, StandardScaler())] if family.scaled else []
    return Pipeline([*steps, (MODEL_STEP, family.build(candidate.settings, seed))])


def fit_pipeline(pipeline: Pipeline, rows: Rows, labels: Labels) -> None:
    """Fit with rows weighted so that both classes have the same total weight.

    :param rows: shape (n, inputs), no NaN. Fitted as float64 holding float32 values, which is what the
        exported model compares and adds.
    :param labels: 0 or 1, shape (n,), both present.
    """
    weights = compute_sample_weight("balanced", labels)
    with one_openmp_thread():
        pipeline.fit(rows.astype(np.float64), labels, **{f"{MODEL_STEP}__sample_weight": weights})


def error_margin(pipeline: Pipeline, rows: Rows) -> Floats:
    """Log-odds of an error before calibration, shape (n,).

    This is what the model itself adds up, where it does: near 1 a probability has lost the digits of its
    log-odds. A forest has votes only; theirs are cut off at ``RARE``.
    """
    values = rows.astype(np.float64)
    model = pipeline.named_steps[MODEL_STEP]
    with one_openmp_thread():
        if isinstance(model, RandomForestClassifier):
            votes = np.log(np.clip(pipeline.predict_proba(values), RARE, 1.0 - RARE))
            return np.asarray(votes[:, 1] - votes[:, 0], dtype=np.float64)
        if hasattr(model, "decision_function"):
            return np.asarray(pipeline.decision_function(values), dtype=np.float64)
        return np.asarray(model.predict(values, raw_score=True), dtype=np.float64)


def one_openmp_thread() -> threadpool_limits:
    """Limit the OpenMP loops of the calling thread to one thread, inside a ``with``.

    OpenMP threads wait for each other by spinning: on a machine whose cores are busy with other fits, two
    take several times as long as one.
    """
    return threadpool_limits(limits=1, user_api="openmp")
