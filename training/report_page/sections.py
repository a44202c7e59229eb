"""What the report of a training run says: the parts of the page, made from the tables of the run's steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.model_package.columns import PROBABILITY
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.evaluation.episodes import lag_column
from training.evaluation.evaluation_plots import alarms_figure, calibration_figure, score_figure
from training.evaluation.evaluation_report import MODEL
from training.exploration.plots import histogram_figure, strongest_features
from training.report_page.page import Section, Table
from training.selection.selection_plots import votes_figure

SHOWN_ROWS = 20
"""Rows of a long table that the page shows; the data set of the same name holds all."""

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
_CELLS = ("true_positives", "false_positives", "false_negatives", "true_negatives")


def what_is_predicted(schema: TelemetrySchema) -> str:
    """The question that the model answers, in words."""
    if schema.horizon_seconds:
        return f"will {schema.label} start within {schema.horizon}?"
    return f"is there {schema.label} now?"


def facts(model: ModelSchema, balance: pd.DataFrame) -> dict[str, str]:
    """The numbers to see first."""
    metrics = model.metrics
    shown = {
        "average precision, test": _with_interval(metrics, "average_precision"),
        "F1, test": _with_interval(metrics, "f1"),
        "base rate": f"{metrics['base_rate']:.3f}" if "base_rate" in metrics else "",
        "model": model.algorithm.replace("_", " "),
        "threshold": f"{model.threshold:.3g} ({model.threshold_rule})",
        "inputs": str(len(model.inputs)),
        "rows explored": f"{int(balance['rows'].sum()):,}",
        "learned from": f"{model.training_start[:16]} to {model.training_end[:16]}".replace("T", " "),
    }
    return {name: value for name, value in shown.items() if value}


def _with_interval(metrics: Mapping[Any, Any], name: str) -> str:
    text = f"{metrics[name]:.3f}"
    low, high = (metrics.get(f"{name}_{bound}", np.nan) for bound in ("low", "high"))
    return text if np.isnan(low) or np.isnan(high) else f"{text} ({low:.3f} to {high:.3f})"


def data_section(
    balance: pd.DataFrame, histograms: pd.DataFrame, correlations: pd.DataFrame, schema: TelemetrySchema
) -> Section:
    """What the rows look like, healthy and in error."""
    strongest = strongest_features(correlations.set_index("feature"), schema.target, most=6)
    return Section(
        "Data",
        (
            f"Windows of {', '.join(schema.windows.lengths)} over {len(schema.metrics)} metrics. Plots and "
            "shares are of a sample of the rows that keeps the classes in proportion.",
        ),
        (Table(balance, f"Rows by {schema.target}"),),
        (histogram_figure(histograms, strongest),),
    )


def selection_section(scores: pd.DataFrame, votes_needed: int) -> Section:
    """Which features were chosen, and why the others were not.

    :param scores: data set ``feature_scores`` of the selection.
    :param votes_needed: of a feature.
    """
    selected = scores[scores["selected"]]
    left = scores[~scores["selected"]]
    columns = ["feature", "votes", "reason"]
    return Section(
        "Selection",
        (
            f"{len(selected)} of {len(scores)} features were selected, on the training part alone.",
            "A feature is left out if it cannot teach anything, tells earlier from later healthy rows, says "
            "the same as a better one, or has too few votes.",
        ),
        (Table(left[columns].head(SHOWN_ROWS), f"Left out, {_of(left)}"),),
        (votes_figure(scores, votes_needed),),
    )


def candidates_section(results: pd.DataFrame, model: ModelSchema) -> Section:
    """The search: what was tried on how many rows, and what it scored."""
    order = results.sort_values(["rung", "average_precision"], ascending=False, ignore_index=True)
    columns = ["family", "parameters", "rows", "average_precision", "f1", "seconds"]
    marked = tuple(int(place) for place in order.index[order["best"]] if place < SHOWN_ROWS)
    sizes = [f"{rows:,.0f}" for rows in sorted(order["rows"].unique())]
    halving = (
        f", with successive halving: all on {sizes[0]} rows, the better ones on {', then '.join(sizes[1:])}; "
        "scores compare within the same number of rows"
        if len(sizes) > 1
        else ""
    )
    return Section(
        "Candidates",
        (
            f"{len(order):,} combinations were compared by cross-validation in time order{halving}.",
            f"The winner, {model.algorithm.replace('_', ' ')}, was fitted again on all training rows; its "
            f"probabilities are calibrated ({model.calibration.method}) on rows it was not fitted on.",
        ),
        (
            Table(
                order[columns].head(SHOWN_ROWS),
                f"Combinations, the best {_of(order)}; the winner stands out",
                marked,
            ),
        ),
    )


def evaluation_section(
    scores: pd.DataFrame,
    devices: pd.DataFrame,
    episodes: pd.DataFrame,
    false_alarms: pd.DataFrame,
    predictions: pd.DataFrame,
    model: ModelSchema,
    intervals: str,
) -> Section:
    """The model on the later rows, beside what needs no model.

    :param scores: see ``Judgement.table``.
    :param devices: see ``device_scores``.
    :param episodes: see ``EpisodeView``.
    :param false_alarms: the same.
    :param predictions: see ``Judgement``.
    :param model: that was judged.
    :param intervals: what the intervals of the scores rest on, or why there are none.
    """
    telemetry = model.telemetry
    labels, probability = predictions[telemetry.target].to_numpy(), predictions[PROBABILITY].to_numpy()
    of_model = {str(name): value for name, value in scores.iloc[0].items()}
    times = predictions[telemetry.time]
    failing = devices[devices["positives"] > 0].sort_values("average_precision", kind="stable")
    noisy = devices[devices["false_alarms"] > 0].sort_values(
        "false_alarms_per_day", ascending=False, kind="stable"
    )
    missed = episodes[episodes["counted"]].sort_values(["caught", "start"], kind="stable")
    lag = lag_column(telemetry.horizon_seconds)
    return Section(
        "Test",
        (
            f"{len(predictions):,} rows of {predictions[DEVICE].nunique():,} devices, "
            f"{times.min():%Y-%m-%d %H:%M} to {times.max():%Y-%m-%d %H:%M} UTC, later than all that was "
            "learned from. The rule is the best threshold on one feature of the training part; the majority "
            "class says the same of every row, which has the average precision of guessing.",
            f"Intervals, in brackets: {intervals}.",
        ),
        (
            Table(score_rows(scores), "Model and baselines"),
            Table(
                missed[[DEVICE, "start", "end", "rows", "caught", "first_alarm", lag]].head(SHOWN_ROWS),
                f"Error episodes, missed ones first, {_of(missed)}",
            ),
            Table(
                failing[_DEVICE_COLUMNS].head(SHOWN_ROWS),
                f"Devices with errors, lowest average precision first, {_of(failing)}",
            ),
            Table(
                noisy[_DEVICE_COLUMNS].head(SHOWN_ROWS),
                f"Devices with false alarms, most a day first, {_of(noisy)}",
            ),
        ),
        (
            score_figure(labels, {MODEL: probability}, of_model, model.threshold),
            calibration_figure(labels, probability, of_model["brier"]),
            alarms_figure(episodes, false_alarms, (times.min(), times.max())),
        ),
    )


def score_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """A row a score, a column a scorer, with intervals where they are known.

    :param scores: see ``Judgement.table``.
    """
    columns: dict[str, list[str]] = {"score": [name for _, name in _SCORES]}
    columns["score"] += [cell.replace("_", " ") for cell in _CELLS]
    for row in scores.to_dict("records"):
        columns[str(row["scorer"])] = [_with_interval(row, score) for score, _ in _SCORES] + [
            f"{int(row[cell]):,}" for cell in _CELLS
        ]
    return pd.DataFrame(columns)


def _of(rows: pd.DataFrame) -> str:
    return f"{min(SHOWN_ROWS, len(rows)):,} of {len(rows):,}"


def model_section(model: ModelSchema) -> Section:
    """What is served: inputs in order, with units and what replaces a missing value."""
    inputs = pd.DataFrame(
        {
            "input": [column.name for column in model.inputs],
            "unit": [column.unit for column in model.inputs],
            "if missing": [column.imputation for column in model.inputs],
        }
    )
    files = ", ".join(f"{name} {digest}" for name, digest in model.sha256.items())
    return Section(
        "Model", (f"SHA-256: {files}",), (Table(inputs, "Inputs in the order the model takes them"),)
    )
