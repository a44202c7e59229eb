"""Our plots have the style of the template that they name, and are checked as ever."""

import plotly.graph_objects as go
import plotly.io as pio
import pytest
from plotly.subplots import make_subplots

from training.plot_style import STYLE, styled


def drawn():
    figure = make_subplots(rows=1, cols=2, subplot_titles=("one", "other"))
    figure.add_bar(x=[1, 2], y=[3, 4], row=1, col=1)
    figure.add_vline(x=1.5, row=1, col=2)
    figure.update_yaxes(title_text="rows", row=1, col=1)
    figure.update_layout(title="Both", height=200)
    return figure


@pytest.mark.parametrize("draw", [drawn, go.Figure])
def test_a_styled_figure_is_the_one_that_is_given_the_template(draw):
    given = draw().update_layout(template=STYLE)
    assert styled(draw)().to_plotly_json() == given.to_plotly_json()
    assert styled(draw)().layout.template != draw().layout.template


def test_what_is_wrong_in_a_styled_figure_is_refused_as_ever():
    figure = styled(drawn)()
    with pytest.raises(ValueError, match="height"):
        figure.update_layout(height="tall")
    assert pio.templates[STYLE].layout.height is None
