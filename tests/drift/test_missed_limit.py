"""The limit keeps its promise though the share that a model catches is hardly known."""

import numpy as np
import pytest

from drift.change_size import counts_of
from drift.missed_limit import (
    LEAST_INCIDENTS,
    PROMISED_INCIDENTS,
    Base,
    highest,
    missed_limit,
    missed_streams,
)


def bases(incidents, share, count, seed, correlation=0.0):
    """Of models that catch a share, each with the share of its streams that have a false alarm."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        missed = missed_streams(np.array([share]), correlation, incidents, rng)[0]
        limit = missed_limit(Base.of(missed.astype(int).tolist()))
        if limit is not None:
            streams = missed_streams(np.full(100, share), correlation, PROMISED_INCIDENTS, rng)
            found.append((limit, float((highest(streams, limit.missed, limit.caught) > limit.limit).mean())))
    return found


@pytest.mark.parametrize("incidents", [LEAST_INCIDENTS, 40])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_twentieth_of_the_streams_has_a_false_alarm_on_the_average_of_all_bases(incidents, share):
    found = bases(incidents, share, 30, seed=100 + incidents)
    # Of 30 bases the average is within 4 points of what is promised, whatever the true share is.
    assert np.mean([false for _, false in found]) <= 0.09


def test_runs_of_missed_incidents_that_the_base_shows_are_no_drift():
    independent = [false for _, false in bases(60, 0.6, 30, seed=5)]
    in_runs = [false for _, false in bases(60, 0.6, 30, seed=6, correlation=0.5)]
    assert np.mean(independent) <= 0.09
    assert np.mean(in_runs) <= 0.15


@pytest.mark.parametrize(("incidents", "most"), [(10, 12), (20, 10), (60, 8), (1000, 8)])
def test_a_model_that_went_blind_is_found_after_a_few_incidents(incidents, most):
    limit = missed_limit(Base(incidents, round(0.8 * incidents), 0))
    assert 4 < limit.in_a_row <= most


def test_a_larger_base_is_never_less_sure():
    rows = [missed_limit(Base(n, n // 2, n // 4)).in_a_row for n in (10, 20, 40, 100, 1000)]
    assert rows == sorted(rows, reverse=True)


def test_the_same_base_gives_the_same_limit():
    assert missed_limit(Base(24, 19, 1)) == missed_limit(Base(24, 19, 1))


def test_correlation_is_that_of_neighbors_and_none_of_few():
    alternating, halves = 50 * [0, 1], 50 * [0] + 50 * [1]
    assert Base.of(alternating).correlation == 0
    assert Base.of(halves).correlation == pytest.approx(0.98 * 100 / 120, abs=0.02)
    assert Base.of([0, 1, 1]).correlation < 0.1
    assert Base.of([1, 1, 1]).correlation == Base().correlation == 0


def test_streams_have_the_correlation_that_is_asked_for():
    streams = missed_streams(np.full(200, 0.7), 0.5, 500, np.random.default_rng(1))
    counts = counts_of(streams.ravel().astype(int).tolist())
    rate = counts.errors / counts.n
    assert rate == pytest.approx(0.3, abs=0.01)
    assert (counts.pairs / counts.n - rate * rate) / (rate * (1 - rate)) == pytest.approx(0.5, abs=0.02)
