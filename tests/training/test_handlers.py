"""The handlers of this room, run by MLRun itself: what they log and what they refuse."""

from __future__ import annotations

import re
from pathlib import Path

import mlrun
import numpy as np
import pytest
from mlrun.artifacts import get_model

from feature_sets.model_package.files import read_model_schema
from feature_sets.model_package.onnx_session import OnnxSession
from project.workflow_steps import EXPLORED, SEARCHED, SELECTED, TESTED
from tests.training.feature_store import PROJECT, store_vector
from tests.training.network import make_frame
from tests.training.pages import loaded_from_network
from training.dataset.time_split import split_by_time
from training.explore import exploration_figures

SCORES = {"average_precision", "roc_auc", "f1", "precision", "recall", "true_positives", "threshold"}
TRAINING = {
    "train_start",
    "train_end",
    "train_rows",
    "train_positives",
    "embargo_seconds",
    "calibration_a",
    "calibration_b",
    "fit_seconds",
    "search_seconds",
    "n_features",
}
REGRESSION = [{"family": "logistic_regression"}]
STUMPS = [{"family": "ada_boost"}]
SPLIT = {"train_start", "train_end", "train_rows", "train_positives", "test_start", "embargo_seconds"}
HANDLERS = {
    "explore": "training.explore.explore",
    "select-features": "training.select_features.select_features",
    "train": "training.train.train",
    "test": "training.evaluate.evaluate",
    "report": "training.report.report",
}


class Network:
    """Runs handlers by their dotted names, as the workflow does."""

    def __init__(self, uri, schema, folder):
        self.uri = uri
        self.folder = folder
        self.schema_file = folder / "schema.json"  # JSON is YAML
        self.schema_file.write_text(mlrun.utils.dict_to_json(schema.to_dict()))

    def train(self, candidates=REGRESSION, **params):
        return self.run("train", candidates=candidates, **params)

    def run(self, name, inputs=None, **params):
        function = mlrun.new_function(name, kind="job", image="mlrun/mlrun", project=PROJECT)
        params = {"schema": str(self.schema_file), **params}
        if name in ("test", "report"):
            del params["schema"]  # the model's own counts
        if not inputs:
            params.setdefault("feature_vector", self.uri)
        return function.run(
            name=name,
            handler=HANDLERS[name],
            local=True,
            output_path=str(self.folder / "artifacts"),
            project=PROJECT,
            params=params,
            inputs=inputs,
        )


@pytest.fixture
def network(vector_uri, schema, tmp_path):
    return Network(vector_uri, schema, tmp_path)


def assert_opens_without_network(run, key):
    page = Path(run.outputs[key]).read_text()
    assert "Plotly.newPlot" in page
    assert loaded_from_network(page) == []


def table(run, key):
    return mlrun.get_dataitem(run.outputs[key]).as_df()


