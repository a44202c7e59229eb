"""The evaluation, run by MLRun: what it registers and what it refuses."""

from __future__ import annotations

import inspect
from html import escape
from pathlib import Path
from types import SimpleNamespace

import mlrun
import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest
from mlrun.artifacts import get_model, update_model
from mlrun.runtimes.utils import RunError

from feature_sets.feature_vector import ALL_FEATURES
from feature_sets.model_package.errors import ModelPackageError
from project.jobs import promote as promote_module
from project.jobs.promote import promote as promote_job
from project.registered_versions import end_promotion
from tests.training.feature_store import PROJECT, store_vector
from tests.training.handler_runs import REGRESSION, STUMPS, Network, table
from tests.training.network import make_frame, make_schema
from training import evaluate as evaluate_module
from training.evaluate import evaluate
from training.report_page.page import Page, render


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


CHAMPIONS_PART = 500
"""Ticks that were there when the champion was trained, of 900."""


def file_of(run, key):
    return mlrun.get_dataitem(run.outputs[key]).url


def day_two(tmp_path, schema, frame, candidates, promote=False):
    """A network in which a model went into production before most of the telemetry was there."""
    early = frame[frame["timestamp"] < frame["timestamp"].min() + pd.Timedelta(seconds=30 * CHAMPIONS_PART)]
    network = Network(store_vector(early, tmp_path), schema, tmp_path)
    trained = network.train(candidates)
    first = network.run("evaluate", model_path=trained.outputs["model"], promote=promote)
    assert first.outputs["promoted"] is True
    # What is served is what was evaluated: one file.
    assert file_of(first, "served_set_preds") == file_of(first, "test_set_preds")
    store_vector(frame, tmp_path)
    return network, first


def of_address(uri):
    return mlrun.datastore.get_store_resource(uri)


def test_a_model_of_more_telemetry_that_is_better_takes_over(run_db, tmp_path, schema):
    frame = make_frame(ticks=900, devices=6)
    weak = [{"family": "ada_boost", "parameters": {"n_estimators": 1}}]
    network, first = day_two(tmp_path, schema, frame, weak, promote=True)
    trained = network.train()
    # Where a person approves, it waits, and the champion is what is rehearsed and served.
    held = network.run("evaluate", model_path=trained.outputs["model"], rehearse=True, approve=True).outputs
    assert (held["passed"], held["promotion"], held["production"]) == (False, "waits for approval", True)
    assert of_address(held["model_uri"]).metadata.tag == "candidate"
    staged = of_address("store://models/test-network/evaluate_model:staging")
    assert staged.metadata.labels["version"] == first.outputs["version"]
    # The loop tries it on live events first, and so nobody is waited for.
    tried = network.run("evaluate", model_path=trained.outputs["model"], approve=True, trial=True).outputs
    assert (tried["promotion"], tried["evaluated_against"]) == (
        "to be tried on live events",
        first.outputs["version"],
    )
    assert of_address(tried["model_uri"]).metadata.tag == "candidate"
    # A run that was begun for another champion passes nothing.
    model = {"model_path": trained.outputs["model"], "champion": "v-before"}
    stale = network.run("evaluate", **model, rehearse=True).outputs
    # The champion was scored on these rows, and is watched as ever.
    assert (stale["promotion"], stale["passed"], stale["production"]) == ("superseded", False, True)
    assert stale["promotion_reason"].startswith(
        "it was evaluated beside version v-before in production, and version "
        f"{first.outputs['version'][:8]} is there now; what was found: better"
    )
    found = network.run("evaluate", model_path=trained.outputs["model"]).outputs
    assert (found["promoted"], found["promotion"], found["production"]) == (True, "promoted", True)
    assert found["promotion_reason"].startswith("better")
    assert found["champion_version"] == first.outputs["version"] != found["version"]
    assert found["gain_over_champion_low"] > -0.01
    assert 0.0 < found["champion_f1"] < found["comparison_f1"] <= 1.0
    assert found["champion_episodes"] == found["comparison_episodes"] >= found["champion_episodes_caught"] > 0
    assert found["comparison_false_alarms_per_device_day"] >= 0.0
    caught = f"{found['comparison_episodes_caught']:,} of {found['comparison_episodes']:,} with "
    assert f"; of the error episodes it catches {caught}" in found["promotion_reason"]
    assert found["comparison_rows"] <= found["test_rows"]
    artifact = of_address(found["model_uri"])
    assert artifact.metadata.tag == "production"
    assert artifact.spec.parameters["promotion_reason"] == found["promotion_reason"]
    # Once more the same: it stays where it is.
    again = network.run("evaluate", model_path=trained.outputs["model"]).outputs
    assert (again["promotion"], again["production"]) == ("already in production", True)


