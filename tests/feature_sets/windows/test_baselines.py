"""Level and spread of devices: against plain sums, in any batching, and where there is nothing to compare."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_sets.checks import InputError
from feature_sets.windows.baselines import FARTHEST, WEEK, Baselines


def compared(values, after=3, device="a"):
    rows = np.array([[value] for value in values], dtype=np.float64)
    return Baselines(1, after).compare([device], np.zeros(len(rows), dtype=np.int64), rows)[:, 0].tolist()


def test_a_row_is_compared_with_those_before_it_and_not_with_itself():
    found = compared([1.0, 2.0, 6.0, 9.0, 4.0])
    assert all(math.isnan(value) for value in found[:3])
    for at in (3, 4):
        before = [1.0, 2.0, 6.0, 9.0, 4.0][:at]
        expected = ([1.0, 2.0, 6.0, 9.0, 4.0][at] - statistics.fmean(before)) / statistics.pstdev(before)
        assert found[at] == pytest.approx(expected, rel=1e-12)


def test_what_is_no_number_is_passed_over():
    plain, with_gaps = compared([1.0, 2.0, 6.0, 9.0]), compared([1.0, math.nan, 2.0, math.inf, 6.0, 9.0])
    assert with_gaps[-1] == plain[-1]
    assert math.isnan(with_gaps[1]) and math.isnan(with_gaps[3])


def test_a_feature_without_spread_is_at_its_level_or_as_far_as_can_be():
    assert compared([0.1] * 5 + [0.2])[3:] == [0.0, 0.0, FARTHEST]
    assert compared([0.0] * 3 + [-1e-300])[3:] == [-FARTHEST]
    # Rounding residue beside a large level is none.
    assert compared([1e6, 1e6 + 1e-9, 1e6, 1e6 + 1e-6])[3] == pytest.approx(1e-3, rel=0.01)


def test_a_value_whose_square_is_no_float_does_not_spoil_the_level():
    found = compared([1.0, 2.0, 3.0, 1.7e308, -1.7e308, 4.0])
    assert found[3:5] == [FARTHEST, -FARTHEST]
    assert found[5] == compared([1.0, 2.0, 3.0, 4.0])[3]


finite = st.floats(-1e6, 1e6) | st.just(math.nan)


@given(st.lists(st.tuples(st.integers(0, 2), finite, finite), max_size=60), st.data())
def test_no_batching_and_no_other_device_changes_a_bit(rows, data):
    keys = ["a", "b", "c"]
    codes = np.array([row[0] for row in rows], dtype=np.int64)
    values = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 2)
    whole = Baselines(2, 2).compare(keys, codes, values)
    batched, start, found = Baselines(2, 2), 0, [np.empty((0, 2))]
    while start < len(rows):
        stop = data.draw(st.integers(start + 1, len(rows)))
        found.append(batched.compare(keys, codes[start:stop], values[start:stop]))
        start = stop
    assert np.concatenate(found).tobytes() == whole.tobytes()
    for code, key in enumerate(keys):
        own = codes == code
        alone = Baselines(2, 2).compare([key], np.zeros(own.sum(), dtype=np.int64), values[own])
        assert alone.tobytes() == whole[own].tobytes()


def test_a_device_that_is_forgotten_begins_anew_and_its_place_is_used_again():
    baselines = Baselines(1, 2)
    zeros, rows = np.zeros(3, dtype=np.int64), np.array([[1.0], [2.0], [5.0]])
    first = baselines.compare(["a"], zeros, rows)
    assert "a" in baselines
    baselines.forget(["a", "never seen"])
    assert "a" not in baselines
    assert baselines.compare(["b"], zeros, rows).tobytes() == first.tobytes()
    many = [f"device-{number}" for number in range(200)]
    baselines.compare(many, np.arange(200), np.ones((200, 1)))
    assert baselines.compare(["b"], zeros[:1], rows[:1])[0, 0] < 0


def by_hour(values, hours, after=2, batches=()):
    baselines, found, start = Baselines(0, after, 1), [], 0
    for stop in (*batches, len(values)):
        rows = np.array(values[start:stop], dtype=np.float64).reshape(-1, 1)
        at = np.array(hours[start:stop], dtype=np.int64)
        found += baselines.compare(["a"], np.zeros(len(rows), dtype=np.int64), rows, at)[:, 0].tolist()
        start = stop
    return found


def test_a_row_of_the_same_hour_is_compared_with_that_hour_of_earlier_weeks_alone():
    values = [1.0, 3.0, 50.0, 5.0, 9.0, 7.0, 2.0]
    hours = [5, 5, 6, 5 + WEEK, 5 + WEEK, 5 + 2 * WEEK, 6 + 2 * WEEK]
    found = by_hour(values, hours)
    assert found[3:5] == [3.0, 7.0]  # 1 and 3, not the 5 before in its own hour
    past = [1.0, 3.0, 5.0, 9.0]
    assert found[5] == pytest.approx((7.0 - statistics.fmean(past)) / statistics.pstdev(past), rel=1e-12)
    assert all(math.isnan(found[at]) for at in (0, 1, 2, 6))
    # A late row is compared with its hour of the week as it is known by then, and is of the past at once.
    late = by_hour([1.0, 3.0, 100.0, 2.5, 2.5], [5, 5, 5 + WEEK, 5, 5 + WEEK])
    assert late[3] == 0.5
    assert late[4] == pytest.approx((2.5 - 6.5 / 3) / statistics.pstdev([1.0, 3.0, 2.5]))


def plainly_by_hour(values, hours, after):
    """The same, by lists of all values."""
    past, opened, newest, found = {}, [], None, []
    for value, hour in zip(values, hours, strict=True):
        if math.isnan(value):
            found.append(math.nan)
            continue
        if newest is None or hour > newest:
            if newest is not None:
                past.setdefault(newest % WEEK, []).extend(opened)
            opened, newest = [], hour
        known = past.setdefault(hour % WEEK, [])
        spread = statistics.pstdev(known) if known else 0.0
        found.append((value - statistics.fmean(known)) / spread if len(known) >= after else math.nan)
        (opened if hour == newest else known).append(value)
    return found


some_hours = st.sampled_from([0, 1, WEEK - 1, WEEK, WEEK + 1, 2 * WEEK, 2 * WEEK + 1, 5 * WEEK + 1])
spread_values = st.integers(0, 10**6).map(float) | st.just(math.nan)


@given(st.lists(st.tuples(some_hours, spread_values), max_size=50, unique_by=lambda row: row[1]), st.data())
def test_hours_of_the_week_are_those_of_plain_lists_in_any_batching(rows, data):
    hours, values = [row[0] for row in rows], [row[1] for row in rows]
    whole = by_hour(values, hours)
    expected = [min(max(value, -FARTHEST), FARTHEST) for value in plainly_by_hour(values, hours, 2)]
    np.testing.assert_allclose(whole, expected, rtol=1e-6, atol=1e-9)
    stop = data.draw(st.integers(0, len(rows)))
    assert np.array(by_hour(values, hours, batches=(stop,))).tobytes() == np.array(whole).tobytes()


def test_the_same_hour_changes_nothing_of_what_is_compared_with_all_of_the_past():
    rows = np.random.default_rng(0).normal(size=(500, 3))
    codes, hours = np.arange(500) % 7, np.arange(500)
    keys = [f"d{number}" for number in range(7)]
    both = Baselines(2, 3, 1).compare(keys, codes, rows, hours)
    assert both[:, :2].tobytes() == Baselines(2, 3).compare(keys, codes, rows[:, :2]).tobytes()


def test_features_of_the_same_hour_need_the_hours():
    with pytest.raises(InputError, match="hours: must be given for features of the same hour"):
        Baselines(1, 2, 1).compare(["a"], np.zeros(1, dtype=np.int64), np.ones((1, 2)))


def of_max(values, after=2):
    rows = np.array(values, dtype=np.float64).reshape(-1, 1)
    return Baselines(0, after, 0, 1).compare(["a"], np.zeros(len(rows), dtype=np.int64), rows)[:, 0].tolist()


def test_a_row_is_a_share_of_the_largest_value_before_it():
    found = of_max([2.0, 8.0, 4.0, 10.0, -5.0, 20.0, 0.0])
    assert all(math.isnan(value) for value in found[:2])
    assert found[2:] == [0.5, 1.25, -0.5, 2.0, 0.0]


def test_a_largest_value_that_is_no_size_is_said():
    assert of_max([0.0, 0.0, 0.0, 1e-9, -1.0])[2:] == [0.0, FARTHEST, -FARTHEST]
    assert all(math.isnan(value) for value in of_max([-3.0, -2.0, -1.0, -4.0]))
    assert of_max([-3.0, -2.0, 4.0, 2.0])[3] == 0.5
    assert of_max([1e308, 1e308, -1e308, math.inf, 5e307])[2:] == [
        -1.0,
        pytest.approx(math.nan, nan_ok=True),
        0.5,
    ]


@given(st.lists(st.tuples(st.integers(0, 2), finite, finite), max_size=60), st.data())
def test_the_largest_value_is_that_of_a_plain_list_in_any_batching_and_beside_other_kinds(rows, data):
    keys = ["a", "b", "c"]
    codes = np.array([row[0] for row in rows], dtype=np.int64)
    values = np.array([[*row[1:], row[1], row[2]] for row in rows], dtype=np.float64).reshape(-1, 4)
    hours, start, found = np.arange(len(rows)) * 50, 0, [np.empty((0, 4))]
    batched = Baselines(1, 2, 1, 2)
    while start < len(rows):
        stop = data.draw(st.integers(start + 1, len(rows)))
        at = slice(start, stop)
        found.append(batched.compare(keys, codes[at], values[at], hours[at]))
        batched.put(*batched.content())  # as a snapshot does
        start = stop
    shown = np.concatenate(found)
    before = {}
    for code, row, answer in zip(codes, values, shown, strict=True):
        for place in (2, 3):
            past = before.setdefault((code, place), [])
            known = max(past, default=-1.0) if len(past) >= 2 else -1.0
            if math.isnan(row[place]) or known < 0.0:
                assert math.isnan(answer[place])
            elif abs(row[place]) < FARTHEST * known:
                assert answer[place] == row[place] / known
            else:
                assert answer[place] == (math.copysign(FARTHEST, row[place]) if row[place] else 0.0)
            if not math.isnan(row[place]):
                past.append(row[place])
    alone = Baselines(1, 2, 1).compare(keys, codes, values[:, :2], hours)
    assert shown[:, :2].tobytes() == alone.tobytes()