def test_a_vector_becomes_a_registered_model(network, frame, schema):
    selected = network.run("select-features", select_k=3, seed=5, max_correlation=1)
    assert SPLIT | {"n_features_in", "n_features_selected", "selected"} <= set(selected.outputs)
    assert set(selected.outputs["selected"]) == {"heat", "flow", "heat_felt"}
    assert (selected.outputs["n_features_in"], selected.outputs["n_features_selected"]) == (5, 3)
    uri = selected.outputs["feature_vector"]

    trained = network.run("train", feature_vector=uri, seed=5, combinations=6)
    assert set(trained.outputs) >= SCORES | TRAINING
    assert (trained.outputs["search"], trained.outputs["combinations"]) == ("random", 6)
    assert trained.outputs["combinations_possible"] > 500
    assert (trained.outputs["folds_used"], trained.outputs["folds_skipped"]) == (3, [])
    assert trained.outputs["selector"] == "max.average_precision"
    assert trained.outputs["threshold_rule"] == "max_f1"
    best = mlrun.datastore.get_store_resource(trained.outputs["model"])
    assert best.spec.parameters["candidate"] == trained.outputs["candidate"]
    assert best.spec.algorithm == trained.outputs["family"]
    assert best.metadata.key == "model" and best.db_key == "train_model"

    tested = network.run("test", feature_vector=uri, model_path=trained.outputs["model"])
    assert SCORES | SPLIT | {"base_rate", "model_uri", "single_feature_rule"} <= set(tested.outputs)
    assert tested.outputs["average_precision"] > 1.5 * tested.outputs["single_feature_average_precision"]
    assert tested.outputs["beats_baselines"] is True
    assert tested.outputs["majority_class_average_precision"] == pytest.approx(tested.outputs["base_rate"])
    assert tested.outputs["version"] == trained.outputs["version"]
    scores = table(tested, "test_scores_table")
    assert list(scores["scorer"]) == ["model", tested.outputs["single_feature_rule"], "majority_class"]
    assert scores["brier"][0] == tested.outputs["brier"] < scores["brier"][2]
    episodes = table(tested, "test_episodes")
    assert episodes["counted"].sum() == tested.outputs["episodes"] > 0
    assert table(tested, "test_device_scores")["false_alarms"].sum() == tested.outputs["false_alarms"]
    assert len(table(tested, "test_false_alarms")) == tested.outputs["false_alarms"]
    for key in ("test_scores", "test_calibration", "test_alarms"):
        assert_opens_without_network(tested, key)

    model_file, artifact, extra = get_model(tested.outputs["model_uri"], suffix=".onnx")
    assert artifact.metadata.tag == "production"
    assert artifact.spec.parameters["candidate"] == best.spec.parameters["candidate"]
    assert [feature.name for feature in artifact.spec.inputs] == list(selected.outputs["selected"])
    assert artifact.spec.feature_vector == uri
    schema_file = extra["model.json"].local()
    model_schema = read_model_schema(schema_file, [model_file])
    assert model_schema.metrics["f1"] == tested.outputs["f1"] == artifact.spec.metrics["f1"]
    assert model_schema.metrics["base_rate"] == tested.outputs["base_rate"]
    assert model_schema.telemetry == schema
    assert model_schema.validation["f1"] == trained.outputs["f1"]
    assert model_schema.code_version == trained.outputs["code_version"]
    assert model_schema.calibration.a == trained.outputs["calibration_a"]

    predictions = table(tested, "test_set_preds")
    split = split_by_time(frame, schema, 0.3)
    assert list(predictions.columns) == [
        "device",
        "timestamp",
        *model_schema.input_names,
        "is_error",
        "prediction",
        "probability",
    ]
    assert len(predictions) == len(split.test) and predictions["timestamp"].min() == split.cut
    again = OnnxSession(Path(model_file).read_bytes()).probability(model_schema.matrix(predictions))
    assert (again == predictions["probability"].to_numpy()).all()
    assert (predictions["prediction"] == (again >= model_schema.threshold)).all()
    assert tested.outputs["true_positives"] == int(
        (predictions["prediction"] & predictions["is_error"]).sum()
    )


def test_the_report_is_one_page_of_the_whole_run(network):
    steps = {"explore": network.run("explore"), "select-features": network.run("select-features", select_k=2)}
    uri = steps["select-features"].outputs["feature_vector"]
    steps["train"] = network.run("train", feature_vector=uri, combinations=6)
    steps["test"] = network.run("test", feature_vector=uri, model_path=steps["train"].outputs["model"])
    keys = {"explore": EXPLORED, "select-features": SELECTED, "train": SEARCHED, "test": TESTED}
    tested = steps["test"].outputs
    reported = network.run(
        "report",
        inputs={key: steps[step].outputs[key] for step, found in keys.items() for key in found},
        model_path=tested["model_uri"],
        verdict=tested["verdict"],
        intervals=tested["intervals"],
        votes_needed=steps["select-features"].outputs["votes_needed"],
    )
    page = Path(reported.outputs["report_path"]).read_text()
    assert reported.outputs["report"].startswith("store://artifacts/")
    assert tested["verdict"].replace("'", "&#39;").replace(">", "&gt;").replace("<", "&lt;") in page
    for section in ("Data", "Selection", "Candidates", "Test", "Model"):
        assert f"<h2>{section}</h2>" in page
    assert f"<td>{tested['f1']:.3f}" in page
    assert f"&gt;= {tested['single_feature_rule'].split()[-1]}" in page
    assert re.search(r"<td>heat_felt</td>\s*<td>0</td>\s*<td>r = 0.98", page)
    assert page.count("Plotly.newPlot(") >= 5
    assert loaded_from_network(page) == []


