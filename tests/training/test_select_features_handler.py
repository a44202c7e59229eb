"""The selection, run by MLRun: what it logs and warns of."""

from __future__ import annotations

import numpy as np

from tests.training.feature_store import store_vector
from tests.training.handler_runs import STUMPS, Network, assert_opens_without_network, table
from tests.training.network import make_frame


def test_a_selection_says_what_became_of_every_feature(shared_network):
    selected = shared_network.run("select-features", select_k=2)
    assert list(selected.outputs["redundant"]) == ["heat_felt"] and selected.outputs["dropped"] == {}
    assert selected.outputs["redundant"]["heat_felt"].startswith("r = 0.98")
    scores = table(selected, "feature_scores").set_index("feature")
    assert set(scores.index) == {"heat", "flow", "noise", "heat_felt", "model_a"}
    assert set(scores.index[scores["selected"]]) == set(selected.outputs["selected"]) == {"heat", "flow"}
    assert scores.loc["heat_felt", "reason"] == selected.outputs["redundant"]["heat_felt"]
    assert scores.loc["noise", "reason"].endswith(f"of the {selected.outputs['votes_needed']} votes needed")
    for key in ("feature_votes_plot", "feature_scores_plot"):
        assert_opens_without_network(selected, key)


def test_the_selection_rows_are_said_and_warned_of_if_they_are_evaluated_on(run_db, tmp_path, schema, capfd):
    warning = "voted on by the whole training part: "
    frame = make_frame(ticks=600)
    honest = (
        Network(store_vector(frame, tmp_path), schema, tmp_path).run("select-features", select_k=2).outputs
    )
    assert honest["selection_part"] == "first half" and honest["selection_rows"] < honest["train_rows"] / 2
    assert warning not in "".join(capfd.readouterr())
    # Three episodes of one device: each is evaluated on.
    frame["is_error"] = ((frame.index // 4 % 180 < 12) & (frame["device"] == "site/0")).astype(np.int8)
    few = Network(store_vector(frame, tmp_path), schema, tmp_path).run("select-features", select_k=2).outputs
    assert few["selection_part"] == "whole training part" and few["selection_rows"] == few["train_rows"]
    assert warning in "".join(capfd.readouterr())


def test_a_dead_metric_is_dropped_and_said(run_db, tmp_path, schema, frame):
    network = Network(store_vector(frame.assign(noise=np.nan), tmp_path), schema, tmp_path)
    selected = network.run("select-features", select_k=2)
    assert selected.outputs["dropped"] == {"noise": "no reading in the training part"}
    assert network.train(STUMPS).outputs["dropped"] == selected.outputs["dropped"]
