"""The exploration, run by MLRun: what it logs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.training.feature_store import store_vector
from tests.training.handler_runs import Network, assert_opens_without_network, table
from training.exploration import exploration_sample
from training.explore import exploration_figures


@pytest.fixture(scope="module")
def explored(shared_network):
    return shared_network.run("explore", sample_ratio=0.5, seed=1)


def test_exploring_a_vector_logs_tables_and_plots_that_need_no_network(explored, frame):
    assert explored.outputs["rows"] == len(frame) and explored.outputs["rows_sampled"] == len(frame) // 2
    assert (explored.outputs["features"], explored.outputs["devices"]) == (5, 4)
    assert explored.outputs["positives"] == int(table(explored, "class_balance")["rows"].iloc[1])
    assert set(table(explored, "feature_summary")["feature"]) == {
        "heat",
        "flow",
        "noise",
        "heat_felt",
        "model_a",
    }
    assert len(table(explored, "correlations")) == 6
    assert {"healthy", "error"} <= set(table(explored, "class_histograms").columns)
    assert set(table(explored, "violin_values")["feature"]) <= set(
        table(explored, "feature_summary")["feature"]
    )
    assert len(table(explored, "scatter_points")) > 0
    for key in (
        "histograms_plot",
        "correlations_plot",
        "scatter_plot",
        "violins_plot",
        "staleness_plot",
        "error_episodes_plot",
    ):
        assert_opens_without_network(explored, key)


def test_exploring_measures_staleness_and_episodes_on_rows_that_are_not_sampled(shared_network, frame):
    explored = shared_network.run("explore", sample_ratio=0.1, seed=1)
    assert explored.outputs["rows_sampled"] == len(frame) // 10
    assert (explored.outputs["staleness_rows"], explored.outputs["staleness_devices"]) == (len(frame), 4)
    stale = table(explored, "staleness").set_index("feature")
    assert stale.loc["flow", "missing_share"] == pytest.approx(frame["flow"].isna().mean())
    assert stale.loc["flow", "reading_age_max"] % 30 == 0 and stale.loc["flow", "reading_age_max"] > 0
    assert stale.loc["heat", "unchanged_max"] == 0
    assert stale.loc["model_a", "unchanged_max"] == 299 * 30
    episodes = table(explored, "error_episodes")
    assert list(episodes.columns) == ["device", "start", "end", "seconds", "rows"]
    assert episodes["rows"].sum() == frame["is_error"].sum()
    assert explored.outputs["error_episodes_of"] == "is_error"
    assert explored.outputs["episodes"] == len(episodes)
    assert explored.outputs["error_seconds"] == episodes["seconds"].sum()


@pytest.mark.parametrize("is_since", [False, True])
def test_of_a_training_window_no_other_rows_are_explored(
    shared_network, frame, schema, is_since, monkeypatch
):
    newest = frame["timestamp"].max()
    first = newest - pd.Timedelta("1h")
    asked, read = [], exploration_sample.read_vector
    monkeypatch.setattr(
        exploration_sample, "read_vector", lambda *given: (asked.append(given[3]), read(*given))[1]
    )
    window = f"since {first.isoformat()}" if is_since else "1h"
    explored = shared_network.run("explore", sample_ratio=1.0, training_window=window)
    within = frame["timestamp"] >= first if is_since else frame["timestamp"] > first
    assert 0 < within.sum() < len(frame)
    assert explored.outputs["rows"] == len(frame)
    assert explored.outputs["rows_sampled"] == within.sum()
    assert explored.outputs["rows_before_window"] == len(frame) - within.sum()
    assert pd.Timestamp(explored.outputs["first_time"]) == frame["timestamp"][within].min()
    assert asked == [schema.longest_window_seconds]  # Files of other times are left alone.


def test_exploring_works_without_an_error_and_with_a_dead_feature(run_db, tmp_path, schema, frame):
    network = Network(
        store_vector(frame.assign(is_error=np.int8(0), noise=np.nan), tmp_path), schema, tmp_path
    )
    explored = network.run("explore")
    assert (explored.outputs["positives"], explored.outputs["episodes"]) == (0, 0)
    assert len(table(explored, "error_episodes")) == len(table(explored, "scatter_points")) == 0
    assert table(explored, "staleness").set_index("feature").loc["noise", "missing_share"] == 1.0


def test_the_plots_of_an_exploration_can_be_made_from_what_it_logged(explored, frame):
    keys = (
        "class_histograms",
        "correlations",
        "scatter_points",
        "violin_values",
        "staleness",
        "error_episodes",
    )
    period = (frame["timestamp"].min(), frame["timestamp"].max())
    figures = exploration_figures({key: table(explored, key) for key in keys}, "is_error", period)
    assert {key for key in explored.outputs if key.endswith("_plot")} == set(figures)
    assert all(len(figure.data) > 0 for figure in figures.values())


def test_exploring_takes_a_data_set_too(shared_network, frame, tmp_path):
    path = tmp_path / "rows.parquet"
    frame.to_parquet(path)
    explored = shared_network.run("explore", inputs={"dataset": str(path)}, max_rows=100)
    assert (explored.outputs["rows"], explored.outputs["rows_sampled"]) == (len(frame), 100)
