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
    assert 0.0 <= found.low < found.high < 0.1 and 0.0 <= found.true < 0.05
    assert found.stated is None or found.low < found.stated < found.high


def found_with(true, stated=0.005):
    return Found(5, "level", 0, 0.4, 0.8, 0.9, stated=stated, low=0.003, high=0.012, true=true)


def test_a_rate_is_kept_within_a_factor_of_two_either_way():
    rates = {0.004: True, 0.0101: False, 0.0024: False, 0.01: True}
    for true, kept in rates.items():
        assert found_with(true).kept is kept
    assert found_with(0.0101).held and not found_with(0.0024).held
    facts = summary([found_with(0.004), found_with(0.0101), found_with(0.0121, stated=None)], failed=1)
    assert facts["no_model"] == 1 and facts["networks"] == 4
    assert facts["share_median"] == 0.5
    assert (facts["stated_share"], facts["rate_kept"], facts["range_held"]) == (0.667, 0.5, 0.667)
    assert "rate_kept" not in summary([found_with(0.004, stated=None)], failed=0)
