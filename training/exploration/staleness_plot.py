"""Plot of missing values and staleness; it takes the table of ``staleness``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from training.exploration.durations import in_words
from training.exploration.staleness import MEASURES, STATISTICS

MAX_COLUMNS = 40
"""Columns drawn: the worst. The table holds all of them."""


def staleness_figure(table: pd.DataFrame) -> go.Figure:
    """Missing share and seconds of staleness of each column, worst first.

    Worst is the largest missing share, then the longest age of a reading, then the longest time unchanged
    (95th percentiles).

    :param table: columns feature, missing_share and ``{measure}_{statistic}``.
    """
    order = ["missing_share", "reading_age_p95", "unchanged_p95"]
    drawn = table.sort_values(order, ascending=False, kind="stable").head(MAX_COLUMNS)
    names = drawn["feature"].tolist()
    seconds = drawn[[f"{measure}_{statistic}" for measure in MEASURES for statistic in STATISTICS]].to_numpy(
        dtype=np.float64
    )
    figure = make_subplots(
        cols=2,
        shared_yaxes=True,
        column_widths=[0.3, 0.7],
        subplot_titles=("missing values", "time without a reading, and without a new value"),
    )
    figure.add_bar(
        y=names,
        x=drawn["missing_share"].to_numpy(),
        orientation="h",
        marker={"color": "#7f7f7f"},
        showlegend=False,
        row=1,
        col=1,
    )
    figure.add_heatmap(
        y=names,
        x=[f"{measure.replace('_', ' ')}, {statistic}" for measure in MEASURES for statistic in STATISTICS],
        # A second and a day belong on one scale.
        z=np.round(np.log10(1.0 + seconds), 3),
        text=[[in_words(cell) for cell in row] for row in seconds],
        texttemplate="%{text}",
        hovertemplate="%{y}<br>%{x}: %{text}<extra></extra>",
        colorscale="Oranges",
        showscale=False,
        row=1,
        col=2,
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%", row=1, col=1)
    figure.update_yaxes(autorange="reversed", automargin=True, dtick=1)
    figure.update_layout(
        template="plotly_white",
        height=220 + 22 * len(drawn),
        title=f"Missing and stale, worst first ({len(drawn)} of {len(table)} columns drawn)",
    )
    return figure
