"""From a feature vector to a registered model and its report: the handlers one after the other."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import mlrun
import pytest
from mlrun.artifacts import get_model
from mlrun.runtimes.utils import RunError

from feature_sets.model_package.files import read_model_schema
from feature_sets.model_package.onnx_session import OnnxSession
from tests.training.handler_runs import STUMPS, assert_opens_without_network, table
from tests.training.pages import loaded_from_network
from training.dataset.time_split import split_by_time
from training.report import report

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
SPLIT = {"train_start", "train_end", "train_rows", "train_positives", "test_start", "embargo_seconds"}


@pytest.fixture(scope="module")
def steps(shared_network):
    """One run of every step before the report, and a training that is run again."""
    explored = shared_network.run("explore")
    # A selection replaces the vector of the one before it, so the one that is trained on comes last.
    lean = shared_network.run("select-features", select_k=2)
    selected = shared_network.run("select-features", select_k=3, seed=5, max_correlation=1)
    vector = {"feature_vector": selected.outputs["feature_vector"]}
    trained, again = (shared_network.run("train", **vector, seed=5, combinations=6) for _ in range(2))
    evaluated = shared_network.run("evaluate", **vector, model_path=trained.outputs["model"])
    return {
        "explore": explored,
        "lean selection": lean,
        "select-features": selected,
        "train": trained,
        "train again": again,
        "evaluate": evaluated,
    }


def test_a_vector_becomes_a_registered_model(steps, frame, schema):
    selected, trained, evaluated = (steps[name] for name in ("select-features", "train", "evaluate"))
    assert SPLIT | {"n_features_in", "n_features_selected", "selected"} <= set(selected.outputs)
    assert set(selected.outputs["selected"]) == {"heat", "flow", "heat_felt"}
    assert (selected.outputs["n_features_in"], selected.outputs["n_features_selected"]) == (5, 3)
    uri = selected.outputs["feature_vector"]

    assert set(trained.outputs) >= SCORES | TRAINING
    assert (trained.outputs["search"], trained.outputs["combinations"]) == ("random", 6)
    assert trained.outputs["combinations_possible"] > 500
    assert (trained.outputs["folds_used"], trained.outputs["folds_skipped"]) == (3, [])
    assert trained.outputs["search_metric"] == "max.average_precision"
    assert trained.outputs["threshold_rule"] == "max_f1"
    best = mlrun.datastore.get_store_resource(trained.outputs["model"])
    assert best.spec.parameters["candidate"] == trained.outputs["candidate"]
    assert best.spec.algorithm == trained.outputs["family"]
    assert best.metadata.key == "model" and best.db_key == "train_model"

    found = evaluated.outputs
    assert SCORES | SPLIT | {"base_rate", "model_uri", "single_feature_rule"} <= set(found)
    assert found["average_precision"] > 1.5 * found["single_feature_average_precision"]
    assert found["beats_baselines"] is True
    assert found["majority_class_average_precision"] == pytest.approx(found["base_rate"])
    assert found["version"] == trained.outputs["version"]
    scores = table(evaluated, "test_scores_table")
    assert list(scores["scorer"]) == ["model", found["single_feature_rule"], "majority_class"]
    assert scores["brier"][0] == found["brier"] < scores["brier"][2]
    episodes = table(evaluated, "test_episodes")
    assert episodes["counted"].sum() == found["episodes"] > 0
    assert table(evaluated, "test_device_scores")["false_alarms"].sum() == found["false_alarms"]
    assert len(table(evaluated, "test_false_alarms")) == found["false_alarms"]
    importance = table(evaluated, "test_importance")
    assert set(importance["feature"]) == set(selected.outputs["selected"])
    assert importance["group_importance"].max() > 0.1
    assert "expected_wrong" in table(evaluated, "labels_wanted")
    explained = table(evaluated, "test_contributions")
    assert set(explained["case"]) <= {"false alarm", "missed episode", "caught episode"}
    assert set(explained["group"]) == set(importance["group"])
    for key in ("test_scores", "test_calibration", "test_alarms"):
        assert_opens_without_network(evaluated, key)

    model_file, artifact, extra = get_model(found["model_uri"], suffix=".onnx")
    assert artifact.metadata.tag == "production"
    assert artifact.spec.parameters["candidate"] == best.spec.parameters["candidate"]
    assert [feature.name for feature in artifact.spec.inputs] == list(selected.outputs["selected"])
    assert artifact.spec.feature_vector == uri
    schema_file = extra["model.json"].local()
    model_schema = read_model_schema(schema_file, [model_file])
    assert model_schema.metrics["f1"] == found["f1"] == artifact.spec.metrics["f1"]
    assert model_schema.metrics["base_rate"] == found["base_rate"]
    assert model_schema.telemetry == schema
    assert model_schema.validation["f1"] == trained.outputs["f1"]
    assert model_schema.code_version == trained.outputs["code_version"]
    assert model_schema.calibration.a == trained.outputs["calibration_a"]

    predictions = table(evaluated, "test_set_preds")
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
    assert found["true_positives"] == int((predictions["prediction"] & predictions["is_error"]).sum())


def test_the_report_is_one_page_of_the_whole_run(shared_network, steps, tmp_path):
    evaluated = steps["evaluate"].outputs
    tables = [steps[name].outputs for name in ("explore", "lean selection", "train", "evaluate")]
    inputs = {
        key: next(outputs[key] for outputs in tables if key in outputs)
        for key, parameter in inspect.signature(report).parameters.items()
        if parameter.annotation is mlrun.DataItem and parameter.default is parameter.empty
    }
    assert len(inputs) == 10
    told = tmp_path / "ingest_report.txt"
    told.write_text("metrics: 5 rows read\n  rejected naive_time: 1, such as at '2024'\n", encoding="utf-8")
    inputs["ingest_report"] = str(told)
    inputs |= {key: evaluated[key] for key in ("test_importance", "test_contributions", "labels_wanted")}
    inputs["split_timeline"] = steps["train"].outputs["split_timeline"]
    reported = shared_network.run(
        "report",
        inputs=inputs,
        model_path=evaluated["model_uri"],
        verdict=evaluated["verdict"],
        intervals=evaluated["intervals"],
        votes_needed=steps["lean selection"].outputs["votes_needed"],
    )
    page = Path(reported.outputs["report_path"]).read_text()
    assert reported.outputs["report"].startswith("store://artifacts/")
    assert evaluated["verdict"].replace("'", "&#39;").replace(">", "&gt;").replace("<", "&lt;") in page
    assert "<td>rejected naive_time: 1, such as at &#39;2024&#39;</td>" in page
    for section in (
        "Data",
        "Selection",
        "Split",
        "Candidates",
        "Evaluation",
        "Drivers",
        "Explained rows",
        "Model",
    ):
        assert f"<h2>{section}</h2>" in page
    assert re.search(rf"<td[^>]*>{evaluated['f1']:.3f}", page)
    assert f"&gt;= {evaluated['single_feature_rule'].split()[-1]}" in page
    assert re.search(r"<td>heat_felt</td>\s*<td>0</td>\s*<td>r = 0.98", page)
    assert page.count("Plotly.newPlot(") >= 5
    assert loaded_from_network(page) == []


def test_the_same_seed_gives_the_same_version_in_two_runs(steps):
    runs = [steps["train"], steps["train again"]]
    assert runs[0].outputs["version"] == runs[1].outputs["version"]
    contents = [Path(get_model(run.outputs["model"], suffix=".onnx")[0]).read_bytes() for run in runs]
    assert contents[0] == contents[1]


def test_every_step_works_on_a_sample_of_the_training_rows_and_says_so(network, frame, schema):
    available = len(split_by_time(frame, schema, 0.3).train)
    sample = {"train_rows": 400, "seed": 2}
    selected = network.run("select-features", select_k=3, **sample)
    vector = {"feature_vector": selected.outputs["feature_vector"]}
    trained = network.train([{"family": "hist_gradient_boosting"}], **vector, **sample)
    evaluated = network.run("evaluate", model_path=trained.outputs["model"], **vector, **sample)
    for run in (selected, trained, evaluated):
        assert (run.outputs["train_rows"], run.outputs["train_rows_available"]) == (400, available)
    assert trained.outputs["rungs"][-1] < 400
    assert evaluated.outputs["test_rows"] == len(split_by_time(frame, schema, 0.3).test)
    assert len(table(evaluated, "test_set_preds")) == evaluated.outputs["test_rows"]


def test_held_out_devices_are_kept_from_selection_and_training(network, frame):
    held_out = {"test_devices": 0.25, "seed": 3}
    selected = network.run("select-features", select_k=3, **held_out)
    assert selected.outputs["held_out_devices"] == 1
    uri = selected.outputs["feature_vector"]
    trained = network.run("train", feature_vector=uri, candidates=STUMPS, **held_out)
    evaluated = network.run("evaluate", feature_vector=uri, model_path=trained.outputs["model"], **held_out)
    assert table(evaluated, "test_set_preds")["device"].nunique() == 1
    # What was selected by later rows of other devices is of no use to a split by time.
    with pytest.raises(RunError, match="must be selected on rows up to 2024"):
        network.run("train", feature_vector=uri, candidates=STUMPS, seed=3)
    every = network.run("train", candidates=STUMPS, seed=3)
    with pytest.raises(RunError, match=r"trained without the 1 held-out devices of .* got 'none'"):
        network.run("evaluate", feature_vector=uri, model_path=every.outputs["model"], **held_out)
    seen = network.run("select-features", select_k=3).outputs["feature_vector"]
    with pytest.raises(RunError, match="must be selected without the 1 held-out devices"):
        network.run("train", feature_vector=seen, candidates=STUMPS, **held_out)
