"""Plots of an exploration; they take its tables, so a page holds bins and samples instead of all rows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from feature_sets.durations import in_words
from feature_sets.telemetry.schema import DEVICE
from training.exploration.device_timeline import bars, set_axes
from training.exploration.staleness import MEASURES, STATISTICS
from training.plot_style import styled

COLUMNS = 3
MAX_PANELS = 24
"""Features drawn: those most correlated with the label. The tables hold all of them."""
CLASS_COLORS = {"healthy": "#1f77b4", "error": "#d62728"}
PAIR_COLUMNS = 2
VIOLIN_COLUMNS = 4
MAX_DEVICES = 50
MAX_EPISODES = 2_000
"""Episodes drawn, the longest; a page with more of them is slow. The table holds all."""
MAX_COLUMNS = 40
"""Columns drawn: the worst. The table holds all of them."""


def strongest_features(matrix: pd.DataFrame, label: str, most: int = MAX_PANELS) -> list[str]:
    """Features by strength of correlation with the label, strongest first; unknown ones last."""
    strength = matrix[label].drop(label).abs()
    return [
        str(name) for name in strength.sort_values(ascending=False, na_position="last", kind="stable").index
    ][:most]


@styled
def histogram_figure(histograms: pd.DataFrame, names: list[str]) -> go.Figure:
    """One panel a feature: share of each class's readings in each bin."""
    drawn = [name for name in names if (histograms["feature"] == name).any()]
    rows = max(1, math.ceil(len(drawn) / COLUMNS))
    figure = make_subplots(rows=rows, cols=COLUMNS, subplot_titles=drawn, vertical_spacing=0.35 / rows)
    for index, name in enumerate(drawn):
        panel = histograms[histograms["feature"] == name]
        left, right = panel["left"].to_numpy(), panel["right"].to_numpy()
        place = {"row": index // COLUMNS + 1, "col": index % COLUMNS + 1}
        if right[-1] - left[-1] > 2 * (right[0] - left[0]):  # They are equally wide in their logarithm.
            left, right = np.log10(left), np.log10(right)
            decades = np.arange(math.ceil(left[0]), math.floor(right[-1]) + 1)
            figure.update_xaxes(tickvals=decades, ticktext=[f"1e{power}" for power in decades], **place)
        for column, color in CLASS_COLORS.items():
            figure.add_bar(
                x=(left + right) / 2.0,
                y=panel[column].to_numpy(),
                width=right - left,
                name=column,
                legendgroup=column,
                showlegend=index == 0,
                marker={"color": color},
                opacity=0.6,
                **place,
            )
    figure.update_layout(
        barmode="overlay",
        height=120 + 220 * rows,
        title="Share of each class's rows, strongest features first",
    )
    return figure


@styled
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
    figure.update_layout(height=size, title="Correlation")
    figure.update_yaxes(autorange="reversed")
    return figure


@styled
def scatter_figure(points: pd.DataFrame) -> go.Figure:
    """One panel a pair of features, a point a row, colored by class; errors lie on top.

    :param points: columns x_feature, y_feature, x, y, class.
    """
    pairs = list(dict.fromkeys(zip(points["x_feature"], points["y_feature"], strict=True)))
    rows = max(1, math.ceil(len(pairs) / PAIR_COLUMNS))
    figure = make_subplots(rows=rows, cols=PAIR_COLUMNS)
    for index, (x, y) in enumerate(pairs):
        panel = points[(points["x_feature"] == x) & (points["y_feature"] == y)]
        place = {"row": index // PAIR_COLUMNS + 1, "col": index % PAIR_COLUMNS + 1}
        for label, (name, color) in enumerate(CLASS_COLORS.items()):
            members = panel[panel["class"] == label]
            figure.add_scatter(
                x=members["x"].to_numpy(),
                y=members["y"].to_numpy(),
                mode="markers",
                name=name,
                legendgroup=name,
                showlegend=index == 0,
                marker={"color": color, "size": 4, "opacity": 0.5},
                **place,
            )
        figure.update_xaxes(title_text=x, **place)
        figure.update_yaxes(title_text=y, **place)
    title = "Features most correlated with the label and not with each other; rare class not thinned"
    figure.update_layout(height=120 + 380 * rows, title=title if pairs else f"{title}: no such pair")
    return figure


@styled
def violin_figure(values: pd.DataFrame) -> go.Figure:
    """One panel a feature, the distribution of healthy rows to the left and of error rows to the right.

    :param values: columns feature, value, class.
    """
    names = list(dict.fromkeys(values["feature"]))
    rows = max(1, math.ceil(len(names) / VIOLIN_COLUMNS))
    figure = make_subplots(rows=rows, cols=VIOLIN_COLUMNS, subplot_titles=names, vertical_spacing=0.2 / rows)
    for index, name in enumerate(names):
        panel = values[values["feature"] == name]
        for label, (class_name, color) in enumerate(CLASS_COLORS.items()):
            members = panel[panel["class"] == label]
            figure.add_violin(
                x=[""] * len(members),
                y=members["value"].to_numpy(),
                name=class_name,
                legendgroup=class_name,
                showlegend=index == 0,
                side="negative" if label == 0 else "positive",
                scalemode="width",
                line={"color": color},
                points=False,
                meanline={"visible": True},
                # A violin reaches no further than its values: there is no negative share of a link.
                spanmode="hard",
                row=index // VIOLIN_COLUMNS + 1,
                col=index % VIOLIN_COLUMNS + 1,
            )
    figure.update_layout(
        violinmode="overlay",
        height=120 + 300 * rows,
        title="Distribution in each class, strongest features first",
    )
    return figure


@styled
def episodes_figure(episodes: pd.DataFrame, period: tuple[pd.Timestamp, pd.Timestamp]) -> go.Figure:
    """A line a device, the one with the most error time on top, with a bar for each episode.

    :param episodes: columns device, start, end, seconds, rows.
    :param period: first and last time of the data, the width of the plot.
    """
    by_device = episodes.groupby(DEVICE)[["seconds", "rows"]].sum()
    # Devices whose errors are single rows have no time; then more rows are more errors.
    order = by_device.sort_values(["seconds", "rows"], ascending=False, kind="stable").head(MAX_DEVICES)
    drawn = episodes[episodes[DEVICE].isin(order.index)]
    drawn = drawn.sort_values(["seconds", "rows"], ascending=False, kind="stable").head(MAX_EPISODES)
    devices, counts = drawn[DEVICE].tolist(), drawn["rows"].tolist()
    starts, ends = (drawn[side].dt.strftime("%Y-%m-%d %H:%M:%S.%f").tolist() for side in ("start", "end"))
    x, y = bars(devices, starts, ends)
    hints: list[str] = []
    for start, end, count in zip(starts, ends, counts, strict=True):
        hint = f"{start[:19]} to {end[:19]}, {count:,} rows"
        hints += [hint, hint, ""]
    color = CLASS_COLORS["error"]
    figure = go.Figure(
        go.Scatter(
            x=x,
            y=y,
            text=hints,
            # The markers show an episode of a single row, which has no length.
            mode="lines+markers",
            line={"color": color, "width": 8},
            marker={"color": color, "symbol": "line-ns", "size": 8, "line": {"color": color, "width": 1}},
            hovertemplate="%{y}<br>%{text}<extra></extra>",
        )
    )
    title = (
        f"Error episodes ({len(order)} of {len(by_device)} devices with errors, most error time first; "
        f"{len(drawn)} of {len(episodes)} episodes drawn)"
    )
    figure.update_layout(height=220 + 18 * len(order), title=title)
    set_axes(figure, order.index.tolist(), period)
    return figure


@styled
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
        height=220 + 22 * len(drawn),
        title=f"Missing and stale, worst first ({len(drawn)} of {len(table)} columns drawn)",
    )
    return figure
