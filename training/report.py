"""The report of a training run: data, selection, candidates, evaluation and model on one page."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

from collections.abc import Sequence

import mlrun
import pandas as pd

from feature_sets.checks import check_integer
from feature_sets.model_package.package import fetch_model_package
from feature_sets.model_package.schema import ModelSchema
from training.job.run_artifacts import artifact_path
from training.report_page.data_section import data_section
from training.report_page.drivers_section import drivers_sections
from training.report_page.evaluation_section import evaluation_section
from training.report_page.headline import facts, what_is_predicted
from training.report_page.labels_section import labels_sections
from training.report_page.lead_time_section import lead_time_sections
from training.report_page.model_sections import candidates_section, model_section, selection_section
from training.report_page.page import Page, Section, render
from training.report_page.split_section import split_sections
from training.report_page.unlabeled_sections import unlabeled_candidates_section, unlabeled_evaluation_section

REPORT_KEY = "report"


def report(
    context: mlrun.MLClientCtx,
    model_path: str,
    verdict: str,
    intervals: str,
    votes_needed: int,
    class_balance: mlrun.DataItem,
    class_histograms: mlrun.DataItem,
    correlations: mlrun.DataItem,
    feature_scores: mlrun.DataItem,
    search_results: mlrun.DataItem,
    test_scores_table: mlrun.DataItem,
    test_device_scores: mlrun.DataItem,
    test_episodes: mlrun.DataItem,
    test_false_alarms: mlrun.DataItem,
    test_set_preds: mlrun.DataItem,
    promotion: str = "",
    promotion_reason: str = "",
    ingest_report: mlrun.DataItem = None,
    split_summary: str = "",
    left_out_groups: mlrun.DataItem = None,
    test_group_scores: mlrun.DataItem = None,
    test_importance: mlrun.DataItem = None,
    test_contributions: mlrun.DataItem = None,
    split_timeline: mlrun.DataItem = None,
    labels_wanted: mlrun.DataItem = None,
    lead_times: mlrun.DataItem = None,
    live_lines: str = "",
) -> None:
    """MLRun job: write the report of a training run, one HTML page that needs no network.

    Artifact: ``report``. Result: ``report_path``, where the page lies.

    :param context: of the run.
    :param model_path: address of the registered model.
    :param verdict: two sentences of the evaluation.
    :param intervals: what the intervals of the evaluation rest on, or why there are none.
    :param votes_needed: of the selection.
    :param class_balance: data set of the exploration of all features.
    :param class_histograms: the same.
    :param correlations: the same.
    :param feature_scores: data set of the selection.
    :param search_results: data set of the search.
    :param test_scores_table: data set of the evaluation.
    :param test_device_scores: the same.
    :param test_episodes: the same.
    :param test_false_alarms: the same.
    :param test_set_preds: the same.
    :param promotion: what the gate decided.
    :param promotion_reason: why.
    :param ingest_report: what the ingestion tells of the rows that it read, as text; none without one.
    :param split_summary: how rows were split, a sentence of the evaluation.
    :param left_out_groups: data set of the training.
    :param test_group_scores: data set of the evaluation.
    :param test_importance: the same.
    :param test_contributions: the same.
    :param split_timeline: data set of the training.
    :param labels_wanted: data set of the evaluation.
    :param lead_times: data set of the further horizons.
    :param live_lines: what is told of the live rows that the run added, a line each; empty for none.
    """
    votes_needed = check_integer("argument 'votes_needed'", votes_needed, at_least=1)
    model = fetch_model_package(model_path).schema
    telemetry = model.telemetry
    balance = class_balance.as_df()
    of_test = [
        item.as_df() for item in (test_device_scores, test_episodes, test_false_alarms, test_set_preds)
    ]
    if model.unlabeled:
        evaluated = _unlabeled_sections(model, of_test, split_summary)
    else:
        groups = (_frame(test_group_scores), _frame(left_out_groups))
        scores = (search_results.as_df(), test_scores_table.as_df())
        evaluated = _labeled_sections(model, of_test, split_summary, scores, intervals, groups)
    told = ingest_report.get(encoding="utf-8").splitlines() if ingest_report is not None else []
    told += live_lines.splitlines()  # Files alone are not what was learned from.
    page = Page(
        title=f"{telemetry.name}: {what_is_predicted(telemetry)}",
        verdict=verdict,
        gate=f"{promotion}: {promotion_reason}" if promotion else "",
        facts=facts(model, balance),
        sections=(
            data_section(balance, class_histograms.as_df(), correlations.as_df(), telemetry, told),
            selection_section(feature_scores.as_df(), votes_needed),
            *split_sections(_frame(split_timeline), split_summary),
            *evaluated,
            *drivers_sections(_frame(test_importance), _frame(test_contributions)),
            *labels_sections(_frame(labels_wanted)),
            *lead_time_sections(_frame(lead_times)),
            model_section(model),
        ),
        footer=f"times are UTC; model version {model.version}, {model_path}, code {model.code_version}",
    )
    _log_page(context, page)


def _unlabeled_sections(
    model: ModelSchema, of_test: Sequence[pd.DataFrame], split_summary: str
) -> tuple[Section, Section]:
    """Candidates and evaluation of a model without labels.

    :param of_test: scores by device, episodes, false alarms and predictions, on the test rows.
    """
    devices, episodes, alarms, predictions = of_test
    return (
        unlabeled_candidates_section(model),
        unlabeled_evaluation_section(devices, episodes, alarms, predictions, model, split_summary),
    )


def _labeled_sections(
    model: ModelSchema,
    of_test: Sequence[pd.DataFrame],
    split_summary: str,
    scores: tuple[pd.DataFrame, pd.DataFrame],
    intervals: str,
    groups: tuple[pd.DataFrame | None, pd.DataFrame | None],
) -> tuple[Section, Section]:
    """Candidates and evaluation of a model with labels.

    :param of_test: see ``_unlabeled_sections``.
    :param scores: of the search, and of the evaluation.
    :param groups: scores by group, and those with each group left out.
    """
    searched, evaluated = scores
    devices, episodes, alarms, predictions = of_test
    return (
        candidates_section(searched, model),
        evaluation_section(
            evaluated, devices, episodes, alarms, predictions, model, intervals, split_summary, *groups
        ),
    )


def _log_page(context: mlrun.MLClientCtx, page: Page) -> None:
    artifact = context.log_artifact(
        REPORT_KEY,
        body=render(page),
        local_path="report.html",
        format="html",
        artifact_path=artifact_path(context),
    )
    context.log_result("report_path", artifact.get_target_path())


def _frame(item: mlrun.DataItem | None) -> pd.DataFrame | None:
    return None if item is None else item.as_df()
