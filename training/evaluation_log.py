"""What an evaluation leaves: data sets, plots and results of its job."""

from __future__ import annotations

from collections.abc import Mapping

import mlrun
import pandas as pd

from feature_sets.model_package.columns import PROBABILITY
from feature_sets.model_package.schema import ModelSchema
from training.dataset.split import Split
from training.evaluation.baselines import MODEL, SINGLE_FEATURE
from training.evaluation.champion import Champion
from training.evaluation.evaluation_plots import alarms_figure, calibration_figure, score_figure
from training.evaluation.evaluation_report import EvaluationReport
from training.evaluation.promotion_gate import Promotion
from training.job.run_artifacts import artifact_path, log_figures, log_tables
from training.unlabeled.evaluate import UnlabeledReport

Report = EvaluationReport | UnlabeledReport

PREDICTIONS_KEY = "test_set_preds"
SERVED_KEY = "served_set_preds"
"""Predictions of the model that is in production after the evaluation; one file with those if it is new."""


def log_artifacts(
    context: mlrun.MLClientCtx,
    report: Report,
    split: Split,
    threshold: float,
    tables: Mapping[str, pd.DataFrame],
) -> str:
    """Log data sets and plots; gives the file of the predictions."""
    predictions = _log_predictions(context, PREDICTIONS_KEY, report.predictions, split.label)
    log_tables(
        context,
        {
            "test_scores_table": report.table(),
            "test_device_scores": report.device_table(),
            "test_episodes": report.episodes.episodes,
            "test_false_alarms": report.episodes.false_alarms,
            **tables,
        },
    )
    rows, scores = report.predictions, report.scores[MODEL]
    times = (rows[split.time].min(), rows[split.time].max())
    alarms = alarms_figure(report.episodes.episodes, report.episodes.false_alarms, times)
    if isinstance(report, UnlabeledReport):
        log_figures(context, {"test_alarms": alarms})
        return predictions
    labels = rows[split.label].to_numpy()
    model, rule = (report.scorers[name].score for name in (MODEL, SINGLE_FEATURE))
    figures = {
        "test_scores": score_figure(labels, {MODEL: model, str(report.rule): rule}, scores, threshold),
        "test_calibration": calibration_figure(
            labels, rows[PROBABILITY].to_numpy(), scores["brier"], str(report.calibration)
        ),
        "test_alarms": alarms,
    }
    log_figures(context, figures)
    return predictions


def log_results(
    context: mlrun.MLClientCtx,
    report: Report,
    gate: Promotion,
    split: Split,
    model: ModelSchema,
    uri: str,
    champion: Champion | None,
    predictions: str,
) -> None:
    """Log the results of the job, and the predictions of the model that is in production now.

    :param model: schema of the model that was evaluated.
    :param uri: its address.
    :param champion: the model that was in production; None without one.
    :param predictions: see ``log_artifacts``.
    """
    is_served = _log_served(context, report, gate, champion, split.label, predictions)
    facts = {**report.describe(), **gate.describe(), **split.describe(), "production": is_served}
    facts |= {"model_uri": uri, "version": model.version, "threshold": model.threshold}
    context.log_results(facts)


def _log_served(
    context: mlrun.MLClientCtx,
    report: Report,
    gate: Promotion,
    champion: Champion | None,
    label: str,
    evaluated: str,
) -> bool:
    """Log the predictions of the model that is in production now; whether there is one that can be served.

    :param evaluated: file of the predictions of the model that was evaluated. Where that one is served, or
        none, this data set is the same file under another name.
    """
    if not gate.passed and champion is not None and champion.predictions is not None:
        _log_predictions(context, SERVED_KEY, champion.predictions, label)
        return True
    _log_predictions(context, SERVED_KEY, report.predictions, label, evaluated)
    return gate.passed


def _log_predictions(
    context: mlrun.MLClientCtx, key: str, predictions: pd.DataFrame, label: str, logged: str = ""
) -> str:
    """Log predictions; gives their file.

    :param logged: file that has them already; empty to write one.
    """
    artifact = context.log_dataset(
        key,
        df=predictions,
        format="parquet",
        index=False,
        stats=False,
        label_column=label,
        artifact_path=artifact_path(context),
        target_path=logged,
        upload=not logged,
    )
    return str(artifact.target_path)
