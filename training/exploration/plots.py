"""Plots of an exploration; they take the tables, so a page holds bins and not rows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

COLUMNS = 3
MAX_PANELS = 24
"""Features drawn: those most correlated with the label. The tables hold all of them."""
CLASS_COLORS = {"healthy": "#1f77b4", "error": "#d62728"}


def strongest_features(matrix: pd.DataFrame, label: str, most: int = MAX_PANELS) -> list[str]:
    """Features by strength of correlation with the label, strongest first; unknown ones last."""
    strength = matrix[label].drop(label).abs()
    return [
        str(name) for name in strength.sort_values(ascending=False, na_position="last", kind="stable").index
    ][:most]


def histogram_figure(histograms: pd.DataFrame, names: list[str]) -> go.Figure:
    """One panel a feature: share of each class's readings in each bin."""
    drawn = [name for name in names if (histograms["feature"] == name).any()]
    rows = max(1, math.ceil(len(drawn) / COLUMNS))
    figure = make_subplots(rows=rows, cols=COLUMNS, subplot_titles=drawn, vertical_spacing=0.35 / rows)
    for index, name in enumerate(drawn):
        panel = histograms[histograms["feature"] == name]
        center = (panel["left"] + panel["right"]) / 2.0
        for column, color in CLASS_COLORS.items():
            figure.add_bar(
                x=center.to_numpy(),
                y=panel[column].to_numpy(),
                width=(panel["right"] - panel["left"]).to_numpy(),
                name=column,
                legendgroup=column,
                showlegend=index == 0,
                marker={"color": color},
                opacity=0.6,
                row=index // COLUMNS + 1,
                col=index % COLUMNS + 1,
            )
    figure.update_layout(
        template="plotly_white",
        barmode="overlay",
        height=120 + 220 * rows,
        title="Share of each class's rows, strongest features first",
    )
    return figure


def correlation_figure(matrix: pd.DataFrame) -> go.Figure:
    """Heat map of the correlation matrix; unknown cells stay empty."""
    figure = go.Figure(
        go.Heatmap(
            z=np.round(matrix.to_numpy(), 3),
            x=list(matrix.columns),
            y=list(matrix.index),
            zmin=-1,
            zmax=1,
            colorscale="RdBu",
            reversescale=True,
        )
    )
    size = 300 + 14 * len(matrix)
    figure.update_layout(template="plotly_white", height=size, title="Correlation")
    figure.update_yaxes(autorange="reversed")
    return figure
