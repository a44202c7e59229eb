"""Pipelines of candidates: built, fitted, and asked for the log-odds of an error.

Every model takes complete float32 rows (missing values are imputed before, with the numbers that serving
uses) and weighs the rows so that both classes count the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from training.search.candidates import Candidate
from training.search.families import FAMILIES

MODEL_STEP = "model"
SCALE_STEP = "scale"
RARE = 1e-6
"""A vote of a forest is taken to lie in [RARE, 1 - RARE]; beyond, its log-odds would be infinite."""

Rows = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]


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