def test_a_selection_says_what_became_of_every_feature(network):
    selected = network.run("select-features", select_k=2)
    assert list(selected.outputs["correlated"]) == ["heat_felt"] and selected.outputs["dropped"] == {}
    assert selected.outputs["correlated"]["heat_felt"].startswith("r = 0.98")
    scores = table(selected, "feature_scores").set_index("feature")
    assert set(scores.index) == {"heat", "flow", "noise", "heat_felt", "model_a"}
    assert set(scores.index[scores["selected"]]) == set(selected.outputs["selected"]) == {"heat", "flow"}
    assert scores.loc["heat_felt", "reason"] == selected.outputs["correlated"]["heat_felt"]
    assert scores.loc["noise", "reason"].endswith(f"of the {selected.outputs['votes_needed']} votes needed")
    for key in ("feature_votes_plot", "feature_scores_plot"):
        assert_opens_without_network(selected, key)


def test_training_again_leaves_the_served_model_as_it_was(network, frame, schema):
    first = network.train()
    before = Path(get_model(first.outputs["model"], suffix=".onnx")[0])
    content = before.read_bytes()
    second = network.train([{"family": "logistic_regression", "parameters": {"C": 0.01}}])
    after = Path(get_model(second.outputs["model"], suffix=".onnx")[0])
    assert after != before and before.read_bytes() == content != after.read_bytes()


def test_the_same_seed_gives_the_same_version_in_two_runs(network):
    runs = [network.run("train", combinations=5, seed=2) for _ in range(2)]
    assert runs[0].outputs["version"] == runs[1].outputs["version"]
    contents = [Path(get_model(run.outputs["model"], suffix=".onnx")[0]).read_bytes() for run in runs]
    assert contents[0] == contents[1]


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


def test_the_table_of_iterations_is_logged_a_few_times_and_not_for_each(network, monkeypatch):
    calls = []
    original = mlrun.runtimes.utils.log_iter_artifacts
    monkeypatch.setattr(
        mlrun.runtimes.utils, "log_iter_artifacts", lambda *args: calls.append(1) or original(*args)
    )
    network.run("train", combinations=5, families="logistic_regression")
    assert 1 <= len(calls) <= 2


def test_a_grid_a_rule_and_a_selector_are_said(network):
    trained = network.run(
        "train",
        search="grid",
        combinations=3,
        families=["logistic_regression"],
        selector="max.recall",
        threshold_rule="min_precision:0.6",
        folds=2,
    )
    assert (trained.outputs["search"], trained.outputs["combinations"]) == ("grid", 3)
    assert trained.outputs["combinations_possible"] == 5
    assert (trained.outputs["folds_used"], trained.outputs["selector"]) == (2, "max.recall")
    assert trained.outputs["threshold_rule"] == "min_precision:0.6"
    assert trained.outputs["precision"] >= 0.6
    found = table(trained, "search_results")
    assert found["recall"].max() == found.loc[found["best"], "recall"].item()


def test_a_skipped_fold_is_said(run_db, tmp_path, schema, frame):
    early = frame["timestamp"] < frame["timestamp"].quantile(0.38)
    frame.loc[early, "is_error"] = np.int8(0)
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    trained = network.train()
    assert trained.outputs["folds_used"] == 2
    (reason,) = trained.outputs["folds_skipped"]
    assert "fold 1 of 3: the training part must hold both classes" in reason


