"""Training: a search over many models, the winner calibrated and packaged."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

import dataclasses
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlrun
import pandas as pd

from feature_sets.checks import check_integer
from feature_sets.model_package.families import OWN_LEVEL_DISTANCE
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.device_groups import score_groups
from training.dataset.split import Split
from training.dataset.split_arguments import SplitArguments
from training.dataset.too_little import telling_too_little
from training.dataset.training_set import read_split
from training.decision.threshold_rules import ThresholdRule, parse_threshold_rule
from training.evaluation.group_scores import COLUMNS
from training.job.defaults import (
    COMBINATIONS,
    SCORES_BY,
    SEARCH,
    SEED,
    SPLIT,
    TEST_DEVICES,
    TEST_FRACTION,
    THRESHOLD_RULE,
    TRAIN_ROWS,
    TRAINING_WINDOW,
)
from training.job.run_artifacts import log_tables
from training.packaging.fitted_model import FittedModel, fit_model
from training.packaging.input_categories import with_categories
from training.packaging.left_out_groups import LEFT_OUT_KEY, left_out_groups
from training.packaging.model_artifact import log_model_package
from training.packaging.package_writer import write_model_package
from training.search.progress import Progress
from training.search.search_iterations import TABLE_KEY, log_iterations, results_table
from training.search.search_metric import SearchMetric, parse_search_metric
from training.search.search_space import Plan, plan_search
from training.search.split_timeline import TIMELINE_KEY, split_timeline
from training.search.successive_halving import SCORES
from training.search.time_folds import check_folds
from training.selection.selection_mark import HELD_OUT, refuse_selection_on_test_rows
from training.unlabeled.fit import UnlabeledModel
from training.unlabeled.train_job import make_unlabeled, unlabeled_facts, unlabeled_table


def train(
    context: mlrun.MLClientCtx,
    feature_vector: str,
    schema: Mapping[str, Any] | str = "",
    seed: int = SEED,
    test_fraction: float = TEST_FRACTION,
    train_rows: int = TRAIN_ROWS,
    search: str = SEARCH,
    combinations: int = COMBINATIONS,
    families: Sequence[str] | str = "",
    candidates: Sequence[Mapping[str, Any]] | None = None,
    folds: int = 3,
    search_metric: str = "max.average_precision",
    threshold_rule: str = THRESHOLD_RULE,
    test_devices: float = TEST_DEVICES,
    training_window: str = TRAINING_WINDOW,
    split: str = SPLIT,
    scores_by: str = SCORES_BY,
) -> None:
    """MLRun job: search for the best model on the training part, calibrate it and package it.

    Combinations are compared by cross-validation, placed where the errors are, and successive halving; each
    is an iteration of this run. The winner is fitted on the whole training part.

    Without labels nothing is searched for: the model is the distance of a device from its own level, see
    ``training.unlabeled``, with ``unlabeled``, ``alarm_share`` and ``limit`` in the place of scores.

    Results: average_precision, roc_auc, f1, precision, recall and the confusion matrix of the winner on its
    out-of-fold rows, ``threshold``, ``threshold_rule``, ``calibration_a``, ``calibration_b``; the facts of
    ``training.decision.operating_point``, such as ``false_alarm_rate`` and its range; ``candidate``,
    ``family``, ``best_iteration``, ``search``, ``combinations`` (tried), ``combinations_possible``,
    ``search_metric``, ``rungs`` (rows of each), ``folds`` (how they are placed), ``folds_used``,
    ``folds_skipped``, ``search_seconds``, ``fit_seconds``, ``converged``, ``version``, ``code_version``,
    ``n_features``, ``dropped`` (feature -> why it is useless), ``split``, ``embargo_seconds``, and ``train_``
    with start, end, rows, positives, rows_available. Data sets: ``search_results``, ``left_out_groups``,
    ``split_timeline``. Model: ``model``.

    :param context: of the run.
    :param feature_vector: address of the vector to train on.
    :param schema: telemetry schema, as content or path; empty for the simulated network's.
    :param seed: of draw, samples and models; the same seed and rows give the same digest.
    :param test_fraction: later share of the rows that is kept for the evaluation and not looked at.
    :param train_rows: of more rows in the training part, all errors and a sample of the healthy ones are
        used, see ``sample_healthy_rows``; what is told of rates counts each for the rows it stands for.
    :param search: ``random`` or ``grid``, see ``training.search.search_space``.
    :param combinations: most combinations of hyper-parameters to try.
    :param families: kinds of model to restrict the search to, as a list or as text with commas; empty for
        all.
    :param candidates: instead of a search space, a list of ``{"family": ..., "parameters": {...}}``.
    :param folds: folds of the search forward in time; one that lacks rows or a class is skipped and said.
        With few error episodes each is left out in turn instead, see ``training.search.time_folds``.
    :param search_metric: the score that decides, ``max.`` or ``min.`` and average_precision, roc_auc, f1,
        precision or recall.
    :param threshold_rule: ``max_f1``, ``min_precision:0.9``, ``cost:10`` or ``false_alarms:0.001``,
        see ``training.decision.threshold_rules``.
    :param test_devices: share of the rows, of whole devices or groups, that is not looked at; see ``split``.
    :param training_window: how far back the labeled rows reach, such as ``14d``, or ``since`` and a time;
        empty takes all.
    :param split: see ``SplitRule.parse``; empty for the rule of the schema. The same in all steps.
    :param scores_by: column by whose groups scores are told; empty for that of a split by groups.
    """
    telemetry = TelemetrySchema.load(schema)
    arguments = SplitArguments(test_fraction, test_devices, train_rows, seed, training_window, split)
    folds = check_integer("argument 'folds'", folds, at_least=1)
    rule = parse_threshold_rule(threshold_rule)
    metric = parse_search_metric(search_metric, SCORES)
    plan = plan_search(search, combinations, families, candidates, arguments.seed)
    parts = _read(context, feature_vector, telemetry, arguments)
    if parts.unlabeled:
        _train_unlabeled(context, parts, telemetry, rule, feature_vector)
        return
    groups = score_groups(feature_vector, telemetry, scores_by, parts)
    asked = _Asked(plan, metric, rule, folds, arguments.seed)
    _train_labeled(context, parts, telemetry, asked, feature_vector, groups)


@dataclasses.dataclass(frozen=True)
class _Asked:
    """What a search is for: combinations, the score that decides, the rule of the threshold, folds, seed."""

    plan: Plan
    metric: SearchMetric
    rule: ThresholdRule
    folds: int
    seed: int


def _train_unlabeled(
    context: mlrun.MLClientCtx,
    parts: Split,
    telemetry: TelemetrySchema,
    rule: ThresholdRule,
    feature_vector: str,
) -> None:
    """Make and log a model without labels, with tables and results in the place of a search's."""
    made = make_unlabeled(context, parts, telemetry, rule)
    written = _log_model(context, made, OWN_LEVEL_DISTANCE, parts, feature_vector)
    tables = {
        TABLE_KEY: unlabeled_table(made, parts),
        LEFT_OUT_KEY: pd.DataFrame(columns=COLUMNS),
        TIMELINE_KEY: split_timeline(parts, telemetry, None),
    }
    log_tables(context, tables)
    context.log_results({**unlabeled_facts(written, made), **_training_part(parts)})


