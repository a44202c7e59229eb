"""The benchmarks of the feature store at a tiny size: what they compare is equal, no figure lacks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.benchmarks import append, ingestion, mlrun_serving, online_features

pytestmark = pytest.mark.slow


def test_both_ways_of_ingestion_agree(project):
    found = json.loads(json.dumps(ingestion.measure(400, slice_events=200, rounds=1)))
    assert found["equal"] is True
    assert (found["benchmark"], found["events"], found["mlrun_events"]) == ("ingestion", 400, 200)
    assert found["columns"] == 36
    for name in ("ours", "mlrun", "mlrun_one_pass"):
        assert found[f"{name}_events_per_s"] > 0
    assert found["ratio"] > 0 and found["ratio_one_pass"] > 0


def test_a_day_is_added_to_the_others(project):
    found = json.loads(json.dumps(append.measure(6000, rounds=1)))
    assert (found["benchmark"], found["rows"], found["days"]) == ("append", 6000, 30)
    for name in ("all_s", "append_s", "again_s", "ratio", "ratio_again"):
        assert found[name] > 0


def test_both_ways_of_reading_agree(project):
    devices, now = online_features.fill(4)
    for batch in (1, 2):
        found = json.loads(
            json.dumps(online_features.measure(devices, now, batch, requests=4, mlrun_requests=2))
        )
        assert found["equal"] is True
        assert (found["benchmark"], found["devices"], found["features"]) == ("online_features", batch, 32)
        assert found["mlrun_requests"] == 2
        for name in ("ours", "mlrun", "hgetall"):
            assert 0 < found[f"{name}_p50_ms"] <= found[f"{name}_p99_ms"]


def test_both_ways_from_events_to_predictions_answer_each(project):
    found = json.loads(json.dumps(mlrun_serving.measure(8, size=2)))
    assert (found["benchmark"], found["features"], found["list"]) == ("mlrun_serving", 32, 2)
    for name in ("peer_single", "single", "peer_list", "list"):
        assert found[f"{name}_events_per_s"] > 0
    assert found["ratio_single"] > 0 and found["ratio_list"] > 0
    assert (found["same_inputs_single"], found["same_probabilities_single"]) == (1.0, 1.0)
    assert found["differing_single"] == []


def test_answers_that_differ_are_told(project):
    given = np.array([[1.0, np.nan, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]])
    ours = mlrun_serving.Answers(given, np.array([0.5, 0.25]))
    theirs = mlrun_serving.Answers(
        np.array([[1.0, 9, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6.01]]), np.array([0.5, 0.3])
    )
    found = mlrun_serving.same(ours, theirs, [9.0] * 6)
    assert found["differing"] == [mlrun_serving.INPUTS[5]]
    assert (found["same_inputs"], found["same_probabilities"]) == (0.9167, 0.5)