def test_a_precision_that_cannot_be_had_ends_in_a_clear_error(run_db, tmp_path, schema, frame):
    frame["is_error"] = (np.random.default_rng(0).random(len(frame)) < 0.3).astype(np.int8)
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    # One tree of one leaf gives every row the same probability.
    constant = [{"family": "lightgbm", "parameters": {"n_estimators": 1, "min_child_samples": 800}}]
    with pytest.raises(
        mlrun.runtimes.utils.RunError, match=r"precision of at least 0\.99 on the out-of-fold"
    ):
        network.train(constant, threshold_rule="min_precision:0.99")


def test_every_step_works_on_a_sample_of_the_training_rows_and_says_so(network, frame, schema):
    available = len(split_by_time(frame, schema, 0.3).train)
    sample = {"train_rows": 400, "seed": 2}
    selected = network.run("select-features", select_k=3, **sample)
    vector = {"feature_vector": selected.outputs["feature_vector"]}
    trained = network.train([{"family": "hist_gradient_boosting"}], **vector, **sample)
    tested = network.run("test", model_path=trained.outputs["model"], **vector, **sample)
    for run in (selected, trained, tested):
        assert (run.outputs["train_rows"], run.outputs["train_rows_available"]) == (400, available)
    assert trained.outputs["rungs"][-1] < 400
    assert tested.outputs["test_rows"] == len(split_by_time(frame, schema, 0.3).test)
    assert len(table(tested, "test_set_preds")) == tested.outputs["test_rows"]


def test_given_hyper_parameters_replace_the_defaults(network):
    trained = network.train([{"family": "random_forest", "parameters": {"n_estimators": 5}}])
    parameters = mlrun.datastore.get_store_resource(trained.outputs["model"]).spec.parameters
    assert (parameters["n_estimators"], parameters["max_depth"]) == (5, 12)


def test_exploring_a_vector_logs_tables_and_plots_that_need_no_network(network, frame):
    explored = network.run("explore", sample_ratio=0.5, seed=1)
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


def test_exploring_measures_staleness_and_episodes_on_rows_that_are_not_sampled(network, frame):
    explored = network.run("explore", sample_ratio=0.1, seed=1)
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


def test_exploring_works_without_an_error_and_with_a_dead_feature(run_db, tmp_path, schema, frame):
    network = Network(
        store_vector(frame.assign(is_error=np.int8(0), noise=np.nan), tmp_path), schema, tmp_path
    )
    explored = network.run("explore")
    assert (explored.outputs["positives"], explored.outputs["episodes"]) == (0, 0)
    assert len(table(explored, "error_episodes")) == len(table(explored, "scatter_points")) == 0
    assert table(explored, "staleness").set_index("feature").loc["noise", "missing_share"] == 1.0


def test_the_plots_of_an_exploration_can_be_made_from_what_it_logged(network, frame):
    explored = network.run("explore")
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


def test_exploring_takes_a_data_set_too(network, frame, tmp_path):
    path = tmp_path / "rows.parquet"
    frame.to_parquet(path)
    explored = network.run("explore", inputs={"dataset": str(path)}, max_rows=100)
    assert (explored.outputs["rows"], explored.outputs["rows_sampled"]) == (len(frame), 100)


def test_a_test_part_that_reaches_into_the_training_rows_is_refused(network):
    trained = network.train(test_fraction=0.2)
    with pytest.raises(
        mlrun.runtimes.utils.RunError, match="test part must begin 300 s after the last training row"
    ):
        network.run("test", model_path=trained.outputs["model"], test_fraction=0.4)


def test_training_refuses_a_selection_that_saw_test_rows(network):
    uri = network.run("select-features", select_k=3, test_fraction=0.2).outputs["feature_vector"]
    with pytest.raises(mlrun.runtimes.utils.RunError, match="must be selected on rows up to"):
        network.train(feature_vector=uri, test_fraction=0.4)


def test_a_model_whose_file_was_changed_is_not_registered(network):
    trained = network.train()
    path = Path(get_model(trained.outputs["model"], suffix=".onnx")[0])
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(mlrun.runtimes.utils.RunError, match="SHA-256 must be"):
        network.run("test", model_path=trained.outputs["model"])


