"""Evaluation: the winner scored once on the later rows that nothing before has looked at."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path

import mlrun
import numpy as np
import pandas as pd

from feature_sets.checks import check_boolean
from feature_sets.model_package.columns import PROBABILITY
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.package import ModelPackage, fetch_model_package
from feature_sets.model_package.schema import ModelSchema
from feature_sets.model_package.tags import CANDIDATE, MODEL_KEY, PRODUCTION, REJECTED, STAGING
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.device_groups import score_groups
from training.dataset.label_history import read_label_history
from training.dataset.split import Split
from training.dataset.split_arguments import SplitArguments
from training.dataset.training_set import read_split
from training.dataset.unlabeled_rows import read_unlabeled
from training.evaluation.baselines import MODEL
from training.evaluation.bootstrap import BASE_RATE
from training.evaluation.champion import Champion, compare, find_champion
from training.evaluation.clusters import AUTO, parse_bootstrap_by
from training.evaluation.current_champion import of_one_champion, version_there, why_superseded
from training.evaluation.evaluate_model import evaluate_model
from training.evaluation.group_scores import group_scores
from training.evaluation.label_advice import COLUMNS as ADVICE_COLUMNS
from training.evaluation.label_advice import label_advice
from training.evaluation.promotion_gate import (
    EVALUATED_UNTIL,
    NO_BETTER_THAN,
    Promotion,
    decide,
    decide_without_labels,
)
from training.evaluation_log import Report, log_artifacts, log_results
from training.explanation.explain import Explanation, explain
from training.job.defaults import (
    PROMOTE,
    SCORES_BY,
    SEED,
    SPLIT,
    TEST_DEVICES,
    TEST_FRACTION,
    TRAIN_ROWS,
    TRAINING_WINDOW,
)
from training.packaging.model_artifact import log_model_package
from training.packaging.package_writer import write_files
from training.search.time_folds import check_folds
from training.selection.selection_mark import refuse_selection_on_test_rows, refuse_training_on_test_rows
from training.unlabeled.evaluate import UnlabeledReport, evaluate_unlabeled

_PACKAGED = (BASE_RATE, "average_precision_low", "average_precision_high", "f1_low", "f1_high")
"""Results that the package holds beside the model's scores."""