def test_what_is_served_after_a_swap_in_the_middle_of_an_evaluation_is_the_champion_of_now(
    run_db, tmp_path, schema, frame, monkeypatch
):
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    other = network.run("evaluate", model_path=network.train(STUMPS).outputs["model"], promote=True)
    weak = [{"family": "ada_boost", "parameters": {"n_estimators": 1}}]
    first = network.run("evaluate", model_path=network.train(weak).outputs["model"], promote=True)
    trained = network.train(REGRESSION)
    model = of_address(other.outputs["model_uri"])
    advice = evaluate_module._advice

    def swapped(*arguments):
        """A person puts the other model back after both were compared, and before the gate is told."""
        mlrun.get_run_db().tag_artifacts(model, PROJECT, tag_name="production")
        return advice(*arguments)

    monkeypatch.setattr(evaluate_module, "_advice", swapped)
    found = network.run("evaluate", model_path=trained.outputs["model"], promote=True, rehearse=True)
    assert (found.outputs["promotion"], found.outputs["production"]) == ("superseded", True)
    assert found.outputs["evaluated_against"] == first.outputs["version"]
    assert f"version {other.outputs['version'][:8]} is there now" in found.outputs["promotion_reason"]
    columns = ["device", "timestamp", "probability"]
    served, of_other = (
        mlrun.get_dataitem(file_of(run, key)).as_df()[columns]
        for run, key in ((found, "served_set_preds"), (other, "test_set_preds"))
    )
    both = served.merge(of_other, on=["device", "timestamp"], suffixes=("", "_of_other"))
    assert len(both) == len(served) > 300
    assert (both["probability"] == both["probability_of_other"]).all()
    staged = of_address("store://models/test-network/evaluate_model:staging")
    assert staged.metadata.labels["version"] == other.outputs["version"]


def test_where_a_person_approves_a_model_does_not_replace_one_that_cannot_be_read(
    run_db, tmp_path, schema, monkeypatch
):
    network = Network(store_vector(make_frame(ticks=600, devices=6), tmp_path), schema, tmp_path)
    trained = network.train()

    def evaluated():
        return network.run("evaluate", model_path=trained.outputs["model"], approve=True).outputs

    assert evaluated()["promotion"] == "promoted"  # The first one.

    def broken(address):
        raise ModelPackageError("model.onnx", "must have its digest", address)

    monkeypatch.setattr("training.evaluate.find_champion", broken)
    assert evaluated()["promotion"] == "waits for approval"


