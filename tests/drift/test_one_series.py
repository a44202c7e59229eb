"""One series that depends on itself for long: without a change nothing has moved, and a shift is seen."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from drift.blocks import chosen_block
from drift.dependent_rows import Dependence, dependent_rows
from drift.magnitude import drift_magnitude
from drift.reference_rows import reference_rows

DAY = 288
STREAMS = 20


def chain(n, correlation, random):
    """Readings whose neighbors correlate, of variance 1."""
    noise = random.normal(size=n + 3000)
    return lfilter([1], [1, -correlation], noise)[3000:] * np.sqrt(1 - correlation**2)


def days(n, random):
    """A daily cycle on a level that is another one each day, and like that of the day before."""
    cycle = 1.5 * np.sin(2 * np.pi * np.arange(n) / DAY)
    return cycle + chain(n // DAY + 1, 0.6, random).repeat(DAY)[:n] + 0.3 * random.normal(size=n)


KINDS = {
    "hours": lambda n, random: chain(n, 0.98, random),
    "a day": lambda n, random: chain(n, 0.995, random),
    "levels of days": days,
}


def compared(values, rows, seed):
    times = pd.date_range("2024-01-01", periods=len(values), freq="5min", tz="UTC")
    frame = pd.DataFrame({"device": "a", "at": times, "load": values})
    pair = reference_rows(frame[:rows], frame[rows:], "device", "at", 3600)
    how = {"entity": "device", "time": "at", "block_rows": pair.block_rows, "max_rows": pair.max_rows}
    return drift_magnitude(pair.base, pair.batch, ["load"], seed=seed, **how)


def verdicts(kind, base, batch, shift):
    """How many are moved, and how many are decided, of the streams."""
    found = []
    for seed in range(STREAMS):
        values = KINDS[kind](base + batch, np.random.default_rng([seed, 77]))
        values[base:] += shift * values[:base].std()
        found.append(compared(values, base, seed).drifted)
    return found.count(True), STREAMS - found.count(None)


# kind, rows of base and batch -> moved of decided ones without a change, and shifted by 2 standard deviations
FOUND = {
    ("hours", 4032, 2016): ((0, 13), (13, 13)),
    ("a day", 8064, 8064): ((0, 18), (16, 18)),
    ("levels of days", 4032, 2016): ((0, 0), (0, 0)),
    ("levels of days", 8064, 8064): ((0, 8), (8, 8)),
}


@pytest.mark.parametrize(("kind", "base", "batch"), FOUND, ids=str)
def test_without_a_change_nothing_has_moved_and_a_shift_is_seen_where_the_base_can_tell(kind, base, batch):
    """Before, 4 of 58 that were decided had moved, with levels of days 3 of 19."""
    still, shifted = FOUND[kind, base, batch]
    assert verdicts(kind, base, batch, 0) == still
    assert verdicts(kind, base, batch, 2) == shifted


def test_a_base_of_too_few_days_says_how_many_rows_it_takes():
    found = compared(days(4032 + 2016, np.random.default_rng([0, 77])), 4032, 0)
    assert found.drifted is None and found.rows_needed > 2016
    assert found.reason.startswith("not enough data: rows depend on each other over about ")


@pytest.mark.parametrize("correlation", [0.9, 0.98, 0.99])
def test_how_long_rows_depend_is_seldom_taken_for_less_than_it_is(correlation):
    """Around its own mean a short stretch seems more independent than it is."""
    truth = 2 * correlation / (1 - correlation**2)  # Of a chain.
    n = round(30 * truth)
    series = [chain(n, correlation, np.random.default_rng([seed, 5])) for seed in range(40)]
    found = [dependent_rows([one], np.array([n])).lasting for one in series]
    assert np.median(found) > 0.7 * truth


def test_rows_that_swing_depend_on_each_other_until_they_turn():
    waves = np.sin(2 * np.pi * np.arange(4000) / 80)
    assert dependent_rows([np.tile([0.0, 1.0], 500)], np.array([1000])).rows == 1
    assert 15 <= dependent_rows([waves], np.array([4000])).rows <= 25


def test_blocks_may_be_shorter_than_is_best_as_long_as_what_they_lack_can_be_made_up_for():
    depends = Dependence(100, 20.0)
    assert depends.least == 40
    assert chosen_block(1, depends, 1000, "device", "load") == (100, "")
    assert chosen_block(1, depends, 400, "device", "load") == (40, "")
    block, why = chosen_block(1, depends, 390, "device", "load")
    assert block == 39 and "over about 40 in a row" in why and "it takes 400 rows or more" in why
