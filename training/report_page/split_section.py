"""The section of the report on the split: what was learned from and what was evaluated on, over time."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from training.exploration.device_timeline import bars, set_axes
from training.plot_style import styled
from training.report_page.page import Section
from training.search.split_timeline import EMBARGO, EPISODE, LEARNED, TEST, VALIDATION

_COLORS = {
    (LEARNED, False): "#1f77b4",
    (VALIDATION, False): "#ff9f40",
    (VALIDATION, True): "#ffc078",
    (EMBARGO, False): "#8c8c8c",
    (TEST, False): "#2ca02c",
    (EPISODE, False): "#d62728",
}
_TEXT = (
    "Each lane shows the rows that are used: what the model learned from, what the folds of the search were "
    "validated on, and the test rows. In a lane of a fold that is what the fold was fitted on. What is blank "
    "is in neither part, or has no rows. Red marks are error episodes."
)


def split_sections(timeline: pd.DataFrame | None, summary: str) -> tuple[Section, ...]:
    """The split on a time axis; nothing of runs of before.

    :param timeline: see ``split_timeline``.
    :param summary: how rows were split, in a sentence.
    """
    if timeline is None or timeline.empty:
        return ()
    text = (summary, _TEXT) if summary else (_TEXT,)
    return (Section("Split", text, figures=(split_figure(timeline),)),)


@styled
def split_figure(timeline: pd.DataFrame) -> go.Figure:
    """A line a lane with a bar for each stretch, colored by part, and a mark for each episode.

    :param timeline: see ``split_timeline``.
    """
    lanes = list(dict.fromkeys(timeline["lane"]))
    kinds = timeline["part"].str.partition(",")[0]
    # Folds that follow each other differ in shade.
    paler = timeline["part"].str.extract(r"fold (\d+)$")[0].astype(float) % 2 == 0
    figure = go.Figure()
    for (kind, pale), color in _COLORS.items():
        drawn = timeline[((kinds == kind) & (paler == pale)).to_numpy()]
        if drawn.empty:
            continue
        starts, ends = (drawn[side].dt.strftime("%Y-%m-%d %H:%M:%S").tolist() for side in ("start", "end"))
        x, y = bars(drawn["lane"].tolist(), starts, ends)
        hints: list[str] = []
        for part, start, end, rows in zip(drawn["part"], starts, ends, drawn["rows"], strict=True):
            hint = f"{part}<br>{start} to {end}" + (f", {rows:,} rows" if rows else "")
            hints += [hint, hint, ""]
        marks = kind == EPISODE
        figure.add_scatter(
            x=x,
            y=y,
            text=hints,
            name=f"{kind}s ({len(drawn):,})" if marks else kind,
            legendgroup=kind,
            showlegend=not pale,
            # The markers show a stretch of a single row, which has no length.
            mode="lines+markers",
            line={"color": color, "width": 5 if marks else 14},
            marker={
                "color": color,
                "symbol": "line-ns",
                "size": 5 if marks else 9,
                "line": {"color": color, "width": 1},
            },
            hovertemplate="%{y}<br>%{text}<extra></extra>",
        )
    figure.update_layout(
        height=220 + 30 * len(lanes),
        title="Rows to learn from, to validate on and to evaluate on",
        legend={"orientation": "h", "y": -0.3},
    )
    set_axes(figure, lanes, (timeline["start"].min(), timeline["end"].max()))
    return figure
