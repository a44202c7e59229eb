"""The sections of the report on what drives the model."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from feature_sets.model_package.columns import PROBABILITY
from feature_sets.telemetry.schema import DEVICE
from training.explanation.explain import MOST_ROWS
from training.explanation.importance import REPEATS
from training.explanation.input_groups import TOGETHER
from training.explanation.notable_rows import ALARM, CASE, CAUGHT, FALSE_ALARM, MISSED
from training.plot_style import styled
from training.report_page.long_tables import SHOWN_ROWS, how_many_of
from training.report_page.page import Section, Table

_CAPTIONS = {
    FALSE_ALARM: "Worst false alarms, highest probability first",
    MISSED: "Missed episodes, lowest probability first",
    CAUGHT: "Best catches, highest probability first",
    ALARM: "Strongest alarms",
}
_IMPORTANCE = (
    "Importance is the average precision that the model loses where the values of a feature are "
    f"shuffled between test rows. It is the mean of {REPEATS} shuffles on up to {MOST_ROWS:,} rows: "
    "errors up to half of them, and a sample of the others, each counting for the rows that it stands "
    "for. The range is 95 % by the resampling of the evaluation; with too few units for that it is the "
    f"range of the shuffles. Features that move together (rank correlation from {TOGETHER} on) can "
    "replace each other. So they are shuffled as a group as well: one of them may lose nothing alone, "
    "and be of use."
)
_CONTRIBUTION = (
    "A contribution is the Shapley value of a group of features, in log-odds. It tells how far the "
    "group moves a prediction away from that of a healthy row, which has the medians of the healthy "
    "training rows. +0.7 doubles the odds of an error, -0.7 halves them. One-hot inputs are one column. "
    "A missing reading counts as the value that replaces it. A contribution tells what moved the model, "
    "not what broke."
)
_DRAWN = 15
_LONGEST_NAME = 40


def drivers_sections(
    importance: pd.DataFrame | None, contributions: pd.DataFrame | None
) -> tuple[Section, ...]:
    """What the model needs, and what made it call single rows as it did; nothing of runs of before.

    :param importance: see ``permutation_importance``; empty without labels.
    :param contributions: see ``Explanation``.
    """
    sections = []
    if importance is not None and len(importance):
        shown = importance_rows(importance).head(SHOWN_ROWS)
        caption = f"Features, those of the most important group first, {how_many_of(importance)}"
        figure = importance_figure(importance)
        sections.append(Section("Drivers", (_IMPORTANCE,), (Table(shown, caption),), (figure,)))
    if contributions is not None and len(contributions):
        tables = tuple(
            Table(contribution_rows(rows), _CAPTIONS[str(case)])
            for case, rows in contributions.groupby(CASE, sort=False)
        )
        sections.append(Section("Explained rows", (_CONTRIBUTION,), tables))
    return tuple(sections)


def importance_rows(importance: pd.DataFrame) -> pd.DataFrame:
    """Each feature with what is lost by it alone, and by its group, which is told once."""
    rows = []
    sizes, before = importance["group"].value_counts(), None
    for row in importance.to_dict("records"):
        group, size = row["group"], sizes[row["group"]]
        first, before = group != before, group
        rows.append(
            {
                "feature": row["feature"],
                "loss alone": _with_range(row, ""),
                "group": (f"{size} features together" if first else "as above") if size > 1 else "",
                "loss of the group": _with_range(row, "group_") if size > 1 and first else "",
            }
        )
    return pd.DataFrame(rows)


def contribution_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Contributions with the row that they are to, which is named once."""
    table = rows[[DEVICE, "time", PROBABILITY, "contribution", "values"]].astype(object)
    table["contribution"] = [f"{value:+.2f}" for value in table["contribution"]]
    table = table.rename(columns={"values": "of value (healthy row)"})
    again = rows.duplicated([DEVICE, "time"]).to_numpy()
    table.loc[again, [DEVICE, "time", PROBABILITY]] = None
    return table.reset_index(drop=True)


@styled
def importance_figure(importance: pd.DataFrame) -> go.Figure:
    """A bar for each group, the most important on top, with its range."""
    groups = importance.drop_duplicates("group").head(_DRAWN)
    names = [_short(name) for name in groups["group"]]
    loss = groups["group_importance"]
    figure = go.Figure(
        go.Bar(
            x=loss.tolist(),
            y=names,
            orientation="h",
            customdata=groups["group"].tolist(),
            hovertemplate="%{customdata}<br>%{x:.4f}<extra></extra>",
            marker={"color": "#1f77b4"},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (groups["group_high"] - loss).clip(lower=0.0).tolist(),
                "arrayminus": (loss - groups["group_low"]).clip(lower=0.0).tolist(),
                "color": "#5b6876",
            },
        )
    )
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(title_text="average precision lost")
    count = importance["group"].nunique()
    figure.update_layout(
        height=160 + 26 * len(groups),
        title=f"What the model needs, {len(groups)} of {count} groups of features",
    )
    return figure


def _with_range(row: Mapping[Hashable, Any], front: str) -> str:
    return f"{row[f'{front}importance']:.3f} ({row[f'{front}low']:.3f} to {row[f'{front}high']:.3f})"


def _short(name: str) -> str:
    """A group on one line of a plot: its first feature, and how many more there are."""
    first, *others = name.split(", ")
    first = first if len(first) <= _LONGEST_NAME else f"{first[: _LONGEST_NAME - 1]}…"
    return f"{first} + {len(others)} more" if others else first