def test_something_that_is_no_model_is_refused(network, frame):
    scores = network.run("select-features", select_k=3).outputs["feature_scores"]
    with pytest.raises(mlrun.runtimes.utils.RunError, match="must be a model artifact, got DatasetArtifact"):
        network.run("test", model_path=scores)


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("explore", {"sample_ratio": 0}, "'sample_ratio': must be a number above 0 and at most 1, got 0"),
        ("explore", {"feature_vector": ""}, "give either a feature vector or a dataset"),
        ("select-features", {"select_k": 0}, "'select_k': must be a whole number of at least 1, got 0"),
        ("explore", {"max_rows": 3}, "'max_rows': must be a whole number of at least 100, got 3"),
        ("select-features", {"train_rows": 3}, "'train_rows': must be a whole number of at least 100, got 3"),
        ("select-features", {"min_votes": 9}, "'min_votes': must be a share"),
        ("select-features", {"seed": -1}, "'seed': must be a whole number of at least 0, got -1"),
        ("select-features", {"seed": 1.5}, "'seed': must be a whole number of at least 0, got 1.5"),
        ("explore", {"seed": -1}, "'seed': must be a whole number of at least 0, got -1"),
        (
            "select-features",
            {"max_correlation": 0},
            "'max_correlation': must be a number above 0 and at most",
        ),
        ("select-features", {"max_correlation": 1.2}, "'max_correlation': must be a number above 0 and at"),
        ("train", {"candidates": [{"family": "oracle"}]}, "'family': must be among"),
        (
            "train",
            {"candidates": [{"family": "ada_boost", "parameters": {"x": 1}}]},
            "of ada_boost must be among",
        ),
        (
            "train",
            {"candidates": [{"family": "random_forest", "parameters": {"n_estimators": -5}}]},
            "n_estimators of random_forest must be a whole number of at least 1, got -5",
        ),
        ("train", {"train_rows": 99}, "'train_rows': must be a whole number"),
        ("train", {"test_fraction": 1.5}, "'test_fraction': must be a number"),
        ("train", {"schema": "nowhere.yaml"}, "must be a readable YAML file"),
        ("train", {"search": "luck"}, "'search': must be among random, grid"),
        ("train", {"combinations": 0}, "'combinations': must be a whole number of at least 1"),
        ("train", {"families": "oracle"}, "'families': must be among"),
        ("train", {"folds": 0}, "'folds': must be a whole number of at least 1"),
        ("train", {"selector": "f1"}, "'selector': must be max"),
        ("train", {"threshold_rule": "best"}, "'threshold_rule': must be max_f1"),
        ("train", {"seed": -1}, "'seed': must be a whole number of at least 0"),
    ],
)
def test_arguments_that_break_a_rule_are_refused(network, name, params, words):
    with pytest.raises(mlrun.runtimes.utils.RunError, match=words):
        network.run(name, **params)


def test_the_rows_voted_on_are_said_and_warned_of_if_the_search_judges_them(run_db, tmp_path, schema, capfd):
    warning = "voted on by the whole training part: its first half has"
    frame = make_frame(ticks=600)
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    honest = network.run("select-features", select_k=2).outputs
    assert honest["voted_on"] == "first half" and honest["voted_rows"] < honest["train_rows"] / 2
    assert warning not in "".join(capfd.readouterr())
    frame.loc[frame["timestamp"] < frame["timestamp"].quantile(0.25), "is_error"] = np.int8(0)
    few = Network(store_vector(frame, tmp_path), schema, tmp_path).run("select-features", select_k=2).outputs
    assert few["voted_on"] == "whole training part" and few["voted_rows"] == few["train_rows"]
    assert warning in "".join(capfd.readouterr())


def test_one_class_only_ends_in_a_clear_error(run_db, tmp_path, schema, frame):
    frame["is_error"] = np.int8(0)
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    with pytest.raises(
        mlrun.runtimes.utils.RunError,
        match=r"training part must hold both classes of 'is_error', got only \[0\]",
    ):
        network.train(STUMPS)