def _train_labeled(
    context: mlrun.MLClientCtx,
    parts: Split,
    telemetry: TelemetrySchema,
    asked: _Asked,
    feature_vector: str,
    groups: Mapping[str, str],
) -> None:
    """Search, fit the winner, and log both with tables and results."""
    context.logger.info(f"search: {asked.plan}")
    started = time.perf_counter()
    fitted = _fitted(context, parts, telemetry, asked)
    seconds = time.perf_counter() - started
    _log_doubts(context, fitted)
    log_iterations(context, fitted.outcome)
    written = _log_model(context, fitted, str(fitted.outcome.winner.candidate), parts, feature_vector)
    left_out = left_out_groups(parts, fitted, groups, asked.seed)
    timeline = split_timeline(parts, telemetry, fitted.folds)
    tables = {TABLE_KEY: results_table(fitted.outcome), LEFT_OUT_KEY: left_out, TIMELINE_KEY: timeline}
    log_tables(context, tables)
    context.log_results(
        {
            **_search_facts(asked.plan, asked.metric, fitted, seconds),
            **_model_facts(written, asked.rule, fitted),
            **_training_part(parts),
        }
    )


def _read(
    context: mlrun.MLClientCtx, feature_vector: str, telemetry: TelemetrySchema, arguments: SplitArguments
) -> Split:
    """The training part; refuses features that were selected with the help of test rows."""
    parts = read_split(context, feature_vector, telemetry, arguments, check=check_folds)
    refuse_selection_on_test_rows(feature_vector, parts)
    return parts


