"""Telemetry without labels: a model by distance from each device's own level goes the whole way."""

from tests.integration.made_networks import write_network

SHAPE = {"devices": 6, "metrics": 2, "ticks": 1500, "tick_seconds": 10}


def test_a_network_without_labels_gets_a_model_that_is_served(workflow, tmp_path):
    schema = write_network(tmp_path / "unlabeled", errors="nowhere", labeled=False, **SHAPE)
    summary = workflow("unlabeled", schema, schema.parent, deploy_streaming=True, deploy_concept_drift=True)
    trained, test = summary["trained"], summary["test"]
    assert trained["unlabeled"] and trained["n_features"] == 8
    assert 0.01 < trained["alarm_share"] < 0.03
    assert test["promoted"] and "no labels: first model" in test["promotion_reason"]
    assert "No labels:" in test["verdict"] and "alarms per device-day" in test["verdict"]
    assert 0 < test["alarm_share"] < 0.1
    assert summary["endpoint"] is not None