def evaluate(
    context: mlrun.MLClientCtx,
    model_path: str,
    feature_vector: str,
    test_fraction: float = TEST_FRACTION,
    train_rows: int = TRAIN_ROWS,
    seed: int = SEED,
    tag: str = PRODUCTION,
    test_devices: float = TEST_DEVICES,
    bootstrap_by: str = AUTO,
    promote: bool = PROMOTE,
    training_window: str = TRAINING_WINDOW,
    split: str = SPLIT,
    scores_by: str = SCORES_BY,
    rehearse: bool = False,
    approve: bool = False,
    trial: bool = False,
    champion: str = "",
) -> None:
    """MLRun job: evaluate a model on the untouched test rows, register it, and promote it or not.

    Both it and the model in production are scored on the rows that neither was trained on, see ``decide``. If
    another one takes its place while they are compared, they are compared anew, see ``of_one_champion``.

    Without labels it tells how many alarms the model raises, see ``UnlabeledReport``, and scores are missing.

    Results, on the test rows: average_precision, roc_auc, f1, precision, recall, brier and the confusion
    matrix, the same with ``majority_class_`` and ``single_feature_`` in front, brier_skill, ``base_rate``
    (share of errors), ``false_alarm_share`` (of the healthy rows); where enough devices or episodes have
    errors, ``_low`` and ``_high`` of the scores, the bounds of their 95 % intervals, and
    ``gain_over_..._low`` and ``_high`` of the model's average precision; ``intervals``, what they rest on;
    error episodes, delays or lead times and false alarms, see ``EpisodeView``; what the model does at its
    threshold, see ``OperatingScores``; ``calibrated`` and ``calibration``, ``undecided``,
    ``threshold_uncertain``; ``beats_baselines``, ``predictable``, ``verdict``, ``single_feature_rule``,
    ``model_uri``, ``version``, ``threshold``, the split with ``split_summary``; of the gate ``passed``,
    ``promoted`` (in production now), ``promotion``, ``promotion_reason``, the comparison,
    ``evaluated_against`` (version that was in production then; empty for none), and ``production`` (whether a
    model can be rehearsed and served: the new one, or a champion that can be scored here).

    Data sets: ``test_set_preds``, ``served_set_preds``, ``test_scores_table``, ``test_device_scores``,
    ``test_group_scores``, ``test_episodes``, ``test_false_alarms``, ``test_importance`` and
    ``test_contributions`` (see ``Explanation``), ``labels_wanted`` (see ``label_advice``). Plots:
    ``test_scores``, ``test_calibration``, ``test_alarms``. Model: ``model``.

    :param context: of the run.
    :param model_path: address of the model, for instance ``outputs["model"]`` of the training run.
    :param feature_vector: address of the vector it was trained on.
    :param test_fraction: share of the rows, all of them evaluated on; the same as in training.
    :param train_rows: rows of the training part that the baselines are fixed on; the same as in training.
    :param seed: of the sample of those rows, the same as in training; and of the intervals.
    :param tag: tag the registered model gets.
    :param test_devices: share of the rows, of whole devices or groups; the same as in training.
    :param bootstrap_by: resampling unit of the intervals: ``device``, ``day`` (a device in a day) or
        ``auto``, devices if enough of them have errors, else error episodes.
    :param promote: whether a model gets the tag whatever the gate says; otherwise one that does not pass gets
        ``rejected``, and the model with the tag keeps it.
    :param training_window: how far back the labeled rows reach; the same as in training.
    :param split: see ``SplitRule.parse``; empty for the rule of the schema. The same in all steps.
    :param scores_by: column by whose groups scores are told; empty for that of a split by groups.
    :param rehearse: whether the model is rehearsed before it is served: it gets the tag ``staging`` instead,
        and is ``to be promoted``; the ``promote`` job records that it was. Where the gate keeps it out, the
        model in production gets that tag as well.
    :param approve: whether a person puts a model that passes into production, unless it is the first one: it
        gets the tag ``candidate`` and the outcome ``waits for approval``, and the champion stays.
    :param trial: whether such a model is compared on live events first: its outcome says that instead.
    :param champion: version that the run was begun for: beside another one a model that passes is
        ``superseded``. Empty for whichever is in production when they are compared.
    """
    arguments = SplitArguments(test_fraction, test_devices, train_rows, seed, training_window, split)
    by = parse_bootstrap_by(bootstrap_by)
    promote, rehearse = _checked(promote=promote, rehearse=rehearse)
    approve, trial = _checked(approve=approve, trial=trial)
    package = fetch_model_package(model_path)
    telemetry = package.schema.telemetry
    parts = _read(context, feature_vector, package, arguments)
    groups = score_groups(feature_vector, telemetry, scores_by, parts)
    history = read_label_history(feature_vector, telemetry, parts.tested_devices)
    report = _report(parts, package, history, arguments.seed, by)

    def beside_champion() -> Champion | None:
        return _champion(context, tag, parts, report, history, feature_vector, telemetry, arguments.seed, by)

    known, beside = of_one_champion(_address(context, tag), beside_champion)
    gate = _gate(report, package.schema.version, known, promote)
    if approve and _has_model(context, tag):
        gate = gate.before_approval(trial)
    gate = gate.before_rehearsal() if rehearse else gate
    model = _with_scores(package.schema, report)
    # Whatever may still fail is done before the model gets its tag.
    tables = _tables(feature_vector, parts, package, report, groups, arguments.seed)
    there = version_there(_address(context, tag))
    gate = gate.superseded(why_superseded(champion or beside, beside) or why_superseded(beside, there))
    # What is served, and watched, is the champion of now.
    known = known if there == beside else beside_champion()
    parameters = {
        **package.parameters,
        NO_BETTER_THAN: _no_better_than(report),
        EVALUATED_UNTIL: report.predictions[parts.time].max().isoformat(),
    }
    staged = STAGING if rehearse else tag
    uri = _register(context, package, model, feature_vector, gate, staged, parameters)
    if rehearse and not gate.passed and known is not None:
        _stage(context, tag)
    _warn(context, report, gate)
    predictions = log_artifacts(context, report, parts, model.threshold, tables)
    log_results(context, report, gate, parts, model, uri, known, predictions)
    context.log_result("evaluated_against", beside)


def _checked(**given: object) -> list[bool]:
    """Raise InputError unless arguments are booleans; gives them in their order."""
    return [check_boolean(f"argument '{name}'", value) for name, value in given.items()]


def _read(
    context: mlrun.MLClientCtx, feature_vector: str, package: ModelPackage, arguments: SplitArguments
) -> Split:
    """Both parts; refuses test rows that the selection or the model has looked at."""
    telemetry = package.schema.telemetry
    parts = read_split(context, feature_vector, telemetry, arguments, with_test=True, check=check_folds)
    refuse_selection_on_test_rows(feature_vector, parts)
    refuse_training_on_test_rows(package.parameters, parts)
    return parts


def _report(
    parts: Split, package: ModelPackage, history: pd.DataFrame, seed: int, bootstrap_by: str
) -> Report:
    """What the test rows say of the model, with labels or without."""
    if parts.unlabeled:
        return evaluate_unlabeled(parts, package.schema, package.session(), history)
    return evaluate_model(parts, package.schema, package.session(), history, seed, bootstrap_by)


def _tables(
    uri: str, parts: Split, package: ModelPackage, report: Report, groups: Mapping[str, str], seed: int
) -> dict[str, pd.DataFrame]:
    """Data sets beside those of the report, by name."""
    schema, explained = package.schema, _explained(parts, package, report, seed)
    scores = group_scores(
        report.predictions, schema.telemetry, groups, schema.threshold, seed, parts.incidents
    )
    return {
        "test_group_scores": scores,
        "test_importance": explained.importance,
        "test_contributions": explained.contributions,
        "labels_wanted": _advice(uri, parts, package, report, seed),
    }


