"""By how much errors in runs count for less: against what is known of chains, and where nothing is wrong."""

import numpy as np
import pytest

from drift.detectors.dependence import BlockSums, lag_inflation, neighbor_inflation
from tests.drift.error_streams import in_runs, taking_turns, together


def block_inflation(errors, lengths=(50, 100, 200, 400, 800)):
    sums = BlockSums(lengths)
    for i, length in enumerate(lengths):
        for start in range(0, len(errors) - length + 1, length):
            sums.add(i, int(errors[start : start + length].sum()))
    return sums.inflations(float(errors.mean()))


def test_a_chain_is_known_by_its_neighbors():
    assert neighbor_inflation(0.5, 10_000) == pytest.approx(3.0, rel=0.01)
    assert neighbor_inflation(0.9, 10_000) == pytest.approx(19.0, rel=0.01)
    assert neighbor_inflation(-0.3, 10_000) == pytest.approx(1.0, rel=0.01)
    assert neighbor_inflation(1.0, 10_000) < 400


def test_few_errors_are_taken_to_come_in_runs():
    guesses = [neighbor_inflation(0.0, errors) for errors in (0, 1, 10, 100, 1000)]
    assert guesses == sorted(guesses, reverse=True)
    assert guesses[0] == pytest.approx(39)
    assert guesses[-1] < 1.01


@pytest.mark.parametrize("devices", [8, 20, 100])
def test_devices_that_take_turns_show_at_their_own_lag(devices):
    errors = taking_turns(20_000, 0.1, devices, np.random.default_rng(devices), correlation=0.9)
    assert lag_inflation(errors) == pytest.approx(19, rel=0.4)


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.3])
def test_independent_errors_count_in_full(rate):
    errors = in_runs(20_000, rate, 0.0, np.random.default_rng(1))
    assert lag_inflation(errors) == 1.0
    assert max(block_inflation(errors)) < 1.4


def test_a_rate_that_changes_is_no_correlation():
    random = np.random.default_rng(2)
    errors = (random.random(5000) < np.repeat([0.05, 0.3], 2500)).astype(int)
    assert lag_inflation(errors) < 1.2
    # sums of 200 labels about their mean would say 17
    assert max(block_inflation(errors, (50, 100, 200))) < 3.5


def test_blocks_show_devices_that_take_turns_and_those_that_fail_together():
    turns = block_inflation(taking_turns(40_000, 0.1, 20, np.random.default_rng(3)))
    assert turns == sorted(turns)
    assert 8 < turns[-1] < 25
    assert block_inflation(together(40_000, 0.1, 20, np.random.default_rng(4)))[-1] > 20


@pytest.mark.parametrize("errors", [[], [0] * 1000, [1] * 1000, [0, 1] * 100])
def test_what_says_nothing_gives_no_inflation(errors):
    assert lag_inflation(np.array(errors, dtype=np.uint8)) == 1.0


def test_few_blocks_say_nothing():
    assert block_inflation(in_runs(1000, 0.3, 0.9, np.random.default_rng(5)), (100, 200)) == [1.0, 1.0]
