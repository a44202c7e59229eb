"""Telemetry without labels: a model by distance from each device's own level, until labels can judge one."""

import pandas as pd

from project.summary.lines import summary_lines
from tests.integration.made_networks import write_network

SHAPE = {"devices": 6, "metrics": 2, "ticks": 1500, "tick_seconds": 10, "errors": "shown"}


def write_incidents(folder, labels):
    """Incidents of the errors that rows of labels tell of."""
    errors = labels[labels["broken"] == 1].sort_values(["box", "at"])
    apart = (errors["box"] != errors["box"].shift()) | (errors["at"].diff() > pd.Timedelta("10s"))
    found = errors.groupby(apart.cumsum()).agg(box=("box", "first"), start=("at", "min"), end=("at", "max"))
    found.assign(end=found["end"] + pd.Timedelta("5s")).to_parquet(folder / "incidents.parquet")
    return len(found)


def test_a_network_without_labels_gets_a_model_that_is_served_and_that_labels_judge(workflow, tmp_path):
    schema = write_network(tmp_path / "unlabeled", labeled=False, **SHAPE)
    summary = workflow("unlabeled", schema, schema.parent, deploy_streaming=True, deploy_concept_drift=True)
    trained, test = summary["trained"], summary["test"]
    assert trained["unlabeled"] and trained["n_features"] == 8
    assert 0.001 < trained["alarm_share"] < 0.1
    assert test["promoted"] and "no labels: first model" in test["promotion_reason"]
    assert "No labels:" in test["verdict"] and "alarms per device-day" in test["verdict"]
    assert 0 < test["alarm_share"] < 0.1
    assert summary["endpoint"] is not None
    assert "later rows: no labels; " in "\n".join(summary_lines(summary))

    # A first incident to learn from, and two later ones: the model stays what it is, and is told of them.
    write_network(tmp_path / "same", **SHAPE)
    labels = pd.read_parquet(tmp_path / "same" / "labels.parquet")
    times = labels.loc[labels["broken"] == 1, "at"].sort_values(ignore_index=True)
    few = labels[labels["at"].isin([times[0], times.iloc[-1]]) & (labels["broken"] == 1)]
    write_incidents(schema.parent, few)
    waiting = workflow("unlabeled", schema, schema.parent)
    assert "two error episodes" in waiting["trained"]["labels_set_aside"]
    assert waiting["trained"]["unlabeled"] and waiting["test"]["production"]
    assert "Too few errors to learn from:" in waiting["test"]["verdict"]
    assert "error episodes that are known of this time" in waiting["test"]["verdict"]

    # More incidents: a model is trained with them, and the one in production is scored on them as well.
    assert write_incidents(schema.parent, labels) > 30
    judged = workflow("unlabeled", schema, schema.parent)["test"]
    assert judged["champion_version"] == waiting["test"]["version"]
    assert judged["champion_average_precision"] > 3 * judged["base_rate"]
    assert judged["promoted"] and judged["promotion_reason"].startswith("better")
