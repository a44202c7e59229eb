"""Several horizons on one network: a model each, judged for itself, and the curve of lead time."""

from __future__ import annotations

from types import SimpleNamespace

import mlrun
import numpy as np
import pytest

from feature_sets.labels.horizon import with_target
from feature_sets.model_package.package import fetch_model_package
from feature_sets.telemetry.each_horizon import by_horizon
from feature_sets.telemetry.schema import DEVICE
from project.jobs.promote import promote
from tests.training.conftest import connect
from tests.training.feature_store import store_vector
from tests.training.handler_runs import Network, assert_opens_without_network, table
from tests.training.network import make_frame, make_schema
from training.dataset.horizons_fit import longer_than_labels
from training.evaluation.lead_times import NOT_TRAINED
from training.packaging.staged_models import horizon_model

of_address = mlrun.datastore.get_store_resource

SEVERAL = make_schema(horizon=["0s", "5m", "20m", "2d"])
"""No row is followed by two quiet days."""
SMALL = {"combinations": 2, "select_k": 3}


def ahead_frame(ticks=400, devices=4):
    """Errors of 10 rows; the heat rises over the 5 minutes before each, and nothing tells of them earlier."""
    frame = make_frame(ticks, devices)
    random = np.random.default_rng(3)
    frame["is_error"] = np.int8(0)
    for device in frame[DEVICE].unique():
        rows = frame.index[frame[DEVICE] == device].to_numpy()
        for start in range(int(random.integers(30, 60)), len(rows) - 20, 60):
            begin = start + int(random.integers(0, 20))
            frame.loc[rows[begin : begin + 10], "is_error"] = 1
            frame.loc[rows[begin - 10 : begin + 10], "heat"] += 14.0
            frame.loc[rows[begin - 10 : begin + 10], "flow"] -= 1.4
    return frame


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    with pytest.MonkeyPatch.context() as patch:
        connect(patch)
        frame = ahead_frame()
        labels = with_target(frame[[DEVICE, "timestamp", "is_error"]], SEVERAL)
        made = Network(store_vector(frame, folder, labels), SEVERAL, folder)
        yield made


@pytest.fixture(scope="module")
def steps(network):
    selected = network.run("select-features", select_k=3)
    vector = {"feature_vector": selected.outputs["feature_vector"]}
    trained = network.run("train", **vector, combinations=2)
    gate = {"promote": True, "rehearse": True}
    evaluated = network.run("evaluate", **vector, model_path=trained.outputs["model"], **gate)
    # What an earlier run has staged and nobody promoted.
    left = of_address(trained.outputs["model"]).to_dict()
    left["spec"]["db_key"] = left["metadata"]["key"] = "evaluate-20m_model"
    mlrun.get_run_db().store_artifact("evaluate-20m_model", left, tag="staging", tree="left")
    assert horizon_model("test-network", "20m", "staging")
    return {"evaluate": evaluated, "horizons": horizons(network, evaluated, rehearse=True)}


def horizons(network, evaluated, **params):
    inputs = {key: evaluated.outputs[key] for key in ("test_scores_table", "test_episodes")}
    given = {"model_path": evaluated.outputs["model_uri"], "promotion": evaluated.outputs["promotion"]}
    return network.run("horizons", inputs, feature_vector=network.uri, **given, **SMALL, **params)


def test_each_horizon_gets_a_model_that_knows_it(steps):
    rows = table(steps["horizons"], "lead_times").set_index("horizon")
    assert list(rows.index) == ["0s", "5m", "20m", "2d"]
    assert rows.loc["2d", "promotion"] == NOT_TRAINED
    assert rows.loc["2d", "promotion_reason"].startswith("horizon '2d': must be shorter")
    for horizon, one in list(by_horizon(SEVERAL).items())[1:-1]:
        address = f"store://models/test-network/evaluate-{horizon}_model:latest"
        package = fetch_model_package(address)
        assert package.schema.telemetry == one
        assert package.schema.version == rows.loc[horizon, "version"]
    primary = fetch_model_package(steps["evaluate"].outputs["model_uri"]).schema
    assert primary.telemetry == SEVERAL and rows.loc["0s", "version"] == primary.version


def test_the_curve_falls_where_nothing_tells_of_errors(steps):
    rows = table(steps["horizons"], "lead_times").set_index("horizon")
    assert rows.loc["5m", "average_precision"] > 0.9
    assert 0 < rows.loc["5m", "median_lead_seconds"] <= 300
    assert rows.loc["20m", "average_precision"] < rows.loc["5m", "average_precision"]
    assert rows.loc["0s", "episodes_caught"] <= rows.loc["0s", "episodes"]
    assert_opens_without_network(steps["horizons"], "lead_time_curve")


def test_each_horizon_is_judged_for_itself_and_goes_into_production_alone(steps):
    rows = table(steps["horizons"], "lead_times").set_index("horizon")
    assert rows.loc["5m", "promotion"] == "to be promoted after its rehearsal"
    assert rows.loc["20m", "promotion"] == "not promoted"
    assert of_address("store://models/test-network/evaluate-20m_model:rejected")
    assert horizon_model("test-network", "20m", "staging") is None
    logged = {}
    promote(SimpleNamespace(project="test-network", log_result=logged.__setitem__), "")
    assert logged["versions"] == {"5m": rows.loc["5m", "version"], "20m": "", "2d": ""}
    assert logged["promotions"] == {"5m": "promoted"}
    promoted = horizon_model("test-network", "5m", "production")
    assert promoted.spec.parameters["promotion"] == "promoted"
    # Promoted at once while it waited for approval: it is no promotion of the run that rehearses it again.
    mlrun.artifacts.update_model(
        promoted, parameters={"promotion": "waits for approval"}, write_spec_copy=False
    )
    logged.clear()
    promote(SimpleNamespace(project="test-network", log_result=logged.__setitem__), "")
    assert logged["versions"]["5m"] == rows.loc["5m", "version"] and logged["promotions"] == {}
    assert horizon_model("test-network", "20m", "production") is None


def test_a_horizon_longer_than_the_labels_tell_is_told_and_left_out():
    schema = make_schema(horizon=["0s", "5m", "2d"])
    rows = with_target(make_frame()[[DEVICE, "timestamp", "is_error"]], schema)
    told = longer_than_labels(rows, schema)
    assert list(told) == ["2d"]
    assert told["2d"].startswith("horizon '2d': must be shorter: no device is known to be free of errors")
    # Without an error nothing is known yet, and all models wait for the first.
    assert longer_than_labels(rows.assign(is_error=0), schema) == {}
