"""Training and evaluation on each kind of split, and what a model in production is compared on then."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mlrun.runtimes.utils import RunError

from feature_sets.model_package.package import fetch_model_package
from feature_sets.telemetry.schema import DEVICE
from tests.training.conftest import connect
from tests.training.feature_store import store_vector
from tests.training.handler_runs import STUMPS, Network, table
from tests.training.network import make_frame, make_schema

FRAME = make_frame(devices=8, ticks=200)
PART = np.where(FRAME.index // 8 % 100 < 60, "train", "test")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("splits")
    labels = FRAME[[DEVICE, "timestamp", "is_error"]].assign(split=PART)
    with pytest.MonkeyPatch.context() as patch:
        connect(patch)
        yield Network(store_vector(FRAME, folder, labels), make_schema(split="column"), folder)


def run(network, split, **params):
    trained = network.run("train", candidates=STUMPS, split=split, **params)
    return trained, network.run("evaluate", model_path=trained.outputs["model"], split=split, **params)


@pytest.mark.parametrize(
    ("split", "folds", "said"),
    [
        ("device_time", "forward in time", "later rows of each device"),
        ("first_rows:120", "forward in time", "later rows of each device"),
        ("", "forward in time", "test rows"),
        ("devices:site/2,site/5", "devices left out in turn", "rows of 2 devices not trained on"),
        ("group:unit", "groups left out in turn", "rows of 2 units not trained on"),
    ],
)
def test_each_split_trains_and_evaluates(network, split, folds, said):
    trained, evaluated = run(network, split)
    assert trained.outputs["folds"] == folds
    assert trained.outputs["split"] == evaluated.outputs["split"] == (split or "column:split")
    assert said in evaluated.outputs["verdict"]
    assert evaluated.outputs["average_precision"] > 2 * evaluated.outputs["base_rate"]
    tested = table(evaluated, "test_set_preds")
    known = fetch_model_package(evaluated.outputs["model_uri"]).schema.trained_devices
    ends = pd.to_datetime(tested[DEVICE].map(known), utc=True)
    assert (known and not (tested["timestamp"] <= ends).any()) or not split
    by_group = [table(trained, "left_out_groups"), table(evaluated, "test_group_scores")]
    assert [len(scores) for scores in by_group] == ([6, 2] if split == "group:unit" else [0, 0])
    episodes = table(evaluated, "test_episodes")
    assert episodes["counted"].any() and set(episodes[DEVICE]) <= set(tested[DEVICE])


def test_scores_are_told_by_groups_that_are_asked_for(network):
    trained, evaluated = run(network, "device_time", scores_by="unit")
    assert len(table(trained, "left_out_groups")) == len(table(evaluated, "test_group_scores")) == 8
    with pytest.raises(RunError, match="argument 'scores_by': must be among device, site, unit, model"):
        network.run("train", candidates=STUMPS, scores_by="rack")


def test_another_split_in_training_than_in_evaluation_is_refused(network):
    trained, _ = run(network, "devices:site/2,site/5")
    for split in ("devices:site/2", "device_time"):
        with pytest.raises(RunError, match=rf"model: must be trained without .* of the split {split}"):
            network.run("evaluate", model_path=trained.outputs["model"], split=split)


def test_devices_that_neither_model_was_trained_on_compare_them(network):
    def compared(split):
        trained = network.run("train", candidates=STUMPS, split=split)
        return network.run("evaluate", model_path=trained.outputs["model"], split=split, tag="apart").outputs

    five = "devices:" + ",".join(f"site/{number}" for number in range(5))
    assert compared(five)["promoted"]
    # All of their rows, though the model in production was trained up to the last hour.
    assert compared(five)["comparison_rows"] == 5 * 200
    # Of these one device was in its training part.
    assert compared("devices:site/0,site/7")["comparison_rows"] == 200


def test_errors_that_no_search_can_learn_from_stop_before_features_are_read(network, monkeypatch):
    def read(*_):
        raise AssertionError("features were read")

    monkeypatch.setattr("training.dataset.training_set.read_vector", read)
    for step in ("select-features", "train"):
        with pytest.raises(RunError, match="must have errors in at least two of 1 values of site"):
            network.run(step, split="group:site")