def test_a_model_of_shuffled_labels_does_not_replace_the_champion(run_db, tmp_path, schema):
    frame = make_frame(ticks=900, devices=6)
    network, first = day_two(tmp_path, schema, frame, REGRESSION)
    assert first.outputs["promotion_reason"].startswith("first model of the project, ")
    split_at = frame["timestamp"].quantile(0.7)
    shuffled = frame.copy()
    earlier = shuffled["timestamp"] < split_at
    shuffled.loc[earlier, "is_error"] = (
        shuffled.loc[earlier, "is_error"].sample(frac=1.0, random_state=1).to_numpy()
    )
    store_vector(shuffled, tmp_path)
    trained = network.train(STUMPS)
    found = network.run("evaluate", model_path=trained.outputs["model"])
    outputs = found.outputs
    assert (outputs["promoted"], outputs["promotion"], outputs["production"]) == (False, "not promoted", True)
    assert of_address(outputs["model_uri"]).metadata.tag == "rejected"
    production = of_address("store://models/test-network/evaluate_model:production")
    assert production.metadata.labels["version"] == first.outputs["version"]
    # What is served and watched is the champion, on rows that it was not trained on.
    assert file_of(found, "served_set_preds") != file_of(found, "test_set_preds")
    served, own = table(found, "served_set_preds"), table(found, "test_set_preds")
    assert served["timestamp"].min() > pd.Timestamp(first.outputs["train_end"])
    assert not (served["probability"].to_numpy()[-50:] == own["probability"].to_numpy()[-50:]).all()
    # Where models are rehearsed before they are served, the tag of the production model stays for now.
    model = {"model_path": trained.outputs["model"]}
    kept = network.run("evaluate", **model, rehearse=True).outputs
    staged = of_address("store://models/test-network/evaluate_model:staging")
    assert (kept["promoted"], staged.metadata.labels["version"]) == (False, first.outputs["version"])
    passed = network.run("evaluate", **model, rehearse=True, promote=True).outputs
    assert of_address(passed["model_uri"]).metadata.tag == "staging"
    # It has passed, and nothing says that it was promoted until it was.
    assert (passed["passed"], passed["promoted"]) == (True, False)
    pending = of_address(passed["model_uri"]).spec.parameters["promotion"]
    assert pending == passed["promotion"] == "to be promoted by request, after its rehearsal"
    production = of_address("store://models/test-network/evaluate_model:production")
    assert production.metadata.labels["version"] == first.outputs["version"] != passed["version"]
    forced = network.run("evaluate", **model, promote=True).outputs
    assert forced["promotion"] == "promoted by request"
    assert of_address(forced["model_uri"]).metadata.tag == "production"
    logged = {}
    context = SimpleNamespace(project="test-network", log_result=logged.__setitem__)
    # A person has put another one into production since it was evaluated: nobody has compared these two.
    report = FakePage("to be promoted")
    promote_job(context, evaluated_against=first.outputs["version"], report=report)
    assert f"<b>Gate</b> superseded: {logged['superseded']}</p>" in report.html
    there = of_address("store://models/test-network/evaluate_model:production")
    assert there.metadata.labels["version"] == forced["version"] == logged["version"]
    assert (logged["changed"], logged["promoted"], logged["promotion"]) == (False, False, "superseded")
    assert (
        logged["superseded"]
        == logged["promotion_reason"]
        == (
            f"it was evaluated beside version {first.outputs['version'][:8]} in production, and version "
            f"{forced['version'][:8]} is there now"
        )
    )
    waits = of_address("store://models/test-network/evaluate_model:staging")
    assert waits.spec.parameters["promotion"] == "superseded"
    before = {"promotion": pending, "promotion_reason": passed["promotion_reason"]}
    update_model(waits, parameters=before, write_spec_copy=False)
    logged.clear()
    promote_job(context, forced["version"], report)
    assert f"<b>Gate</b> promoted by request: {escape(logged['promotion_reason'])}</p>" in report.html
    production = of_address("store://models/test-network/evaluate_model:production")
    assert production.metadata.labels["version"] == passed["version"] == logged["version"]
    assert production.spec.parameters["promotion"] == logged["promotion"] == "promoted by request"
    assert (logged["promoted"], logged["promotion_reason"]) == (True, passed["promotion_reason"])
    assert logged["replaced"] == forced["version"]
    logged.clear()
    promote_job(context, "")  # It is there already, whatever it was evaluated beside.
    assert logged == {"version": passed["version"], "changed": False, "replaced": ""}
    # Promoted at once while it waited for approval: it is no promotion of the run that rehearses it again.
    update_model(production, parameters={"promotion": "waits for approval"}, write_spec_copy=False)
    logged.clear()
    promote_job(context, "")  # It is there already, whatever it was evaluated beside.
    assert logged == {"version": passed["version"], "changed": False, "replaced": ""}
    assert promotion_of_production() == "promoted by approval"


