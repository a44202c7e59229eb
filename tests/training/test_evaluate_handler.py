"""The evaluation, run by MLRun: what it registers and what it refuses."""

from __future__ import annotations

import inspect
from pathlib import Path

import mlrun
import numpy as np
import pytest
from mlrun.artifacts import get_model
from mlrun.runtimes.utils import RunError

from tests.training.feature_store import store_vector
from tests.training.handler_runs import STUMPS, Network
from tests.training.network import make_frame
from training.evaluate import evaluate


def test_a_test_part_that_reaches_into_the_training_rows_is_refused(shared_network):
    trained = shared_network.train(test_fraction=0.2)
    with pytest.raises(RunError, match="test part: must begin 300 s after the last training row"):
        shared_network.run("evaluate", model_path=trained.outputs["model"], test_fraction=0.4)


def test_a_model_whose_file_was_changed_is_not_registered(shared_network):
    trained = shared_network.train()
    path = Path(get_model(trained.outputs["model"], suffix=".onnx")[0])
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(RunError, match="SHA-256: must be"):
        shared_network.run("evaluate", model_path=trained.outputs["model"])


def test_something_that_is_no_model_is_refused(shared_network):
    scores = shared_network.run("select-features", select_k=3).outputs["feature_scores"]
    with pytest.raises(RunError, match="must be a model artifact, got 'DatasetArtifact'"):
        shared_network.run("evaluate", model_path=scores)


def test_a_model_that_is_no_better_than_a_simple_rule_says_so(run_db, tmp_path, schema, frame):
    frame["noise"] = np.where(frame["is_error"] == 1, 5.0, 0.0)
    frame.loc[0, "noise"] = 1.0
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    trained = network.train(STUMPS)
    evaluated = network.run("evaluate", model_path=trained.outputs["model"])
    assert evaluated.outputs["single_feature_rule"].startswith("noise >= ")
    assert evaluated.outputs["single_feature_average_precision"] == 1.0
    assert evaluated.outputs["beats_baselines"] is False
    assert evaluated.outputs["verdict"].endswith("use the rule.")


def test_pure_noise_scores_the_base_rate_and_is_said_not_to_be_predictable(run_db, tmp_path, schema):
    frame = make_frame(ticks=400, devices=12)
    frame["is_error"] = (np.random.default_rng(5).random(len(frame)) < 0.1).astype(np.int8)
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    selected = network.run("select-features", select_k=3)
    uri = selected.outputs["feature_vector"]
    trained = network.run(
        "train", feature_vector=uri, families="logistic_regression,lightgbm", combinations=6
    )
    model = {"feature_vector": uri, "model_path": trained.outputs["model"]}
    found = network.run("evaluate", **model, promote="false").outputs  # text, as Kubeflow delivers it
    assert found["average_precision_low"] <= found["base_rate"] <= found["average_precision_high"]
    assert found["roc_auc_low"] <= 0.5 <= found["roc_auc_high"]
    assert found["predictable"] is False and found["beats_baselines"] is False
    assert "not predictable" in found["verdict"]
    assert found["promoted"] is False
    assert mlrun.datastore.get_store_resource(found["model_uri"]).metadata.tag == "rejected"
    assert inspect.signature(evaluate).parameters["promote"].default is False
    forced = network.run("evaluate", **model, promote=True).outputs
    assert mlrun.datastore.get_store_resource(forced["model_uri"]).metadata.tag == "production"