def _fitted(
    context: mlrun.MLClientCtx, parts: Split, telemetry: TelemetrySchema, asked: _Asked
) -> FittedModel:
    """Search on the training part, and fit the winner; the log of the run tells how far it is."""
    plan, metric, rule = asked.plan, asked.metric, asked.rule
    with telling_too_little(context), Progress(context.logger.info) as progress:
        return fit_model(
            parts.train,
            telemetry,
            plan,
            metric,
            rule,
            asked.folds,
            asked.seed,
            progress,
            parts.weights,
            parts.shape,
        )


def _log_model(
    context: mlrun.MLClientCtx,
    fitted: FittedModel | UnlabeledModel,
    candidate: str,
    split: Split,
    feature_vector: str,
) -> ModelSchema:
    """Write the package and log it as a model artifact; returns the schema with version and digests."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        rows = fitted.schema.matrix(split.train)
        schema = with_categories(fitted.schema, feature_vector)
        schema = dataclasses.replace(schema, trained_devices=split.trained_devices)
        written = write_model_package(directory, fitted.pipeline, schema, rows)
        log_model_package(
            context,
            directory,
            written,
            algorithm=written.algorithm,
            parameters={"candidate": candidate, HELD_OUT: split.digest, **written.parameters},
            feature_vector=feature_vector,
        )
    return written


def _search_facts(plan: Plan, metric: SearchMetric, fitted: FittedModel, seconds: float) -> dict[str, Any]:
    """Results of the search, which took so many seconds with the last fit."""
    winner = fitted.outcome.winner.candidate
    return {
        "candidate": str(winner),
        "family": winner.family,
        "search": plan.search,
        "combinations": len(plan.candidates),
        "combinations_possible": plan.possible,
        "search_metric": str(metric),
        "rungs": list(fitted.outcome.rungs),
        "folds": fitted.folds.kind,
        "folds_used": len(fitted.folds.used),
        "folds_skipped": list(fitted.folds.skipped),
        "search_seconds": seconds - fitted.fit_seconds,
    }


def _model_facts(written: ModelSchema, rule: ThresholdRule, fitted: FittedModel) -> dict[str, Any]:
    """Results of the model as it was written."""
    return {
        **written.validation,
        "threshold": written.threshold,
        "threshold_rule": str(rule),
        "calibration_a": written.calibration.a,
        "calibration_b": written.calibration.b,
        "fit_seconds": fitted.fit_seconds,
        "converged": fitted.converged,
        "version": written.version,
        "code_version": written.code_version,
        "n_features": len(written.inputs),
        "dropped": dict(fitted.dropped),
    }


def _log_doubts(context: mlrun.MLClientCtx, fitted: FittedModel) -> None:
    """Warn of what a reader of the results should know about the search."""
    for name, reason in fitted.dropped.items():
        context.logger.warning(f"feature '{name}' is left out: {reason}")
    for reason in fitted.folds.skipped:
        context.logger.warning(f"cross-validation skips {reason}")
    if fitted.point.calibration.a == 0.0:
        context.logger.warning(
            "the model answers the same for every row: out of its folds, errors do not rank above other rows"
        )
    if fitted.point.uncertain:
        context.logger.warning(
            f"the threshold is uncertain: it rests on {fitted.point.episodes} error episodes, and others "
            f"would give one between {fitted.point.low:.3g} and {fitted.point.high:.3g}"
        )
    if fitted.unconverged:
        context.logger.warning(f"{fitted.unconverged} fits of the search stopped before they converged")
    if not fitted.converged:
        context.logger.warning(f"{fitted.outcome.winner.candidate} stopped before it converged")


def _training_part(split: Split) -> dict[str, Any]:
    """Facts of the training part; the test part is not looked at here."""
    return {
        name: value
        for name, value in split.describe().items()
        if name.startswith("train_") or name in ("embargo_seconds", "split")
    }
