"""The test: the winner judged once on the later rows that nothing before has looked at."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlrun
import pandas as pd
from mlrun.artifacts import PlotlyArtifact

from feature_sets.model_schema import ModelSchema
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.baselines import SingleFeatureRule, baseline_scores
from training.handler_arguments import fraction, whole_number
from training.model_artifact import fetch_model_package, log_model_package
from training.model_package import OnnxModel, read_model_package, write_schema
from training.run_artifacts import artifact_path
from training.score_plots import score_figure
from training.scores import classification_scores
from training.selection_mark import refuse_selection_on_test_rows, refuse_training_on_test_devices
from training.training_set import TimeSplit, TrainingSetError, read_split

PREDICTION = "prediction"
PROBABILITY = "probability"
PREDICTIONS_KEY = "test_set_preds"


@dataclass(frozen=True)
class Verdict:
    """What the test found.

    :param scores: of the model on the test part.
    :param baselines: ``majority_class`` and ``single_feature`` -> scores on the same rows.
    :param rule: the single-feature baseline.
    :param predictions: device, time, model inputs (missing values not imputed), label, prediction (0 or 1),
        probability; one row a test row, sorted by time.
    """

    scores: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    rule: SingleFeatureRule
    predictions: pd.DataFrame

    @property
    def beats_baselines(self) -> bool:
        """Whether the model's average precision is higher than that of every baseline."""
        best = max(scores["average_precision"] for scores in self.baselines.values())
        return self.scores["average_precision"] > best


def judge(split: TimeSplit, schema: ModelSchema, model: OnnxModel) -> Verdict:
    """Score a packaged model on the test part, beside the baselines.

    :param split: of the same rows that trained the model.
    :param schema: of the model.
    :param model: the packaged ONNX graph, as it will be served.
    :raises TrainingSetError: if the model was trained on rows that reach into the test part or its embargo.
    """
    latest = split.cut - pd.Timedelta(seconds=split.embargo_seconds)
    if pd.Timestamp(schema.training_end) > latest:
        raise TrainingSetError(
            f"the test part must begin {split.embargo_seconds} s after the last training row, got training "
            f"rows up to {schema.training_end} and test rows from {split.cut.isoformat()}; use the same "
            "test_fraction and data in training and test"
        )
    test = split.test
    probability = model.probability(schema.matrix(test))
    predictions = test[[DEVICE, split.time, *schema.input_names, split.label]].assign(
        **{PREDICTION: (probability >= schema.threshold).astype("int8"), PROBABILITY: probability}
    )
    baselines, rule = baseline_scores(split.train, test, schema.input_names, split.label)
    return Verdict(
        scores=classification_scores(test[split.label].to_numpy(), probability, schema.threshold),
        baselines=baselines,
        rule=rule,
        predictions=predictions,
    )


def evaluate(
    context: mlrun.MLClientCtx,
    model_path: str,
    feature_vector: str,
    schema: Mapping[str, Any] | str = "",
    test_fraction: float = 0.3,
    train_rows: int = 20_000,
    seed: int = 0,
    tag: str = "production",
    test_devices: float = 0.0,
) -> None:
    """MLRun job: judge a model on the untouched later rows and register it.

    Results: average_precision, roc_auc, f1, precision, recall and the confusion matrix on the test rows,
    ``base_rate`` (share of errors among them); the same with ``majority_class_`` and ``single_feature_`` in
    front; ``beats_baselines``, ``single_feature_rule``, ``model_uri``, ``version``, ``threshold``, the split.
    Data set: ``test_set_preds``. Plot: ``test_scores``. Model: ``model``.

    :param context: of the run.
    :param model_path: address of the model, for instance ``outputs["model"]`` of the training run.
    :param feature_vector: address of the vector it was trained on.
    :param schema: telemetry schema, as content or path; empty for the simulated network's.
    :param test_fraction: later share of the rows; the same as in training. All of them are judged on.
    :param train_rows: rows of the training part that the baselines are fixed on; the same as in training.
    :param seed: of the sample of those rows; the same as in training.
    :param tag: tag the registered model gets.
    :param test_devices: share of the devices that alone are judged on; the same as in training.
    """
    telemetry = TelemetrySchema.load(schema)
    test_fraction = fraction("test_fraction", test_fraction)
    test_devices = fraction("test_devices", test_devices, including_zero=True)
    train_rows = whole_number("train_rows", train_rows, at_least=100)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        origin = fetch_model_package(model_path, directory)
        model_schema, model = read_model_package(directory)
        split = read_split(
            context,
            feature_vector,
            telemetry,
            test_fraction,
            train_rows,
            seed,
            test_devices=test_devices,
            with_test=True,
        )
        refuse_selection_on_test_rows(feature_vector, split)
        refuse_training_on_test_devices(origin.parameters, split)
        verdict = judge(split, model_schema, model)
        # The package says how it did on rows it was not made from, not how it did in validation.
        registered = dataclasses.replace(model_schema, metrics=dict(verdict.scores))
        write_schema(directory, registered)
        model_uri = log_model_package(
            context,
            directory,
            registered,
            algorithm=origin.algorithm,
            parameters=origin.parameters,
            feature_vector=feature_vector,
            tag=tag,
        )
    if not verdict.beats_baselines:
        context.logger.warning(f"the model is no better than the rule {verdict.rule}")
    _log_artifacts(context, verdict, split, registered.threshold)
    context.log_results(
        {
            **verdict.scores,
            "base_rate": float(split.test[split.label].mean()),
            **{
                f"{baseline}_{score}": value
                for baseline, scores in verdict.baselines.items()
                for score, value in scores.items()
            },
            "single_feature_rule": str(verdict.rule),
            "beats_baselines": verdict.beats_baselines,
            "model_uri": model_uri,
            "version": registered.version,
            "threshold": registered.threshold,
            **split.describe(),
        }
    )


def _log_artifacts(context: mlrun.MLClientCtx, verdict: Verdict, split: TimeSplit, threshold: float) -> None:
    path = artifact_path(context)
    context.log_dataset(
        PREDICTIONS_KEY,
        df=verdict.predictions,
        format="parquet",
        index=False,
        stats=False,
        label_column=split.label,
        artifact_path=path,
    )
    figure = score_figure(
        split.test[split.label].to_numpy(),
        {
            "model": verdict.predictions[PROBABILITY].to_numpy(),
            str(verdict.rule): verdict.rule.score(split.test),
        },
        verdict.scores,
        threshold,
    )
    context.log_artifact(PlotlyArtifact(figure=figure, key="test_scores"), artifact_path=path)
