"""The test: the winner judged once on the later rows that nothing before has looked at."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

import dataclasses
import tempfile
from pathlib import Path

import mlrun

from feature_sets.model_package.columns import PROBABILITY
from feature_sets.model_package.package import fetch_model_package
from training.dataset.label_history import read_error_states
from training.dataset.time_split import TimeSplit
from training.dataset.training_set import read_split
from training.evaluation.baselines import SINGLE_FEATURE
from training.evaluation.bootstrap import BASE_RATE
from training.evaluation.clusters import AUTO, parse_bootstrap_by
from training.evaluation.evaluation_plots import alarms_figure, calibration_figure, score_figure
from training.evaluation.evaluation_report import MODEL, Judgement, judge
from training.job.arguments import fraction, true_or_false, whole_number
from training.job.defaults import PROMOTE, SEED, TEST_DEVICES, TEST_FRACTION, TRAIN_ROWS
from training.job.run_artifacts import artifact_path, log_figures, log_tables
from training.packaging.model_artifact import log_model_package
from training.packaging.package_writer import write_files
from training.selection.selection_mark import refuse_selection_on_test_rows, refuse_training_on_test_devices

REJECTED = "rejected"
"""Tag of a model that its test found to be of no use."""
PREDICTIONS_KEY = "test_set_preds"
_PACKAGED = (BASE_RATE, "average_precision_low", "average_precision_high", "f1_low", "f1_high")
"""Results that the package holds beside the model's scores."""


def evaluate(
    context: mlrun.MLClientCtx,
    model_path: str,
    feature_vector: str,
    test_fraction: float = TEST_FRACTION,
    train_rows: int = TRAIN_ROWS,
    seed: int = SEED,
    tag: str = "production",
    test_devices: float = TEST_DEVICES,
    bootstrap_by: str = AUTO,
    promote: bool = PROMOTE,
) -> None:
    """MLRun job: judge a model on the untouched later rows and register it.

    Results, on the test rows: average_precision, roc_auc, f1, precision, recall, brier and the confusion
    matrix, the same with ``majority_class_`` and ``single_feature_`` in front, brier_skill, ``base_rate``
    (share of errors), ``false_alarm_share`` (of the healthy rows); where enough devices, days or hours have
    errors, ``_low`` and ``_high`` of the scores, the bounds of their 95 % intervals, and
    ``gain_over_..._low`` and ``_high`` of the model's average precision; ``intervals``, what they rest on;
    error episodes, delays or lead times and false alarms, see ``EpisodeView``; ``beats_baselines``,
    ``predictable``, ``verdict``, ``single_feature_rule``, ``model_uri``, ``promoted`` (whether it got the
    tag), ``version``, ``threshold``, the split.

    Data sets: ``test_set_preds``, ``test_scores_table``, ``test_device_scores``,
    ``test_episodes``, ``test_false_alarms``. Plots: ``test_scores``, ``test_calibration``, ``test_alarms``.
    Model: ``model``.

    :param context: of the run.
    :param model_path: address of the model, for instance ``outputs["model"]`` of the training run.
    :param feature_vector: address of the vector it was trained on.
    :param test_fraction: later share of the rows; the same as in training. All of them are judged on.
    :param train_rows: rows of the training part that the baselines are fixed on; the same as in training.
    :param seed: of the sample of those rows, the same as in training; and of the intervals.
    :param tag: tag the registered model gets.
    :param test_devices: share of the devices that alone are judged on; the same as in training.
    :param bootstrap_by: what intervals are drawn over: ``device``, ``day`` (a device in a day) or ``auto``,
        devices if there are enough of them.
    :param promote: whether a model of what is not predictable gets the tag as well; otherwise it gets
        ``rejected``, and what has the tag keeps it.
    """
    test_fraction = fraction("test_fraction", test_fraction)
    test_devices = fraction("test_devices", test_devices, including_zero=True)
    train_rows = whole_number("train_rows", train_rows, at_least=100)
    seed = whole_number("seed", seed, at_least=0)
    bootstrap_by = parse_bootstrap_by(bootstrap_by)
    promote = true_or_false("promote", promote)
    package = fetch_model_package(model_path)
    telemetry = package.schema.telemetry
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
    refuse_training_on_test_devices(package.parameters, split)
    states = read_error_states(feature_vector, telemetry, split.held_out)
    judgement = judge(split, package.schema, package.session(), states, seed, bootstrap_by)
    facts = judgement.describe()
    # The package says how it did on rows it was not made from, not how it did in validation.
    scores = {name: float(facts[name]) for name in (*judgement.scores[MODEL], *_PACKAGED) if name in facts}
    registered = dataclasses.replace(package.schema, metrics=scores)
    promoted = judgement.predictable or promote
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        write_files(directory, registered, package.graph)
        model_uri = log_model_package(
            context,
            directory,
            registered,
            algorithm=package.algorithm,
            parameters=package.parameters,
            feature_vector=feature_vector,
            tag=tag if promoted else REJECTED,
        )
    if not (judgement.predictable and judgement.beats_baselines):
        context.logger.warning(judgement.verdict)
    _log_artifacts(context, judgement, split, registered.threshold)
    context.log_results(
        {
            **facts,
            "model_uri": model_uri,
            "promoted": promoted,
            "version": registered.version,
            "threshold": registered.threshold,
            **split.describe(),
        }
    )


def _log_artifacts(
    context: mlrun.MLClientCtx, judgement: Judgement, split: TimeSplit, threshold: float
) -> None:
    context.log_dataset(
        PREDICTIONS_KEY,
        df=judgement.predictions,
        format="parquet",
        index=False,
        stats=False,
        label_column=split.label,
        artifact_path=artifact_path(context),
    )
    log_tables(
        context,
        {
            "test_scores_table": judgement.table(),
            "test_device_scores": judgement.device_table(),
            "test_episodes": judgement.episodes.episodes,
            "test_false_alarms": judgement.episodes.false_alarms,
        },
    )
    rows, scores = judgement.predictions, judgement.scores[MODEL]
    labels = rows[split.label].to_numpy()
    model, rule = (judgement.scorers[name].score for name in (MODEL, SINGLE_FEATURE))
    figures = {
        "test_scores": score_figure(labels, {MODEL: model, str(judgement.rule): rule}, scores, threshold),
        "test_calibration": calibration_figure(labels, rows[PROBABILITY].to_numpy(), scores["brier"]),
        "test_alarms": alarms_figure(
            judgement.episodes.episodes,
            judgement.episodes.false_alarms,
            (rows[split.time].min(), rows[split.time].max()),
        ),
    }
    log_figures(context, figures)