def _explained(parts: Split, package: ModelPackage, report: Report, seed: int) -> Explanation:
    """What drives the model, on the test rows."""
    clusters = None if isinstance(report, UnlabeledReport) else report.intervals.clusters
    session = package.session()
    return explain(parts, package.schema, session, report.predictions, report.episodes, clusters, seed)


def _advice(uri: str, parts: Split, package: ModelPackage, report: Report, seed: int) -> pd.DataFrame:
    """Which labels would help most; of none where there are no labels at all."""
    schema, telemetry = package.schema, package.schema.telemetry
    if parts.unlabeled:
        return pd.DataFrame(columns=ADVICE_COLUMNS)
    rows = read_unlabeled(uri, telemetry, seed)
    probability = package.session().probability(schema.matrix(rows)) if len(rows) else np.empty(0)
    unlabeled = rows[[DEVICE, parts.time]].assign(**{PROBABILITY: probability})
    return label_advice(
        unlabeled, report.predictions, parts.time, parts.label, schema.threshold, telemetry.embargo_seconds
    )


def _gate(report: Report, version: str, champion: Champion | None, promote: bool) -> Promotion:
    """Whether the model goes into production, with labels or without."""
    if isinstance(report, UnlabeledReport):
        known = (champion.comparison.version, champion.unlabeled) if champion else None
        few = bool(report.set_aside)
        return decide_without_labels(version, report.false_alarm_share, known, promote, few)
    return decide(report.candidate(version), champion.comparison if champion else None, promote)


def _stage(context: mlrun.MLClientCtx, tag: str) -> None:
    """Have the model in production rehearsed again, in place of one that the gate kept out."""
    served = mlrun.datastore.get_store_resource(_address(context, tag))
    mlrun.get_run_db().tag_artifacts(served, context.project, tag_name=STAGING)


def _address(context: mlrun.MLClientCtx, tag: str) -> str:
    return f"store://models/{context.project}/{context.name}_{MODEL_KEY}:{tag}"


def _has_model(context: mlrun.MLClientCtx, tag: str) -> bool:
    """Whether a model has the tag, also one that cannot be read."""
    try:
        return bool(mlrun.datastore.get_store_resource(_address(context, tag)))
    except mlrun.errors.MLRunNotFoundError:
        return False


def _champion(
    context: mlrun.MLClientCtx,
    tag: str,
    split: Split,
    report: Report,
    history: pd.DataFrame,
    feature_vector: str,
    telemetry: TelemetrySchema,
    seed: int,
    bootstrap_by: str,
) -> Champion | None:
    """The model in production beside the new one, if there is one that can be read."""
    try:
        package = find_champion(_address(context, tag))
    except ModelPackageError as error:
        context.logger.warning(f"the model in production cannot be read and counts as absent: {error}")
        return None
    if package is None:
        return None
    if isinstance(report, UnlabeledReport):
        known, baselines = None, {}
    else:
        known, baselines = history, report.baselines
    scored = report.scorers[MODEL]
    return compare(package, split, scored, feature_vector, telemetry, seed, bootstrap_by, baselines, known)


def _warn(context: mlrun.MLClientCtx, report: Report, gate: Promotion) -> None:
    if isinstance(report, UnlabeledReport) or not (report.predictable and report.beats_baselines):
        context.logger.warning(report.verdict)
    if not gate.passed:
        context.logger.warning(f"{gate.outcome}: {gate.reason}")


def _with_scores(schema: ModelSchema, report: Report) -> ModelSchema:
    """The schema with the scores on rows that the model was not made from, not those of its validation."""
    facts = report.describe()
    names = (*report.scores[MODEL], *_PACKAGED)
    return dataclasses.replace(schema, metrics={name: float(facts[name]) for name in names if name in facts})


def _register(
    context: mlrun.MLClientCtx,
    package: ModelPackage,
    schema: ModelSchema,
    feature_vector: str,
    gate: Promotion,
    tag: str,
    parameters: Mapping[str, object],
) -> str:
    """Log the package with this schema, under the tag if it passed the gate; returns the model's address."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        write_files(directory, schema, package.graph, package.golden)
        return log_model_package(
            context,
            directory,
            schema,
            algorithm=package.algorithm,
            parameters={
                **parameters,
                "promotion": gate.outcome,
                "promotion_reason": gate.reason,
            },
            feature_vector=feature_vector,
            tag=tag if gate.passed else CANDIDATE if gate.is_candidate else REJECTED,
        )


def _no_better_than(report: Report) -> str:
    """What needs no model and does as well on the test rows, in words; empty if nothing, or nobody knows."""
    if isinstance(report, UnlabeledReport):
        return ""
    if not report.predictable:
        return "guessing"
    return "" if report.better_than_rule else f"the rule {report.rule}"