def test_a_dead_metric_is_dropped_and_said(run_db, tmp_path, schema, frame):
    network = Network(store_vector(frame.assign(noise=np.nan), tmp_path), schema, tmp_path)
    selected = network.run("select-features", select_k=2)
    assert selected.outputs["dropped"] == {"noise": "no reading in the training part"}
    assert network.train(STUMPS).outputs["dropped"] == selected.outputs["dropped"]


def test_a_model_that_is_no_better_than_a_simple_rule_says_so(run_db, tmp_path, schema, frame):
    frame["noise"] = np.where(frame["is_error"] == 1, 5.0, 0.0)
    frame.loc[0, "noise"] = 1.0
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    trained = network.train(STUMPS)
    tested = network.run("test", model_path=trained.outputs["model"])
    assert tested.outputs["single_feature_rule"].startswith("noise >= ")
    assert tested.outputs["single_feature_average_precision"] == 1.0
    assert tested.outputs["beats_baselines"] is False
    assert tested.outputs["verdict"].endswith("use the rule.")


def test_pure_noise_scores_the_base_rate_and_is_said_not_to_be_predictable(run_db, tmp_path, schema):
    frame = make_frame(ticks=400, devices=12)
    frame["is_error"] = (np.random.default_rng(5).random(len(frame)) < 0.1).astype(np.int8)
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    selected = network.run("select-features", select_k=3)
    uri = selected.outputs["feature_vector"]
    trained = network.run("train", feature_vector=uri, combinations=6)
    found = network.run("test", feature_vector=uri, model_path=trained.outputs["model"]).outputs
    assert found["average_precision_low"] <= found["base_rate"] <= found["average_precision_high"]
    assert found["roc_auc_low"] <= 0.5 <= found["roc_auc_high"]
    assert found["predictable"] is False and found["beats_baselines"] is False
    assert "not predictable" in found["verdict"]
    assert found["promoted"] is False
    text = network.run(
        "test", feature_vector=uri, model_path=trained.outputs["model"], promote="false"
    ).outputs
    assert text["promoted"] is False
    assert mlrun.datastore.get_store_resource(found["model_uri"]).metadata.tag == "rejected"
    forced = network.run(
        "test", feature_vector=uri, model_path=trained.outputs["model"], promote=True
    ).outputs
    assert mlrun.datastore.get_store_resource(forced["model_uri"]).metadata.tag == "production"


def test_intervals_over_something_unknown_are_refused_before_anything_is_read(network):
    with pytest.raises(mlrun.runtimes.utils.RunError, match="'bootstrap_by': must be auto, device or day"):
        network.run("test", model_path="store://models/none", bootstrap_by="week")
    with pytest.raises(mlrun.runtimes.utils.RunError, match="'seed': must be a whole number of at least 0"):
        network.run("test", model_path="store://models/none", seed=-1)
    with pytest.raises(mlrun.runtimes.utils.RunError, match="'promote': must be true or false, got 'maybe'"):
        network.run("test", model_path="store://models/none", promote="maybe")


def test_held_out_devices_are_kept_from_selection_and_training(network, frame):
    held_out = {"test_devices": 0.25, "seed": 3}
    selected = network.run("select-features", select_k=3, **held_out)
    assert selected.outputs["held_out_devices"] == 1
    uri = selected.outputs["feature_vector"]
    trained = network.run("train", feature_vector=uri, candidates=STUMPS, **held_out)
    tested = network.run("test", feature_vector=uri, model_path=trained.outputs["model"], **held_out)
    assert table(tested, "test_set_preds")["device"].nunique() == 1
    every = network.run("train", feature_vector=uri, candidates=STUMPS, seed=3)
    with pytest.raises(
        mlrun.runtimes.utils.RunError, match="trained without the 1 held-out devices, got one"
    ):
        network.run("test", feature_vector=uri, model_path=every.outputs["model"], **held_out)
    seen = network.run("select-features", select_k=3).outputs["feature_vector"]
    with pytest.raises(
        mlrun.runtimes.utils.RunError, match="must be selected without the 1 held-out devices"
    ):
        network.run("train", feature_vector=seen, candidates=STUMPS, **held_out)
