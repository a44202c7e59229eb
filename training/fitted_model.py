"""Fitting one candidate and choosing its threshold, on the training part only."""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from feature_sets.model_schema import ModelSchema
from feature_sets.telemetry.schema import TelemetrySchema
from training.candidates import Candidate, build_pipeline, error_probability, fit_pipeline
from training.feature_columns import feature_columns, useless_features
from training.model_package import model_inputs
from training.scores import best_f1_threshold, classification_scores
from training.time_split import TimeSplit, TrainingSetError, split_by_time


@dataclass(frozen=True)
class FittedModel:
    """A fitted candidate with its validation scores.

    :param pipeline: fitted on the earlier rows of the training part.
    :param schema: inputs, threshold and dates; version and digests are still empty.
    :param scores: on the later rows of the training part, which also chose the threshold.
    :param fit_seconds: time the fit took, in seconds.
    :param converged: False if the solver stopped before it converged.
    :param dropped: input -> reason it was left out.
    :param split: the training part, split again by time.
    """

    pipeline: Pipeline
    schema: ModelSchema
    scores: Mapping[str, float]
    fit_seconds: float
    converged: bool
    dropped: Mapping[str, str]
    split: TimeSplit


def fit_model(
    training_part: pd.DataFrame,
    schema: TelemetrySchema,
    candidate: Candidate,
    validation_fraction: float = 0.3,
    seed: int = 0,
) -> FittedModel:
    """Fit a candidate on the earlier rows, choose its threshold and score it on the later ones.

    :param training_part: device, time, features, label; no row of the test period.
    :param schema: names the columns and gives the embargo between fit and validation rows.
    :param candidate: what to fit.
    :param validation_fraction: later share of the training part.
    :param seed: of the model.
    :raises TrainingSetError: if a part is too small, has one class only, or no feature has a reading.
    """
    split = split_by_time(training_part, schema, validation_fraction)
    names = feature_columns(training_part, schema)
    dropped = useless_features(split.train, names, constant=False)
    kept = [name for name in names if name not in dropped]
    if not kept:
        raise TrainingSetError(f"at least one feature must have a reading, got none of {len(names)}")
    pipeline = build_pipeline(candidate, seed)
    model_schema = ModelSchema(
        telemetry=schema,
        inputs=model_inputs(split.train, kept, schema),
        threshold=0.5,
        version="",
        training_start=split.train[schema.time].min().isoformat(),
        training_end=split.test[schema.time].max().isoformat(),
    )
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        # Becomes the result ``converged``; any other warning is passed on below.
        warnings.simplefilter("always", ConvergenceWarning)
        fit_pipeline(pipeline, model_schema.matrix(split.train), split.train[schema.target].to_numpy())
    fit_seconds = time.perf_counter() - started
    unrelated = [item for item in caught if not issubclass(item.category, ConvergenceWarning)]
    for item in unrelated:
        warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
    converged = len(unrelated) == len(caught)
    labels = split.test[schema.target].to_numpy()
    probability = error_probability(pipeline, model_schema.matrix(split.test))
    threshold = best_f1_threshold(labels, probability)
    scores = classification_scores(labels, probability, threshold)
    return FittedModel(
        pipeline=pipeline,
        schema=_with_threshold(model_schema, threshold, scores),
        scores=scores,
        fit_seconds=fit_seconds,
        converged=converged,
        dropped=dropped,
        split=split,
    )


def _with_threshold(schema: ModelSchema, threshold: float, scores: Mapping[str, float]) -> ModelSchema:
    return dataclasses.replace(schema, threshold=threshold, metrics=dict(scores))
