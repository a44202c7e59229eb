"""Neither the hour of the day nor rows that share readings are taken for drift."""

import pandas as pd

from drift.reference_rows import MOST_ROWS, at_the_same_hours, reference_rows, rows_in_window


def at(*moments):
    return pd.DataFrame({"timestamp": pd.to_datetime(list(moments), utc=True)})


def test_an_evening_is_compared_with_the_evenings_of_the_days_before():
    base = at("2024-01-01T17:59Z", "2024-01-01T18:00Z", "2024-01-02T19:30Z", "2024-01-02T20:00Z")
    batch = at("2024-01-03T18:50Z", "2024-01-03T19:10Z")
    assert at_the_same_hours(base, batch, "timestamp").equals(base.iloc[1:3])
    elsewhere = base.assign(timestamp=base["timestamp"].dt.tz_convert("Asia/Tokyo"))
    assert at_the_same_hours(elsewhere, batch, "timestamp").equals(elsewhere.iloc[1:3])


def test_a_base_shorter_than_a_day_is_compared_as_it_is():
    base = at("2024-01-01T10:00Z", "2024-01-01T12:00Z")
    assert at_the_same_hours(base, at("2024-01-01T13:00Z"), "timestamp").equals(base)


def test_rows_that_share_a_window_are_one_block():
    times = pd.date_range("2024-01-01", periods=50, freq="10s", tz="UTC")
    frame = pd.DataFrame({"device": "a", "t": times})
    assert rows_in_window(frame, "device", "t", 300) == 30
    assert rows_in_window(frame.head(1), "device", "t", 300) == 1


def test_both_sides_come_device_by_device_with_room_for_ten_blocks():
    times = pd.date_range("2024-01-01", periods=40, freq="10s", tz="UTC")
    rows = pd.DataFrame({"device": ["b", "a"] * 40, "t": times.repeat(2), "x": range(80)})
    shuffled = rows.sample(frac=1.0, random_state=0)
    found = reference_rows(rows, shuffled, "device", "t", 300)
    assert found.base["device"].tolist() == ["a"] * 40 + ["b"] * 40
    assert found.base["x"].tolist() == [*range(1, 80, 2), *range(0, 80, 2)]
    pd.testing.assert_frame_equal(found.base, found.batch)
    assert (found.block_rows, found.max_rows) == (30, MOST_ROWS)
    days = reference_rows(rows, rows, "device", "t", 864_000)
    assert (days.block_rows, days.max_rows) == (86_400, 864_000)
