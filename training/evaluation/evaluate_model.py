"""Evaluating a packaged model on the test part, beside the baselines."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.model_package.columns import PREDICTION, PROBABILITY
from feature_sets.model_package.onnx_session import OnnxSession
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import DEVICE
from feature_sets.telemetry.split_rule import TIME
from training.dataset.split import Split
from training.decision.threshold_rules import MAX_F1, ThresholdRule, parse_threshold_rule
from training.evaluation.baselines import MAJORITY_CLASS, MODEL, SINGLE_FEATURE, baselines
from training.evaluation.bootstrap import SKILL, bootstrap
from training.evaluation.clusters import AUTO, Apart, row_clusters
from training.evaluation.episodes import ALARM, episode_view
from training.evaluation.evaluation_report import EvaluationReport
from training.evaluation.scores import Scored, brier_skill, scores_of


def evaluate_model(
    split: Split,
    schema: ModelSchema,
    model: OnnxSession,
    label_history: pd.DataFrame,
    seed: int = 0,
    bootstrap_by: str = AUTO,
) -> EvaluationReport:
    """Score a packaged model on the test part, beside the baselines.

    :param split: of the same rows that trained the model.
    :param schema: of the model.
    :param model: the packaged ONNX graph, as it will be served.
    :param label_history: device, time (UTC) and label of every label row of the evaluated devices.
    :param seed: of the resamples.
    :param bootstrap_by: the resampling unit of the intervals, see ``row_clusters``.
    :raises InputError: unless the model says on which rows it was trained and, where time is cut for all,
        they end an embargo before the test part.
    """
    _check_training_end(schema.training_end, split)
    test, telemetry = split.test, schema.telemetry
    labels: npt.NDArray[np.int8] = test[split.label].to_numpy()
    probability = model.probability(schema.matrix(test))
    without_model, rule = baselines(
        split.train, test, schema.input_names, split.label, split.weights, _rule(schema)
    )
    scorers = {
        MODEL: Scored(probability, schema.threshold, probability),
        SINGLE_FEATURE: without_model[SINGLE_FEATURE],
        MAJORITY_CLASS: without_model[MAJORITY_CLASS],
    }
    predicted = scorers[MODEL].predicted
    apart = Apart.of(telemetry, split.incidents)
    clusters = row_clusters(test, split.time, split.label, bootstrap_by, apart, split.groups)
    known_rate = split.weights.share(split.train[split.label].to_numpy())
    scores = {name: scores_of(labels, scored) for name, scored in scorers.items()}
    scores[MODEL][SKILL] = brier_skill(labels, probability, known_rate)
    rows = test[[DEVICE, split.time]].assign(**{ALARM: predicted})
    return EvaluationReport(
        telemetry=telemetry,
        scorers=scorers,
        scores=scores,
        intervals=bootstrap(labels, scorers, clusters, known_rate, seed),
        rule=rule,
        predictions=test[[DEVICE, split.time, *schema.input_names, split.label]].assign(
            **{PREDICTION: predicted.astype("int8"), PROBABILITY: probability}
        ),
        episodes=episode_view(rows, label_history, telemetry, split.test_starts, split.incidents),
        threshold_uncertain=bool(schema.validation.get("threshold_uncertain", 0.0)),
        threshold_rule=str(_rule(schema)),
        tested_on=split.tested_on,
    )


def _rule(schema: ModelSchema) -> ThresholdRule:
    """Rule that chose the model's threshold; the baselines get theirs by the same."""
    return parse_threshold_rule(schema.threshold_rule or MAX_F1)


def _check_training_end(training_end: str, split: Split) -> None:
    """Raise InputError unless training ended an embargo before the test part, where time is cut for all."""
    if not training_end:
        raise InputError("training_end of the model", "must say when its training rows end", training_end)
    if split.rule.by == TIME and pd.Timestamp(training_end) > split.train_until:
        raise InputError(
            "test part",
            f"must begin {split.embargo_seconds} s after the last training row, {training_end} (use the same "
            "test_fraction and data in training and evaluation)",
            split.cut.isoformat(),
        )
