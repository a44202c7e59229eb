"""Plots of a selection."""

from __future__ import annotations

import numpy as np
import pytest

from training.dataset.time_split import split_by_time
from training.select_features import select_from
from training.selection.feature_scorers import SCORERS
from training.selection.selection_plots import MAX_FEATURES, scaled_scores_figure, votes_figure


@pytest.fixture
def selection(frame, schema):
    return select_from(split_by_time(frame.assign(dead=np.nan), schema, 0.3), schema, k=2)


VOTED_ON = {"heat", "flow", "noise", "model_a"}


def test_bars_of_all_scorers_add_up_to_the_votes(selection):
    figure = votes_figure(selection.table, selection.election.needed_votes)
    assert [trace.name for trace in figure.data] == list(SCORERS)
    assert set(figure.data[0].y) == VOTED_ON
    votes = selection.table.set_index("feature")["votes"]
    total = np.sum([trace.x for trace in figure.data], axis=0)
    assert total.tolist() == votes[list(figure.data[0].y)].tolist() and total.sum() == 2 * len(SCORERS)
    assert figure.layout.shapes[0].x0 == 2.5  # between too few votes, 2, and enough, 3


def test_the_heat_map_holds_the_scaled_scores_and_marks_what_is_selected(selection):
    heat_map = scaled_scores_figure(selection.table).data[0]
    assert heat_map.z.shape == (4, 6) and list(heat_map.x) == list(SCORERS)
    assert {name for name in heat_map.y if name.endswith("●")} == {"heat ●", "flow ●"}
    table = selection.table.set_index("feature")
    row = [name.removesuffix(" ●") for name in heat_map.y].index("flow")
    assert heat_map.z[row, 2] == pytest.approx(table.loc["flow", "chi2_scaled"], abs=0.001)


def test_of_many_features_the_best_are_drawn(frame, schema):
    random = np.random.default_rng(0)
    wide = frame.assign(**{f"extra_{n}": random.normal(size=len(frame)) for n in range(70)})
    selection = select_from(split_by_time(wide, schema, 0.3), schema, k=2)
    figure = votes_figure(selection.table, 3)
    assert len(figure.data[0].y) == MAX_FEATURES < 74
    assert {"heat", "flow"} <= set(figure.data[0].y)
    assert "60 of 75 features drawn" in figure.layout.title.text