class FakePage:
    """The report of a run, as a step gets it."""

    def __init__(self, gate):
        self.html = render(Page("title", "verdict", {}, (), gate=gate))

    def get(self, encoding):
        return self.html

    def put(self, html):
        self.html = html


def promotion_of_production():
    production = of_address("store://models/test-network/evaluate_model:production")
    return production.spec.parameters["promotion"]


@pytest.mark.parametrize("is_ended_by", ["the next job", "the next look"])
def test_a_promotion_that_was_killed_before_it_was_recorded_is_recorded_next(
    run_db, tmp_path, schema, monkeypatch, is_ended_by
):
    network = Network(store_vector(make_frame(ticks=600, devices=6), tmp_path), schema, tmp_path)
    network.run("evaluate", model_path=network.train().outputs["model"], rehearse=True)
    context = SimpleNamespace(project="test-network", log_result=lambda *_: None)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(promote_module, "record_promotion", killed)
        with pytest.raises(KeyboardInterrupt):
            promote_job(context, "")
    assert promotion_of_production() == "to be promoted after its rehearsal"
    if is_ended_by == "the next job":
        promote_job(context, "")
    else:
        assert end_promotion("test-network") == "promoted"
    assert promotion_of_production() == "promoted"
    assert end_promotion("test-network") == ""


def test_a_model_of_a_short_history_does_not_replace_that_of_a_long_one(run_db, tmp_path, schema):
    frame = make_frame(ticks=900, devices=6)
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    first = network.run("evaluate", model_path=network.train(REGRESSION).outputs["model"])
    assert first.outputs["promotion"] == "promoted"
    short = frame[frame["timestamp"] < frame["timestamp"].min() + pd.Timedelta(seconds=30 * 200)]
    store_vector(short, tmp_path)
    found = network.run("evaluate", model_path=network.train(STUMPS).outputs["model"]).outputs
    assert (found["promotion"], found["production"]) == ("not promoted", True)
    assert found["promotion_reason"] == (
        "no test row is later than what the model in production was trained on"
    )
    production = of_address("store://models/test-network/evaluate_model:production")
    assert production.metadata.labels["version"] == first.outputs["version"]


def test_beside_a_champion_of_another_schema_the_verdict_decides(run_db, tmp_path, schema):
    frame = make_frame(ticks=600, devices=6)
    network = Network(store_vector(frame, tmp_path), schema, tmp_path)
    first = network.run("evaluate", model_path=network.train().outputs["model"])
    assert first.outputs["promotion"] == "promoted"
    labels = frame[["device", "timestamp"]].assign(broken=frame["is_error"])
    uri = store_vector(frame, tmp_path, labels, "broken")
    network = Network(uri, make_schema(label="broken"), tmp_path)
    found = network.run("evaluate", model_path=network.train().outputs["model"]).outputs
    assert (found["promotion"], found["champion_version"]) == ("promoted", first.outputs["version"])
    assert found["promotion_reason"].startswith(
        f"first model of this telemetry schema, for which version {first.outputs['version'][:8]} in "
        "production cannot be used: label: must be 'broken' to be compared, got 'is_error'; "
    )


def test_a_champion_with_inputs_that_were_not_selected_again_is_compared(run_db, tmp_path, schema):
    frame = make_frame(ticks=900, devices=6)
    network, first = day_two(tmp_path, schema, frame, REGRESSION)
    assert ALL_FEATURES in network.uri
    few = fstore.get_feature_vector(network.uri)
    few.metadata.name = "few"
    few.spec.features = ["device_metrics.flow"]
    few.save()
    few_uri = f"store://feature-vectors/test-network/{few.metadata.name}"
    trained = network.train(STUMPS, feature_vector=few_uri)
    found = network.run("evaluate", feature_vector=few_uri, model_path=trained.outputs["model"])
    assert found.outputs["promotion"] == "not promoted"
    assert found.outputs["promotion_reason"].startswith("clearly worse: average precision ")
    assert found.outputs["champion_version"] == first.outputs["version"]
    assert {"heat", "flow"} <= set(table(found, "served_set_preds").columns)
    assert "heat" not in table(found, "test_set_preds").columns
