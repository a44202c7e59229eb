"""Plots of a test: precision-recall, ROC and confusion matrix in one figure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from sklearn.metrics import precision_recall_curve, roc_curve

MAX_POINTS = 500
"""Points a curve is drawn with; more only make the page heavy."""


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
    colors = ("#1f77b4", "#7f7f7f", "#2ca02c", "#9467bd")
    for index, (name, score) in enumerate(scores.items()):
        line = {"color": colors[index % len(colors)]}
        precision, recall, _ = precision_recall_curve(labels, score)
        kept = _thin(len(recall))
        figure.add_scatter(
            x=recall[kept], y=precision[kept], name=name, legendgroup=name, line=line, row=1, col=1
        )
        false_alarms, hits, _ = roc_curve(labels, score)
        kept = _thin(len(hits))
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
    for column, (x_title, y_title) in enumerate(
        (("recall", "precision"), ("false positive rate", "recall"), ("predicted", "label")), start=1
    ):
        figure.update_xaxes(title_text=x_title, row=1, col=column)
        figure.update_yaxes(title_text=y_title, row=1, col=column)
    figure.update_layout(
        template="plotly_white", legend={"orientation": "h", "y": -0.2}, title="Test on the later rows"
    )
    return figure


def _thin(points: int) -> npt.NDArray[np.intp]:
    """Evenly spaced positions of at most ``MAX_POINTS`` of a curve, ends included."""
    return np.unique(np.linspace(0, points - 1, min(points, MAX_POINTS)).round().astype(np.intp))
