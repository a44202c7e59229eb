"""The section of the report on the evaluation."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from drift.share_text import decimal
from feature_sets.model_package.columns import PROBABILITY
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import DEVICE
from training.evaluation.baselines import MODEL
from training.evaluation.calibration_check import check_calibration
from training.evaluation.episode_view import lag_column
from training.evaluation.evaluation_plots import alarms_figure, calibration_figure, score_figure
from training.report_page.headline import with_interval
from training.report_page.long_tables import SHOWN_ROWS, how_many_of
from training.report_page.page import Section, Table

_SCORES = (
    ("average_precision", "average precision"),
    ("roc_auc", "ROC AUC"),
    ("f1", "F1"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("brier", "Brier score"),
)
_DEVICE_COLUMNS = [
    DEVICE,
    "rows",
    "positives",
    "average_precision",
    "precision",
    "recall",
    "episodes",
    "episodes_caught",
    "false_alarms_per_day",
]
_GROUP_SCORES = tuple(pair for pair in _SCORES if pair[0] not in ("roc_auc", "brier"))
_LOW = "average_precision_low"
_CELLS = ("true_positives", "false_positives", "false_negatives", "true_negatives")


def evaluation_section(
    scores: pd.DataFrame,
    devices: pd.DataFrame,
    episodes: pd.DataFrame,
    false_alarms: pd.DataFrame,
    predictions: pd.DataFrame,
    model: ModelSchema,
    intervals: str,
    split: str = "",
    groups: pd.DataFrame | None = None,
    left_out: pd.DataFrame | None = None,
) -> Section:
    """The model on the later rows, beside what needs no model.

    :param scores: see ``EvaluationReport.table``.
    :param devices: see ``device_scores``.
    :param episodes: see ``EpisodeView``.
    :param false_alarms: the same.
    :param predictions: see ``EvaluationReport``.
    :param model: that was evaluated.
    :param intervals: what the intervals of the scores rest on, or why there are none.
    :param split: how rows were split into those to learn from and these, in a sentence.
    :param groups: see ``group_scores``.
    :param left_out: see ``left_out_groups``.
    """
    telemetry = model.telemetry
    labels, probability = predictions[telemetry.target].to_numpy(), predictions[PROBABILITY].to_numpy()
    of_model = {str(name): value for name, value in scores.iloc[0].items()}
    times = predictions[telemetry.time]
    return Section(
        "Evaluation",
        (
            f"{len(predictions):,} rows of {predictions[DEVICE].nunique():,} devices, "
            f"{times.min():%Y-%m-%d %H:%M} to {times.max():%Y-%m-%d %H:%M} UTC, none of them trained on. "
            "The rule is the best threshold on one feature of the training part; the majority class is the "
            "same for every row, which has the average precision of guessing.",
            *([split] if split else []),
            _on_intervals(intervals, [groups, left_out]),
        ),
        (
            Table(score_rows(scores), "Model and baselines"),
            *_device_tables(devices, episodes, telemetry.horizon_seconds),
            *_group_tables(groups, left_out),
        ),
        (
            score_figure(labels, {MODEL: probability}, of_model, model.threshold),
            calibration_figure(
                labels, probability, of_model["brier"], str(check_calibration(labels, probability))
            ),
            alarms_figure(episodes, false_alarms, (times.min(), times.max())),
        ),
    )


def _device_tables(devices: pd.DataFrame, episodes: pd.DataFrame, horizon_seconds: int) -> list[Table]:
    """Episodes, devices with errors and devices with false alarms, the worst first."""
    failing = devices[devices["positives"] > 0].sort_values("average_precision", kind="stable")
    noisy = devices[devices["false_alarms"] > 0].sort_values(
        "false_alarms_per_day", ascending=False, kind="stable"
    )
    missed = episodes[episodes["counted"]].sort_values(["caught", "start"], kind="stable")
    shown = [DEVICE, "start", "end", "rows", "caught", "first_alarm", lag_column(horizon_seconds)]
    return [
        Table(rows[columns].head(SHOWN_ROWS), f"{caption}, {how_many_of(rows)}")
        for rows, columns, caption in (
            (missed, shown, "Error episodes, missed ones first"),
            (failing, _DEVICE_COLUMNS, "Devices with errors, lowest average precision first"),
            (noisy, _DEVICE_COLUMNS, "Devices with false alarms, most per day first"),
        )
    ]


def _group_tables(groups: pd.DataFrame | None, left_out: pd.DataFrame | None) -> list[Table]:
    """Scores of groups, where there are any."""
    return [
        Table(
            group_rows(table.head(SHOWN_ROWS)),
            f"{caption}, most errors first, {how_many_of(table)}{_on_weights(table)}",
        )
        for table, caption in (
            (groups, "Groups of the test part"),
            (left_out, "Groups of the training part, each left out in turn"),
        )
        if table is not None and len(table)
    ]


def _on_intervals(intervals: str, groups: Sequence[pd.DataFrame | None]) -> str:
    """What intervals rest on; those of groups rest on other rows than that of all."""
    told = f"Intervals, in brackets: {intervals}."
    bounds = [table[_LOW] for table in groups if table is not None and _LOW in table]
    if any(column.notna().any() for column in bounds):
        told += " That is said of all rows; those of a group rest on its own devices or error episodes."
    return told


def _on_weights(groups: pd.DataFrame) -> str:
    """That the rows of a table are a sample whose shares and scores are those of all, if so."""
    shares = groups["positives"] / groups["rows"]
    if np.allclose(shares, groups["base_rate"], rtol=0.0, atol=1e-9):
        return ""
    return "; rows and positives are those of the sample, rates and scores weigh it as all rows"


def group_rows(groups: pd.DataFrame) -> pd.DataFrame:
    """A row a group: scores with intervals, and where they rest on too little, that it is so.

    :param groups: see ``group_scores``.
    """
    table = groups[["group", "devices", "rows", "positives", "base_rate"]].copy()
    for score, shown_as in _GROUP_SCORES:
        table[shown_as] = [_of_group(row, score) for row in groups.to_dict("records")]
    shares = ["" if pd.isna(share) else f"{share:.2%}" for share in groups["false_alarm_share"]]
    return table.assign(**{"false alarms": shares})


def _of_group(row: Mapping[Hashable, Any], score: str) -> str:
    """A score of a group, or why there is none; in tables of before there were intervals, the score alone."""
    if pd.isna(row[score]):
        return ""
    if str(row.get("intervals", "")).startswith("none"):
        return "too few episodes" if score == "average_precision" else ""
    return with_interval(row, score) if score in ("average_precision", "f1") else decimal(row[score])


def score_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """A row a score, a column a scorer, with intervals where they are known.

    :param scores: see ``EvaluationReport.table``.
    """
    columns: dict[str, list[str]] = {"score": [name for _, name in _SCORES]}
    columns["score"] += [cell.replace("_", " ") for cell in _CELLS]
    for row in scores.to_dict("records"):
        columns[str(row["scorer"])] = [with_interval(row, score) for score, _ in _SCORES] + [
            f"{int(row[cell]):,}" for cell in _CELLS
        ]
    return pd.DataFrame(columns)
