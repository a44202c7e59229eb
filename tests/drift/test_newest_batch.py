"""The batch is as many of the newest whole days as the comparison needs, and no more."""

import pandas as pd
import pytest

from drift.newest_batch import newest_batch, rolling_rows

FIRST = pd.Timestamp("2024-01-01", tz="UTC")


def hourly(days, devices=10):
    times = pd.Series(pd.date_range(FIRST, periods=24 * days, freq="h", tz="UTC").repeat(devices))
    return pd.DataFrame({"at": times}).reset_index(drop=True)


@pytest.mark.parametrize(
    ("season", "least", "days"),
    [
        *[("fixed", 240, 1), ("fixed", 241, 2), ("fixed", 5000, 13)],
        # The base has one day of each weekday, and half as many rows.
        *[("day", 240, 1), ("week", 240, 2), ("week", 800, 7), ("week", 1000, 7)],
    ],
)
def test_days_are_added_until_both_sides_have_rows_enough(season, least, days):
    base, rows = hourly(7, devices=5), hourly(13)
    batch = newest_batch(base, rows.sample(frac=1, random_state=0), "at", season, least)
    assert len(batch) == 240 * days
    assert batch["at"].min() == FIRST + pd.Timedelta(days=13 - days)


def test_a_day_begins_after_the_time_of_the_newest_row_on_the_day_before():
    rows = hourly(3, devices=1)
    assert (
        newest_batch(rows, rows.iloc[:-5], "at", "fixed", 1)["at"].tolist() == rows["at"].iloc[43:67].tolist()
    )


@pytest.mark.parametrize(
    ("season", "hours", "least", "batch"),
    [
        ("week", 6, 60, 60),
        ("day", 6, 60, 60),
        ("week", 6, 61, 240),  # Too few since then.
        ("fixed", 6, 60, 240),  # What is compared with all hours has all hours.
        ("week", 24, 60, 240),
        ("week", 50, 60, 240),  # No more than the newest day, however old the change is.
    ],
)
def test_rows_since_a_change_of_the_newest_day_are_the_batch_if_they_are_enough(season, hours, least, batch):
    rows = hourly(14)
    onset = rows["at"].max() - pd.Timedelta(hours=hours - 1)
    assert len(newest_batch(rows, rows, "at", season, least, onset=onset)) == batch


def test_a_week_is_seven_days_or_all_there_are():
    rows = hourly(9)
    assert len(newest_batch(rows, rows, "at", "week", 10, 7)) == 7 * 240
    assert len(newest_batch(rows, rows.head(700), "at", "week", 10, 7)) == 700


def test_without_rows_there_is_no_batch():
    assert newest_batch(hourly(7), hourly(1).iloc[:0], "at", "week", 10).empty


@pytest.mark.parametrize(
    ("days", "least", "reference_days", "batch_days"),
    [
        (60, 240, 28, 1),
        (60, 241, 28, 2),
        (10, 240, 9, 1),
        (60, 28 * 240 + 1, 31, 29),  # Four weeks have too few: all that there is before.
        (1, 240, 0, 1),
    ],
)
def test_a_reference_that_rolls_is_a_span_of_time_before_the_newest_days(
    days, least, reference_days, batch_days
):
    rows = hourly(days).sample(frac=1, random_state=0)
    before, batch = rolling_rows(rows, "at", least)
    assert (len(before), len(batch)) == (240 * reference_days, 240 * batch_days)
    assert not len(before) or before["at"].max() < batch["at"].min()
    assert batch["at"].max() == rows["at"].max()


def test_many_rows_of_a_minute_are_no_batch_of_their_own():
    dense = pd.DataFrame({"at": pd.date_range(FIRST, periods=3 * 1440, freq="min", tz="UTC")})
    before, batch = rolling_rows(dense, "at", 1000)
    assert (len(before), len(batch)) == (2 * 1440, 1440)
    assert [len(part) for part in rolling_rows(dense.head(50), "at", 60)] == [0, 50]
