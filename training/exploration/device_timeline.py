"""A plot with a line a device: bars from one time to another."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

Points = list[str | None]


def bars(devices: Sequence[str], starts: Sequence[str], ends: Sequence[str]) -> tuple[Points, Points]:
    """X and y of one trace that draws a bar for each device, start and end.

    :param starts: times as text, of the same length as the devices.
    :param ends: the same.
    """
    x: Points = []
    y: Points = []
    for device, start, end in zip(devices, starts, ends, strict=True):
        x += [start, end, None]  # None breaks the line
        y += [device, device, None]
    return x, y


def set_axes(figure: go.Figure, devices: Sequence[str], period: tuple[pd.Timestamp, pd.Timestamp]) -> None:
    """Devices from the top down, and the time across.

    :param devices: the first is on top.
    :param period: first and last time, the width of the plot.
    """
    figure.update_xaxes(type="date", range=[moment.isoformat() for moment in period], title_text="UTC")
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=list(devices),
        autorange="reversed",
        automargin=True,
        dtick=1,
    )
