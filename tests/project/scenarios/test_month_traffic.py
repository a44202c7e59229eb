"""The traffic of the month is what its docstring says."""

import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import DEVICE
from project.replay.recording import KNOWN
from project.scenarios.month_traffic import ARRIVAL, Month


@pytest.fixture(scope="module")
def month():
    return Month(days=9, devices=5, joins=4, retires=6, changes=7)


@pytest.fixture(scope="module")
def days(month):
    return list(month)


def test_every_reading_and_label_arrives_on_one_day(month, days):
    readings = pd.concat([day.readings for day in days])
    whole = month.at_once()
    assert len(readings) == len(whole.readings)
    for day in days:
        start, stop = month.midnight(day.number), month.midnight(day.number + 1)
        assert day.readings[ARRIVAL].between(start, stop, inclusive="left").all()
        assert day.labels[KNOWN].between(start, stop, inclusive="left").all()
        assert day.readings[ARRIVAL].is_monotonic_increasing
    assert [day.number for day in days if day.live] == [4, 6, 8]


def test_some_readings_are_late_some_cross_midnight_and_some_come_twice(month, days):
    readings = pd.concat([day.readings for day in days], ignore_index=True)
    late = readings[ARRIVAL] - readings["timestamp"]
    assert (late >= pd.Timedelta(0)).all()
    assert 0.003 < (late > pd.Timedelta(minutes=20)).mean() < 0.02
    assert (readings[ARRIVAL].dt.date > readings["timestamp"].dt.date).sum() > 5
    assert 5 < readings.duplicated([DEVICE, "timestamp"]).sum() < 0.02 * len(readings)


def test_devices_join_are_retired_and_change(month, days):
    joining, retiring = month.names[0], month.retiring
    readings = pd.concat([day.readings for day in days])
    times = readings.groupby(DEVICE)["timestamp"].agg(["min", "max"])
    assert times.loc[joining, "min"] >= month.midnight(4) > times.drop(joining)["min"].max()
    assert times.loc[retiring, "max"] < month.midnight(7)
    assert [len(day.attributes) for day in days] == [4, 4, 4, 5, 5, 5, 6, 6, 6]
    changed = days[-1].attributes[days[-1].attributes[DEVICE].duplicated(keep=False)]
    assert changed["model"].nunique() == 2
    assert changed["valid_from"].max() == month.midnight(7)


def test_the_readings_of_a_live_request_follow_each_other_by_a_microsecond(month):
    live = month.at_once().readings
    live = live[(live[ARRIVAL] >= month.midnight(4)) & (live[ARRIVAL] < month.midnight(5))]
    assert not live[ARRIVAL].duplicated().any()
    assert (live[ARRIVAL].dt.floor("5min").nunique()) == 288


def test_the_same_seed_is_the_same_month():
    one, other = (Month(days=2, devices=4, joins=1, seed=3).at_once() for _ in range(2))
    pd.testing.assert_frame_equal(one.readings, other.readings)


def test_a_month_needs_devices_that_join_go_and_change():
    with pytest.raises(InputError, match="devices: must be a whole number of at least 4, got 2"):
        Month(devices=2)
