"""Telemetry of very different shapes, and of errors that are announced or not, with only a schema file."""

import pytest

from tests.integration.made_networks import write_network

TWELVE = {"devices": 12, "metrics": 3, "ticks": 2000, "tick_seconds": 10}


def run(workflow, schema, **arguments):
    return workflow(schema.parent.name, schema, schema.parent, **arguments)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        pytest.param(
            "wide",
            {"devices": 3, "metrics": 40, "ticks": 1200, "tick_seconds": 10},
            marks=pytest.mark.figures,
        ),
        ("many", {"devices": 800, "metrics": 2, "ticks": 60, "tick_seconds": 60}),
    ],
)
def test_any_shape_goes_through(workflow, tmp_path, name, shape):
    ramp = 5 if name == "many" else 30
    schema = write_network(tmp_path / name, errors="shown", ramp_ticks=ramp, **shape)
    summary = run(workflow, schema)
    assert summary["ingest"]["rows_ingested"] == shape["devices"] * shape["ticks"]
    assert summary["selected"]["n_features_in"] == shape["metrics"] * 8
    assert summary["test"]["average_precision"] > 3 * summary["test"]["base_rate"]


@pytest.mark.figures  # A rehearsal in every run has late readings as well.
def test_late_readings_count_from_their_arrival_on(workflow, tmp_path):
    shape = {"devices": 6, "metrics": 3, "ticks": 2000, "tick_seconds": 10}
    schema = write_network(tmp_path / "late", errors="shown", late_share=0.05, **shape)
    summary = run(workflow, schema)
    ingest, trained = summary["ingest"], summary["trained"]
    assert ingest["rows_too_late"] > 100 and ingest["rows_quarantined"] == 0
    assert ingest["rows_ingested"] + ingest["rows_too_late"] == 12_000
    assert trained["rows_with_late_reading"] > 100
    assert summary["test"]["average_precision"] > 3 * summary["test"]["base_rate"]


def test_errors_announced_by_a_ramp_are_predicted_ahead(workflow, local_stack, tmp_path):
    schema = write_network(tmp_path / "announced", errors="ramp", horizon="2m", **TWELVE)
    summary = run(workflow, schema)
    assert summary["ingest"]["label_rows"] == 24_000
    test = summary["test"]
    assert test["average_precision"] > 0.8 and test["recall"] > 0.6
    # It is the model in production, and without streaming nothing is deployed.
    assert test["promoted"] and summary["endpoint"] is None
    assert not [each for each in local_stack.stack.deployments() if each.project == "announced"]
    assert test["embargo_seconds"] == 300 + 120
    assert test["predictable"] and test["beats_baselines"]
    assert test["episodes_caught_share"] > 0.8
    assert 30 < test["mean_lead_seconds"] <= 120
    assert "before they begin" in test["verdict"]


def test_errors_from_nowhere_are_not_predicted(workflow, tmp_path):
    schema = write_network(tmp_path / "nowhere", errors="nowhere", horizon="2m", **TWELVE)
    summary = run(workflow, schema, deploy_streaming=True)
    test = summary["test"]
    assert not test["promoted"] and summary["endpoint"] is None
    assert test["average_precision_low"] <= test["base_rate"] <= test["average_precision_high"]
    assert not test["predictable"]
    assert "Undecided: whether the model is better than guessing" in test["verdict"]
