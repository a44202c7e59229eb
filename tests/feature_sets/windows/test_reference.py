"""The reference against windows worked out by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from feature_sets.windows.reference import aggregate, reference
from tests.feature_sets.windows.streams import DEFINITION, START, Event, event


def exact(*values: int) -> list[tuple[int, Fraction]]:
    return [(time, Fraction(value)) for time, value in enumerate(values)]


def run(events: list[Event]) -> pd.DataFrame:
    return reference(pd.DataFrame(events), DEFINITION, clock=lambda: START + 1000)


def test_windows_hold_whole_buckets_up_to_the_newest() -> None:
    # bucket        0         1         2         3
    # seconds  0---------10--------20--------30--------40
    # events   1    2    4         8         16
    #                              [ window of 20 s ]
    rows = run([event(0, 1), event(5, 2), event(10, 4), event(20, 8), event(30, 16)])
    assert rows["load_sum_20s"].tolist() == [1, 3, 7, 12, 24]
    assert rows["load_count_20s"].tolist() == [1, 2, 3, 2, 2]
    assert rows["load_sum_1m"].tolist() == [1, 3, 7, 15, 31]


def test_the_last_microsecond_of_a_bucket_is_in_it_and_the_next_is_not() -> None:
    rows = run([event(9.999999, 1), event(10, 2), event(29.999999, 4), event(30, 8)])
    assert rows["load_sum_20s"].tolist() == [1, 3, 6, 12]


def test_a_late_event_counts_in_its_bucket_and_its_row_shows_the_current_windows() -> None:
    rows = run([event(0, 1), event(25, 2), event(12, 4), event(5, 8)])
    assert rows["event_status"].tolist() == ["accepted", "accepted", "late", "late"]
    assert rows["load_sum_20s"].tolist() == [1, 2, 6, 6]
    assert rows["load_sum_1m"].tolist() == [1, 3, 7, 15]
    assert rows["load_last_1m"].tolist() == [1, 2, 2, 2]
    assert rows["load_first_1m"].tolist() == [1, 1, 1, 1]


def test_an_event_a_whole_longest_window_of_buckets_behind_is_too_late() -> None:
    rows = run([event(65, 1), event(10, 2), event(9.999999, 4), event(66, 8)])
    assert rows["event_status"].tolist() == ["accepted", "late", "too_late", "accepted"]
    assert rows["load_sum_1m"].tolist()[:2] == [1, 3]
    assert rows.loc[2, list(DEFINITION.feature_names)].isna().all()
    assert rows["load_sum_1m"][3] == 11


def test_an_event_ahead_of_the_clock_by_more_than_the_tolerance_moves_nothing() -> None:
    events = pd.DataFrame([event(0, 1), event(30, 2), event(30.000001, 4), event(31, 8)])
    arrival = events.assign(seen=START + np.array([0.0, 0.0, 0.0, 1.0]))
    rows = reference(arrival, DEFINITION, arrival="seen")
    assert rows["event_status"].tolist() == ["accepted", "accepted", "quarantined", "accepted"]
    assert rows.loc[2, list(DEFINITION.feature_names)].isna().all()
    assert rows["load_sum_1m"].tolist()[3] == 11


def test_a_repeated_device_and_time_is_counted_once() -> None:
    rows = run([event(1, 1), event(1, 5), event(1, 7, device="b"), event(2, 2)])
    assert rows["event_status"].tolist() == ["accepted", "duplicate", "accepted", "accepted"]
    assert rows["load_sum_1m"][3] == 3
    assert math.isnan(rows["load_count_1m"][1])


def test_a_missing_reading_is_no_reading_but_the_event_counts() -> None:
    rows = run([event(0, None, 2), event(1, 3, None), event(25, None, None)])
    assert rows["load_count_20s"].tolist() == [0, 1, 0]
    assert rows["load_last_1m"].tolist()[1:] == [3, 3]
    assert math.isnan(rows["load_sum_20s"][0])
    assert math.isnan(rows["load_avg_20s"][2])
    assert rows["event_status"].tolist() == ["accepted"] * 3


def test_the_sample_deviation_needs_two_readings_and_of_a_constant_is_exactly_zero() -> None:
    rows = run([event(second, 50.3, second) for second in range(5)])
    assert math.isnan(rows["load_stddev_1m"][0])
    assert rows["load_stddev_1m"].tolist()[1:] == [0.0] * 4
    assert rows["load_stdvar_1m"].tolist()[1:] == [0.0] * 4
    assert rows["heat_stdvar_1m"][4] == 2.5


def test_rows_keep_their_index_and_order() -> None:
    events = pd.DataFrame([event(9, 1), event(3, 2)], index=[7, 3])
    rows = reference(events, DEFINITION, clock=lambda: START)
    assert rows.index.tolist() == [7, 3]
    assert list(rows.columns) == [*DEFINITION.feature_names, "event_status"]


def test_a_time_column_and_epoch_seconds_give_the_same_rows() -> None:
    events = pd.DataFrame([event(second * 3.25, second) for second in range(20)])
    stamps = events.assign(at=pd.to_datetime(events["at"], unit="s", utc=True).dt.tz_convert("Asia/Tokyo"))
    rows = [reference(e, DEFINITION, clock=lambda: START) for e in (events, stamps)]
    pd.testing.assert_frame_equal(rows[0], rows[1])


def test_a_clock_or_an_arrival_time_is_needed() -> None:
    with pytest.raises(ValueError, match="must be given a clock or an arrival column"):
        reference(pd.DataFrame([event(0)]), DEFINITION)


def test_times_without_zone_are_utc() -> None:
    frame = pd.DataFrame([event(0), event(9.5)])
    naive = frame.assign(at=pd.to_datetime(frame["at"], unit="s"))
    objects = naive.assign(at=naive["at"].astype(object))
    for one in (naive, objects):
        rows = reference(one, DEFINITION, clock=lambda: START)
        pd.testing.assert_frame_equal(rows, reference(frame, DEFINITION, clock=lambda: START))


def test_a_missing_time_is_refused() -> None:
    frame = pd.DataFrame([event(0)])
    missing = frame.assign(at=pd.to_datetime(pd.Series([None]), utc=True))
    with pytest.raises(ValueError, match="column 'at': must have a time in every row"):
        reference(missing, DEFINITION, clock=lambda: START)


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(ValueError, match="got 'mode'"):
        aggregate("mode", exact(1))


def test_the_median_of_an_even_number_of_readings_lies_between_the_two_in_the_middle() -> None:
    assert aggregate("median", exact(5, 1, 2)) == 2.0
    assert aggregate("median", exact(5, 1, 2, 9)) == 3.5
    assert math.isnan(aggregate("median", []))
