"""Plot of error episodes over time; it takes the table of ``error_episodes``."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from feature_sets.telemetry.schema import DEVICE
from training.exploration.device_timeline import bars, set_axes

MAX_DEVICES = 50
MAX_EPISODES = 2_000
"""Episodes drawn, the longest; a page with more of them is slow. The table holds all."""
COLOR = "#d62728"


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
    figure = go.Figure(
        go.Scatter(
            x=x,
            y=y,
            text=hints,
            # The markers show an episode of a single row, which has no length.
            mode="lines+markers",
            line={"color": COLOR, "width": 8},
            marker={"color": COLOR, "symbol": "line-ns", "size": 8, "line": {"color": COLOR, "width": 1}},
            hovertemplate="%{y}<br>%{text}<extra></extra>",
        )
    )
    title = (
        f"Error episodes ({len(order)} of {len(by_device)} devices with errors, most error time first; "
        f"{len(drawn)} of {len(episodes)} episodes drawn)"
    )
    figure.update_layout(template="plotly_white", height=220 + 18 * len(order), title=title)
    set_axes(figure, order.index.tolist(), period)
    return figure
