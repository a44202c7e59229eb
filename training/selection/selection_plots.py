"""Plots of a feature selection; they take the table of ``Selection.table``, so a report can embed them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from training.plot_style import styled
from training.selection.feature_scorers import SCORERS
from training.selection.feature_votes import FEATURE, SCALED, SELECTED, VOTED

MAX_FEATURES = 60
"""Features drawn: the best. The table holds all of them."""
COLORS = ("#1f77b4", "#17becf", "#9467bd", "#ff7f0e", "#bcbd22", "#2ca02c")


@styled
def votes_figure(table: pd.DataFrame, needed_votes: int) -> go.Figure:
    """Votes of each feature, one bar a feature with a piece a scorer, and the line of enough votes.

    :param table: best first; features that were not voted on are not drawn.
    :param needed_votes: votes a feature needed.
    """
    drawn = _drawn(table)
    names = drawn[FEATURE].tolist()
    figure = go.Figure()
    for scorer, color in zip(SCORERS, COLORS, strict=True):
        figure.add_bar(
            y=names,
            x=drawn[f"{scorer}{VOTED}"].astype(int).to_numpy(),
            name=scorer,
            orientation="h",
            marker={"color": color},
            hovertemplate="%{y}<extra>" + scorer + "</extra>",
        )
    figure.add_vline(x=needed_votes - 0.5, line={"dash": "dash", "color": "#444444"})
    figure.update_layout(
        barmode="stack",
        height=_height(drawn),
        title=_title(f"Votes by scorer; {needed_votes} are needed", drawn, table),
    )
    figure.update_xaxes(range=[0, len(SCORERS)], dtick=1, title_text="votes")
    figure.update_yaxes(autorange="reversed", automargin=True, dtick=1)
    return figure


@styled
def scaled_scores_figure(table: pd.DataFrame) -> go.Figure:
    """Heat map of the scaled scores, features by scorers; selected features carry a mark.

    :param table: best first; features that were not voted on are not drawn.
    """
    drawn = _drawn(table)
    marked = drawn[FEATURE] + np.where(drawn[SELECTED], " ●", "")
    figure = go.Figure(
        go.Heatmap(
            z=np.round(drawn[[f"{scorer}{SCALED}" for scorer in SCORERS]].to_numpy(dtype=float), 3),
            x=list(SCORERS),
            y=marked.tolist(),
            zmin=0,
            zmax=1,
            colorscale="Blues",
            colorbar={"title": "scaled score"},
        )
    )
    figure.update_layout(
        height=_height(drawn),
        title=_title("Scores, scaled to 0 to 1 per scorer; ● is selected", drawn, table),
    )
    figure.update_yaxes(autorange="reversed", automargin=True, dtick=1)
    return figure


def _drawn(table: pd.DataFrame) -> pd.DataFrame:
    voted_on = table[[f"{scorer}{SCALED}" for scorer in SCORERS]].notna().all(axis=1)
    return table[voted_on].head(MAX_FEATURES)


def _title(text: str, drawn: pd.DataFrame, table: pd.DataFrame) -> str:
    return f"{text} ({len(drawn)} of {len(table)} features drawn)"


def _height(drawn: pd.DataFrame) -> int:
    return 200 + 22 * len(drawn)
