"""Plots of single rows by class; they take the tables of ``class_samples``, which are thinned already."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from training.exploration.plots import CLASS_COLORS

PAIR_COLUMNS = 2
VIOLIN_COLUMNS = 4


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
    figure.update_layout(
        template="plotly_white", height=120 + 380 * rows, title=title if pairs else f"{title}: no such pair"
    )
    return figure


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
        template="plotly_white",
        violinmode="overlay",
        height=120 + 300 * rows,
        title="Distribution in each class, strongest features first",
    )
    return figure
