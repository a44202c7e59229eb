"""A stream with a daily and a weekly cycle: the same hours of the week are no drift, and a shift still is."""

import numpy as np
import pandas as pd
import pytest

from drift.magnitude import drift_magnitude
from drift.reference_rows import (
    DAY,
    FIXED,
    REFERENCES,
    WEEK,
    at_the_same_hours,
    reference_rows,
)
from project.parameters import _REFERENCES

HOURS = 24 * 7 * 4
BATCH = 4


def network(seed, hours=HOURS, first="2024-01-01", shift=0.0):
    """Load of 25 devices each hour: higher by day, half of that at weekends."""
    random = np.random.default_rng(seed)
    times = pd.Series(pd.date_range(first, periods=hours, freq="h", tz="UTC").repeat(25))
    day = 1 + np.sin(2 * np.pi * times.dt.hour / 24)
    load = 10 + 3 * day * np.where(times.dt.dayofweek >= 5, 0.5, 1.0) + random.normal(shift, 1, len(times))
    devices = [f"d{number}" for number in range(25)] * hours
    return pd.DataFrame({"device": devices, "timestamp": times.to_numpy(), "load": load}).assign(
        timestamp=times.array
    )


BASE = network(0)


def drifted(batch, season):
    rows = reference_rows(BASE, batch, "device", "timestamp", 3600, season)
    how = {"min_rows": 50, "max_rows": 500, "permutations": 99}
    if season != FIXED:  # Of whole days a device depends on itself for longer than four hours say.
        how |= {"entity": "device", "time": "timestamp"}
    return bool(drift_magnitude(rows.base, rows.batch, ["load"], **how).drifted)


def batches(shift=0.0):
    """A fifth week, cut into pieces of four hours; every third of them."""
    week = network(1, 24 * 7, "2024-01-29", shift)
    hour = ((week["timestamp"] - week["timestamp"].min()).dt.total_seconds() // 3600).astype(int)
    return [rows for piece, rows in week.groupby(hour // BATCH) if piece % 3 == 1]


def test_the_seasonal_stream_alarms_without_the_seasonal_reference_and_not_with_it():
    counts = {season: sum(drifted(batch, season) for batch in batches()) for season in (FIXED, DAY, WEEK)}
    # 14 batches of one week without any change, 4 of them at the weekend.
    assert counts[FIXED] >= 9
    # At the same hours of the day, weekends are what all devices of the base have together, now and then.
    assert counts[DAY] == counts[WEEK] == 0


def test_a_shift_is_seen_at_the_same_hours_of_the_week():
    assert all(drifted(batch, WEEK) for batch in batches(shift=2.0)[::5])


def test_of_a_base_shorter_than_a_week_the_same_hours_of_the_day_are_compared():
    short = BASE[BASE["timestamp"] < pd.Timestamp("2024-01-06", tz="UTC")]
    found = at_the_same_hours(short, batches()[0], "timestamp", WEEK)
    assert found.equals(at_the_same_hours(short, batches()[0], "timestamp", DAY))
    assert len(found) == 5 * BATCH * 25
    assert len(at_the_same_hours(BASE, batches()[0], "timestamp", WEEK)) == 4 * BATCH * 25


def test_the_parameter_of_the_workflow_has_the_same_choices():
    assert _REFERENCES == REFERENCES


@pytest.mark.parametrize("season", [FIXED, WEEK])
def test_too_few_rows_at_the_same_hours_are_no_verdict(season):
    few = BASE.iloc[:: len(BASE) // 200]
    rows = reference_rows(few, batches()[0], "device", "timestamp", 3600, season)
    found = drift_magnitude(rows.base, rows.batch, ["load"], min_rows=100)
    assert ("not enough data" in found.reason) is (season == WEEK)
