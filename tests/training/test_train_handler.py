"""The training, run by MLRun: the search, its iterations and the model it logs."""

from __future__ import annotations

from pathlib import Path

import mlrun
import numpy as np
import pytest
from mlrun.artifacts import get_model
from mlrun.runtimes.utils import RunError

from tests.training.feature_store import store_vector
from tests.training.handler_runs import STUMPS, Network, table


def test_training_again_leaves_the_served_model_as_it_was(shared_network):
    first = shared_network.train()
    before = Path(get_model(first.outputs["model"], suffix=".onnx")[0])
    content = before.read_bytes()
    second = shared_network.train([{"family": "logistic_regression", "parameters": {"C": 0.01}}])
    after = Path(get_model(second.outputs["model"], suffix=".onnx")[0])
    assert after != before and before.read_bytes() == content != after.read_bytes()


def test_every_combination_is_an_iteration_and_the_best_is_marked(network, run_db):
    trained = network.run("train", combinations=7, families="logistic_regression,ada_boost", seed=1)
    header, *rows = trained.status.iterations
    iterations = [dict(zip(header, row, strict=True)) for row in rows]
    assert [entry["iter"] for entry in iterations] == list(range(1, 8))
    best = iterations[trained.outputs["best_iteration"] - 1]
    assert best["param.candidate"] == trained.outputs["candidate"]
    assert best["param.family"] == trained.outputs["family"]
    assert len({entry["param.parameters"] for entry in iterations}) == 7
    for entry in iterations:
        assert entry["param.candidate"] == f"{entry['param.family']} {entry['param.parameters']}"
        assert 0.0 < entry["output.average_precision"] <= 1.0 and 0.0 <= entry["output.f1"] <= 1.0
    last = [entry for entry in iterations if entry["output.rung"] == len(trained.outputs["rungs"])]
    assert best["output.average_precision"] == max(entry["output.average_precision"] for entry in last)

    uid = trained.metadata.uid
    children = [run_db.runs[(uid, number)] for number in range(1, 8)]
    assert {child["status"]["state"] for child in children} == {"completed"}
    assert children[0]["spec"]["parameters"]["candidate"] == iterations[0]["param.candidate"]

    found = table(trained, "search_results")
    assert list(found["iteration"]) == list(range(1, 8))
    assert list(found.loc[found["best"], "iteration"]) == [trained.outputs["best_iteration"]]
    assert list(found["parameters"]) == [entry["param.parameters"] for entry in iterations]
    assert list(found["average_precision"]) == [entry["output.average_precision"] for entry in iterations]
    assert set(found.columns) >= {"family", "rung", "rows", "roc_auc", "f1", "precision", "recall", "seconds"}
    assert (found["seconds"] > 0).all()


def test_the_table_of_iterations_is_logged_a_few_times_and_not_for_each(shared_network, monkeypatch):
    calls = []
    original = mlrun.runtimes.utils.log_iter_artifacts
    monkeypatch.setattr(
        mlrun.runtimes.utils, "log_iter_artifacts", lambda *args: calls.append(1) or original(*args)
    )
    shared_network.run("train", combinations=5, families="logistic_regression")
    assert 1 <= len(calls) <= 2


def test_a_grid_a_rule_and_a_search_metric_are_said(shared_network):
    trained = shared_network.run(
        "train",
        search="grid",
        combinations=3,
        families=["logistic_regression"],
        search_metric="max.recall",
        threshold_rule="min_precision:0.6",
        folds=2,
    )
    assert (trained.outputs["search"], trained.outputs["combinations"]) == ("grid", 3)
    assert trained.outputs["combinations_possible"] == 5
    assert (trained.outputs["folds_used"], trained.outputs["search_metric"]) == (2, "max.recall")
    assert trained.outputs["threshold_rule"] == "min_precision:0.6"
    assert trained.outputs["precision"] >= 0.6
    found = table(trained, "search_results")
    assert found["recall"].max() == found.loc[found["best"], "recall"].item()


def test_errors_that_begin_late_can_be_trained_on(run_db, tmp_path, schema, frame):
    early = frame["timestamp"] < frame["timestamp"].quantile(0.45)
    frame.loc[early, "is_error"] = np.int8(0)
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    trained = network.train()
    assert trained.outputs["folds"] == "forward in time"
    assert (trained.outputs["folds_used"], trained.outputs["folds_skipped"]) == (3, [])
    assert trained.outputs["threshold_episodes"] >= 1
    # Every healthy row of the later half is near an error: there is no rate to state.
    assert "false_alarm_rate" not in trained.outputs


def test_a_precision_that_cannot_be_had_ends_in_a_clear_error(run_db, tmp_path, schema, frame):
    frame["is_error"] = (np.random.default_rng(0).random(len(frame)) < 0.3).astype(np.int8)
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    # One tree of one leaf gives every row the same probability.
    constant = [{"family": "lightgbm", "parameters": {"n_estimators": 1, "min_child_samples": 800}}]
    with pytest.raises(RunError, match=r"precision of at least 0\.99 on the out-of-fold"):
        network.train(constant, threshold_rule="min_precision:0.99")


def test_given_hyper_parameters_replace_the_defaults(shared_network):
    trained = shared_network.train([{"family": "random_forest", "parameters": {"n_estimators": 5}}])
    parameters = mlrun.datastore.get_store_resource(trained.outputs["model"]).spec.parameters
    assert (parameters["n_estimators"], parameters["max_depth"]) == (5, 12)


def test_training_refuses_a_selection_that_saw_test_rows(shared_network):
    uri = shared_network.run("select-features", select_k=3, test_fraction=0.2).outputs["feature_vector"]
    with pytest.raises(RunError, match="must be selected on rows up to"):
        shared_network.train(feature_vector=uri, test_fraction=0.4)


def test_one_class_only_ends_in_a_clear_error(run_db, tmp_path, schema, frame):
    frame["is_error"] = np.int8(0)
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    with pytest.raises(
        RunError,
        match=r"training part .* must hold both classes of 'is_error' in its \d+ rows .*, got \[0\]",
    ):
        network.train(STUMPS)
