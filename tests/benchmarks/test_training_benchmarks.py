"""The benchmarks of training and prediction at a tiny size: what they compare is equal, no figure lacks."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks import prediction, training

pytestmark = pytest.mark.slow


def test_the_package_answers_as_the_forest_does():
    found = json.loads(
        json.dumps(prediction.measure(5, 4, 1000, batch=300, rounds=1, calls=3, forest_calls=1))
    )
    assert found["equal"] is True
    assert (found["trees"], found["features"], found["batch"]) == (5, 4, 300)
    assert found["ratio_one_row"] > 0 and found["ratio_batch"] > 0 and found["ratio_batch_all_cores"] > 0


def test_training_reports_every_step():
    found = json.loads(
        json.dumps(training.measure(8000, 8, 1200, combinations=5, error_rate=0.02, episode_rows=5))
    )
    assert (found["rows"], found["train_rows"], found["combinations"]) == (8000, 1200, 5)
    assert 80 < found["train_errors"] < 150, "all errors of the training part are used"
    assert set(found["seconds_by_family"]) == {
        "random_forest",
        "logistic_regression",
        "ada_boost",
        "hist_gradient_boosting",
        "lightgbm",
    }
    assert found["seconds"] >= found["train_seconds"] > 0 and found["select_seconds"] > 0
    assert found["average_precision"] > 3 * 0.02, "guessing has 0.02"
