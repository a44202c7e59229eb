"""The style that our plots share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

import plotly.graph_objects as go
import plotly.io as pio

STYLE = "plotly_white"

_Arguments = ParamSpec("_Arguments")


def styled(draw: Callable[_Arguments, go.Figure]) -> Callable[_Arguments, go.Figure]:
    """Have a function draw its figure in our style.

    Plotly checks every field of a template that a figure is given, which takes longer than to draw most of
    ours. Its own default it takes as it is; this is done here in the same way with one that it ships as well.
    """

    @functools.wraps(draw)
    def drawn(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> go.Figure:
        figure = draw(*args, **kwargs)
        layout, checks = figure.layout, figure.layout._validate
        layout._validate = False
        try:
            layout.template = pio.templates[STYLE]
        finally:
            layout._validate = checks
        return figure

    return drawn
