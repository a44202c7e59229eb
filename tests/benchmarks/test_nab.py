"""The score of the Numenta benchmark against values worked out by hand, by its published formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.benchmarks.nab_score import FALSE_ALARM, Series, alarms_of, raw_score, standard_score


def series(rows=100, windows=((40, 49),)):
    return Series(np.datetime64("2024-01-01", "m") + np.arange(rows) * np.timedelta64(5, "m"), windows)


def sigmoid(position):
    return 2 / (1 + math.exp(5 * position)) - 1


def test_silence_is_0_and_the_first_row_of_every_window_is_100():
    known = [series(), series(windows=((30, 39), (60, 79)))]
    assert standard_score(known, [[], []]) == 0.0
    assert standard_score(known, [[40], [30, 60]]) == pytest.approx(100.0)


def test_a_window_counts_once_by_its_best_alarm():
    assert raw_score(series(), [40, 45, 49]) == pytest.approx(1.0)
    # Five rows before the end of ten, that one counted: -(49 - 45 + 1) / 10.
    assert raw_score(series(), [45, 47]) == pytest.approx(sigmoid(-0.5) / sigmoid(-1.0))
    assert raw_score(series(), [49]) == pytest.approx(sigmoid(-0.1) / sigmoid(-1.0))


def test_an_alarm_outside_costs_less_soon_after_a_window():
    silent = -1.0
    assert raw_score(series(), [20]) == pytest.approx(silent - FALSE_ALARM)
    # Two rows after a window of ten rows: 2 / 9 of its length.
    assert raw_score(series(), [51]) == pytest.approx(silent + FALSE_ALARM * sigmoid(2 / 9))
    assert raw_score(series(), [49 + 28]) == pytest.approx(silent - FALSE_ALARM)
    # The published example: 100 * (-1 - 0.11 + 1) / 2.
    assert standard_score([series()], [[20]]) == pytest.approx(-5.5)


def test_the_beginning_does_not_count():
    assert series().probation == 15 and series(rows=20_000).probation == 750
    assert raw_score(series(), [3, 14]) == -1.0
    assert raw_score(series(), [15]) == pytest.approx(-1.0 - FALSE_ALARM)


def test_an_alarm_is_not_raised_again_within_the_rest():
    score = np.zeros(100)
    score[[10, 11, 14, 15, 16, 60]] = 1.0
    # Rows are five minutes apart; one that is exactly the rest later is still within it.
    assert alarms_of(series(), score, 1.0, np.timedelta64(25, "m")) == [10, 16, 60]
    assert alarms_of(series(), score, 2.0, np.timedelta64(25, "m")) == []
