"""Plots of an evaluation: the curves behind scores, calibration, and which episodes raised an alarm."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from sklearn.metrics import precision_recall_curve, roc_curve

from feature_sets.telemetry.schema import DEVICE
from training.exploration.device_timeline import bars, set_axes
from training.plot_style import styled

_COLORS = ("#1f77b4", "#7f7f7f", "#2ca02c", "#9467bd")
MAX_POINTS = 500
"""Points a curve is drawn with; more only make the page heavy."""
BINS = 10
"""Bins of the calibration curve, of equal width."""
MAX_ROW_TICKS = 4
"""Labels of the numbers of rows below it, at most: more would overlap."""
MAX_DEVICES = 50
MAX_MARKS = 2_000
"""Marks of a kind that the plot of episodes draws, the first by time; the data sets hold all."""


@styled
def score_figure(
    labels: npt.NDArray[np.int8],
    scores: Mapping[str, npt.NDArray[np.float64]],
    confusion: Mapping[str, float],
    threshold: float,
) -> go.Figure:
    """Precision-recall and ROC curve of each score, and the model's confusion matrix.

    :param labels: 0 or 1, shape (n,).
    :param scores: name -> larger means more likely an error, shape (n,).
    :param confusion: true_negatives, false_positives, false_negatives, true_positives.
    :param threshold: decision threshold, for the title.
    """
    figure = make_subplots(
        rows=1,
        cols=3,
        subplot_titles=("Precision and recall", "ROC", f"Decisions at threshold {threshold:.3g}"),
        horizontal_spacing=0.1,
    )
    _draw_curves(figure, labels, scores)
    _mark_threshold(figure, confusion)
    _draw_decisions(figure, confusion)
    for column, (x_title, y_title) in enumerate(
        (("recall", "precision"), ("false positive rate", "recall"), ("predicted", "label")), start=1
    ):
        figure.update_xaxes(title_text=x_title, row=1, col=column)
        figure.update_yaxes(title_text=y_title, row=1, col=column)
    figure.update_layout(legend={"orientation": "h", "y": -0.2}, title="Evaluation on the test rows")
    return figure


def _draw_curves(
    figure: go.Figure, labels: npt.NDArray[np.int8], scores: Mapping[str, npt.NDArray[np.float64]]
) -> None:
    """Both curves of each score, in its color."""
    for index, (name, score) in enumerate(scores.items()):
        line = {"color": _COLORS[index % len(_COLORS)]}
        precision, recall, _ = precision_recall_curve(labels, score)
        kept = _thin(recall, precision)
        figure.add_scatter(
            x=recall[kept], y=precision[kept], name=name, legendgroup=name, line=line, row=1, col=1
        )
        false_alarms, hits, _ = roc_curve(labels, score)
        kept = _thin(false_alarms, hits)
        figure.add_scatter(
            x=false_alarms[kept],
            y=hits[kept],
            name=name,
            legendgroup=name,
            line=line,
            showlegend=False,
            row=1,
            col=2,
        )


def _mark_threshold(figure: go.Figure, confusion: Mapping[str, float]) -> None:
    """Where the model is on both curves with its threshold."""
    wrong, right = confusion["false_positives"], confusion["true_positives"]
    recall_there = right / max(1, right + confusion["false_negatives"])
    at = [
        (recall_there, right / max(1, right + wrong)),
        (wrong / max(1, wrong + confusion["true_negatives"]), recall_there),
    ]
    for column, (x, y) in enumerate(at, 1):
        figure.add_scatter(
            x=[x],
            y=[y],
            name="at the threshold",
            legendgroup="at the threshold",
            mode="markers",
            marker={"color": _COLORS[0], "size": 10, "symbol": "circle-open", "line": {"width": 2}},
            showlegend=column == 1,
            row=1,
            col=column,
        )


def _draw_decisions(figure: go.Figure, confusion: Mapping[str, float]) -> None:
    """The confusion matrix."""
    cells = [
        [confusion["true_negatives"], confusion["false_positives"]],
        [confusion["false_negatives"], confusion["true_positives"]],
    ]
    figure.add_heatmap(
        z=cells,
        x=["healthy", "error"],
        y=["healthy", "error"],
        text=[[f"{int(cell):,}" for cell in row] for row in cells],
        texttemplate="%{text}",
        colorscale="Blues",
        showscale=False,
        row=1,
        col=3,
    )


@styled
def calibration_figure(
    labels: npt.NDArray[np.int8], probability: npt.NDArray[np.float64], brier: float, finding: str = ""
) -> go.Figure:
    """Share of errors among rows of about the same probability, and how many rows there are.

    :param labels: 0 or 1, shape (n,).
    :param probability: of an error, shape (n,).
    :param brier: Brier score, for the title.
    :param finding: whether the probabilities are calibrated, for the title.
    """
    edges = np.linspace(0.0, 1.0, BINS + 1)
    place = np.clip(np.digitize(probability, edges[1:-1]), 0, BINS - 1)
    rows = np.bincount(place, minlength=BINS)
    filled = rows > 0
    predicted = np.bincount(place, weights=probability, minlength=BINS)[filled] / rows[filled]
    observed = np.bincount(place, weights=labels, minlength=BINS)[filled] / rows[filled]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.08)
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="perfect",
        line={"color": "#7f7f7f", "dash": "dot"},
        row=1,
        col=1,
    )
    figure.add_scatter(
        x=predicted,
        y=observed,
        mode="lines+markers",
        name="model",
        customdata=rows[filled],
        hovertemplate="predicted %{x:.3f}, observed %{y:.3f}<br>%{customdata:,} rows<extra></extra>",
        line={"color": "#1f77b4"},
        row=1,
        col=1,
    )
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2.0,
        y=rows,
        name="rows",
        showlegend=False,
        marker={"color": "#9ecae1"},
        row=2,
        col=1,
    )
    figure.update_yaxes(title_text="share of errors", row=1, col=1)
    decades = math.log10(max(int(rows.max()), 1))
    figure.update_yaxes(
        title_text="rows",
        type="log",
        range=[-0.3, max(decades, 1) + 0.1],  # From below one row on, so that a single one has a bar.
        dtick=max(1, math.ceil(decades / (MAX_ROW_TICKS - 1))),  # Powers of ten alone, as it is low.
        row=2,
        col=1,
    )
    figure.update_xaxes(title_text="probability of an error", range=[0, 1], row=2, col=1)
    figure.update_layout(
        height=480,
        legend={"orientation": "h", "y": -0.2},
        title=f"Calibration, Brier score {brier:.4f}{finding and f': {finding}'}",
    )
    return figure


@styled
def alarms_figure(
    episodes: pd.DataFrame, false_alarms: pd.DataFrame, period: tuple[pd.Timestamp, pd.Timestamp]
) -> go.Figure:
    """A line a device, the one with most episodes on top: episodes caught and missed, and false alarms.

    :param episodes: see ``EpisodeView``; those that do not count are not drawn.
    :param false_alarms: see ``EpisodeView``.
    :param period: first and last time of the test rows, the width of the plot.
    """
    counted = episodes[episodes["counted"]]
    caught = counted["caught"].astype(bool)
    kinds = (
        ("episodes caught", counted[caught], "#2ca02c", "line-ns"),
        ("episodes missed", counted[~caught], "#d62728", "line-ns"),
        ("false alarms", false_alarms, "#ff7f0e", "x-thin"),
    )
    devices = pd.DataFrame(
        {"episodes": counted[DEVICE].value_counts(), "alarms": false_alarms[DEVICE].value_counts()}
    ).fillna(0)
    order = devices.sort_values(["episodes", "alarms"], ascending=False, kind="stable").index[:MAX_DEVICES]
    figure = go.Figure()
    for name, rows, color, symbol in kinds:
        drawn = rows[rows[DEVICE].isin(order)].sort_values("start", kind="stable").head(MAX_MARKS)
        starts, ends = (drawn[side].dt.strftime("%Y-%m-%d %H:%M:%S").tolist() for side in ("start", "end"))
        x, y = bars(drawn[DEVICE].tolist(), starts, ends)
        figure.add_scatter(
            x=x,
            y=y,
            name=f"{name} ({len(rows):,})",
            mode="lines+markers",
            line={"color": color, "width": 8},
            marker={"color": color, "symbol": symbol, "size": 8, "line": {"color": color, "width": 2}},
            hovertemplate="%{y}<br>%{x}<extra>" + name + "</extra>",
        )
    figure.update_layout(
        height=240 + 18 * len(order),
        title=f"Episodes and alarms, {len(order)} of {len(devices)} devices with any",
        legend={"orientation": "h", "y": -0.3},
    )
    set_axes(figure, order.tolist(), period)
    return figure


def _thin(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Positions of at most ``MAX_POINTS`` points of a curve, evenly along its way, ends included.

    Where errors are rare, nearly all thresholds are at one end of it: even by their number the rest of the
    curve would be one straight line.
    """
    if len(x) <= MAX_POINTS:
        return np.arange(len(x))
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    found = np.searchsorted(way, np.linspace(0.0, way[-1], MAX_POINTS - 1))
    return np.asarray(np.unique(np.append(found, len(x) - 1)), dtype=np.intp)
