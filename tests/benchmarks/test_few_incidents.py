"""The benchmark of few incidents: its networks are what it says, and its figures are what they are called."""

from __future__ import annotations

import pytest

from tests.benchmarks.few_incidents import HEALTHY_PERIODS, SHAPES, TICKS, Found, measure, network, summary
from training.exploration.error_episodes import error_episodes


@pytest.mark.parametrize("shape", SHAPES)
def test_a_network_has_its_episodes_and_healthy_periods_after_it(shape):
    frame, healthy = network(10, shape, 0)
    assert 8 <= len(error_episodes(frame, "timestamp", "is_error")) <= 10  # two may touch
    assert not healthy["is_error"].any() and len(healthy) == HEALTHY_PERIODS * len(frame)
    assert healthy["timestamp"].min() > frame["timestamp"].max()
    assert frame["timestamp"].nunique() == TICKS
    assert frame.equals(network(10, shape, 0)[0]) and not frame.equals(network(10, shape, 1)[0])


def test_a_network_is_measured():
    found = measure(20, "level", 0)
    assert 0.0 < found.f1 <= found.best_f1 <= 1.0
    assert 0.0 <= found.stated < 0.05 and 0.0 <= found.true < 0.05


def test_a_rate_is_kept_within_a_factor_of_two_either_way():
    rates = {0.004: True, 0.0101: False, 0.0024: False, 0.01: True}
    for true, kept in rates.items():
        found = Found(5, "level", 0, 0.4, 0.8, 0.9, stated=0.005, true=true)
        assert found.kept is kept
    assert summary([found], failed=1)["no_model"] == 1
    assert summary([found], failed=0)["share_median"] == 0.5
