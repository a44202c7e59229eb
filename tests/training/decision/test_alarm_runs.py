"""Runs of false alarms, and the range of a rate that rests on them."""

from __future__ import annotations

import numpy as np
import pytest

from training.decision.alarm_runs import independent_runs, rate_range, run_starts

ARE_ONE = [
    ([0, 0, 0], [10, 15, 20], 1),
    ([0, 0, 0], [10, 15, 21], 2),
    ([0, 1, 0], [10, 12, 14], 2),
    ([0, 0], [10, 10], 1),
    ([], [], 0),
]


@pytest.mark.parametrize(("devices", "moments", "runs"), ARE_ONE)
def test_alarms_of_a_device_that_are_not_far_apart_are_one_run(devices, moments, runs):
    assert len(run_starts(np.array(devices, np.intp), np.array(moments, np.int64), apart=5)) == runs


def test_a_run_starts_with_its_earliest_alarm():
    starts = run_starts(np.array([1, 0, 1, 1]), np.array([14, 3, 10, 30]), apart=5)
    assert starts.tolist() == [1, 2, 3]


def test_runs_that_crowd_in_one_part_of_the_time_tell_less():
    rows = np.array([100, 100, 100, 100, 0])
    assert independent_runs(np.array([3, 2, 3, 2, 0]), rows) == 10.0
    assert independent_runs(np.array([10, 0, 0, 0, 0]), rows) == pytest.approx(1.0)
    assert independent_runs(np.array([6, 3, 1, 0, 0]), rows) == pytest.approx(10.0 / 2.8)
    assert independent_runs(np.array([4, 0]), np.array([9, 0])) == 4.0  # nothing to compare with
    assert independent_runs(np.zeros(3, int), rows[:3]) == 0.0


def test_ten_runs_tell_a_rate_within_a_factor_of_two_and_five_do_not():
    assert rate_range(0.01, 10, 1000) == pytest.approx((0.00543, 0.01696), abs=1e-5)
    low, high = rate_range(0.01, 5, 1000)
    assert low < 0.005 and high > 0.02


def test_without_a_run_the_rate_is_below_what_would_have_shown():
    low, high = rate_range(0.0, 0, 230)
    assert low == 0.0 and (1.0 - high) ** 230 == pytest.approx(0.1, rel=0.02)
    assert rate_range(0.0, 0, 0)[1] == rate_range(0.9, 1, 10)[1] == 1.0


@pytest.mark.parametrize("runs", [2.0, 10.0, 30.0])
def test_the_range_holds_the_true_rate_in_nine_of_ten_cases(runs):
    seen = np.random.default_rng(0).poisson(runs, 500)
    ranges = [rate_range(0.001 * count, int(count), 1000) for count in seen]
    assert np.mean([low <= 0.001 * runs <= high for low, high in ranges]) >= 0.89
