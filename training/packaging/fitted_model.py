"""From a training part to a model: search, calibration, threshold, and a last fit on all of its rows."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from feature_sets.checks import InputError
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.feature_columns import feature_columns, useless_features
from training.dataset.fold_shape import ONE_TIME, FoldShape
from training.dataset.stratified_sample import ONE_EACH, ClassWeights
from training.decision.calibration import calibrated
from training.decision.operating_point import OperatingPoint, OutOfFold, operating_point
from training.decision.threshold_rules import ThresholdRule
from training.evaluation.scores import classification_scores
from training.packaging.code_version import code_version
from training.packaging.package_writer import model_inputs, prediction_histogram
from training.search.fold_matrices import fold_rows, readable_folds
from training.search.out_of_fold import out_of_fold
from training.search.pipelines import build_pipeline, fit_pipeline
from training.search.progress import Progress
from training.search.search_metric import SearchMetric
from training.search.search_space import Plan
from training.search.successive_halving import SearchOutcome, search
from training.search.time_folds import Folds, episode_folds


@dataclass(frozen=True)
class FittedModel:
    """The winner of a search, fitted on the whole training part.

    :param pipeline: fitted.
    :param schema: inputs, calibration, threshold and scores; version and digests are still empty.
    :param outcome: what the search found.
    :param folds: what it was evaluated on.
    :param rows: out-of-fold rows of the winner, which calibration, threshold and scores come from.
    :param point: calibration and threshold, and how sure they are.
    :param fit_seconds: time the last fit took, in seconds.
    :param converged: False if the solver of the last fit stopped before it converged.
    :param unconverged: fits of the search that did.
    :param dropped: feature -> reason it was left out.
    """

    pipeline: Pipeline
    schema: ModelSchema
    outcome: SearchOutcome
    folds: Folds
    rows: OutOfFold
    point: OperatingPoint
    fit_seconds: float
    converged: bool
    unconverged: int
    dropped: Mapping[str, str]


def fit_model(
    training_part: pd.DataFrame,
    schema: TelemetrySchema,
    plan: Plan,
    metric: SearchMetric,
    rule: ThresholdRule,
    folds: int = 3,
    seed: int = 0,
    progress: Progress | None = None,
    weights: ClassWeights = ONE_EACH,
    shape: FoldShape = ONE_TIME,
) -> FittedModel:
    """Search for the best combination, fit it on all rows, calibrate it and choose its threshold.

    Calibration, threshold and scores come from out-of-fold predictions of the winner, fitted on what lies
    before and after each block, see ``Folds.decision``. The served model has seen a little more than any of
    those, so the scores rather understate it; that threshold and calibration were chosen on the rows they are
    scored on overstates it a little. They are too good where the features were selected by the labels of
    those rows: ``select_features`` says with ``selection_part`` whether they were.

    :param training_part: device, time, features, label; no row of the test period.
    :param schema: names the columns and gives the embargo between fit and validation rows.
    :param plan: the combinations to try.
    :param metric: the score that decides.
    :param rule: chooses the threshold.
    :param folds: folds of the search, see ``episode_folds``.
    :param seed: of models and samples.
    :param progress: told of every fit; by default nobody is.
    :param weights: how many rows each row of the training part stands for; by default one each.
    :param shape: of the folds.
    :raises InputError: unless a feature has a reading, a fold has both classes and a reading, and a threshold
        meets the rule.
    """
    names = feature_columns(training_part, schema)
    dropped = useless_features(training_part, names, constant=False)
    kept = [name for name in names if name not in dropped]
    if not kept:
        raise InputError("training part", "must have at least one feature with a reading", dropped)
    in_order = shape.in_order(training_part, schema.time)
    spans = shape.incidents.numbers(training_part, schema.time)
    used = readable_folds(training_part, kept, episode_folds(in_order, schema, folds, shape.groups, spans))
    with _convergence_warnings() as stopped:
        outcome = search(
            plan.candidates,
            fold_rows(training_part, kept, schema, used.used, weights),
            metric,
            rule,
            seed,
            progress or Progress(lambda line: None),
        )
        winner = outcome.winner.candidate
        rows = out_of_fold(in_order, kept, schema, used, winner, weights, seed, spans)
    point = operating_point(rule, rows, seed)
    model_schema = replace(
        _described(training_part, kept, schema, weights, rows, point),
        threshold_rule=str(rule),
        algorithm=winner.family,
        parameters={**winner.settings, "seed": seed},
    )
    pipeline = build_pipeline(winner, seed)
    started = time.perf_counter()
    with _convergence_warnings() as stopped_at_last:
        fit_pipeline(pipeline, model_schema.matrix(training_part), training_part[schema.target].to_numpy())
    return FittedModel(
        pipeline=pipeline,
        schema=model_schema,
        outcome=outcome,
        folds=used,
        rows=rows,
        point=point,
        fit_seconds=time.perf_counter() - started,
        converged=not stopped_at_last,
        unconverged=len(stopped),
        dropped=dropped,
    )


def _described(
    training_part: pd.DataFrame,
    names: Sequence[str],
    schema: TelemetrySchema,
    weights: ClassWeights,
    rows: OutOfFold,
    point: OperatingPoint,
) -> ModelSchema:
    """What the package says of data and operating point; rule, algorithm and parameters are still empty."""
    probability = calibrated(rows.margins, point.calibration)
    scores = {
        **classification_scores(rows.labels, probability, point.threshold, rows.weights),
        **point.describe(),
    }
    return ModelSchema(
        telemetry=schema,
        inputs=model_inputs(training_part, names, schema, weights),
        threshold=point.threshold,
        version="",
        metrics=scores,
        training_start=training_part[schema.time].min().isoformat(),
        training_end=training_part[schema.time].max().isoformat(),
        calibration=point.calibration,
        predictions=prediction_histogram(probability, rows.weights),
        validation=scores,
        code_version=code_version(),
    )


@contextmanager
def _convergence_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Collects convergence warnings of all threads inside the ``with``; any other is passed on after it."""
    stopped: list[warnings.WarningMessage] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield stopped
    for item in caught:
        if issubclass(item.category, ConvergenceWarning):
            stopped.append(item)
        else:
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
