"""Staleness against a loop over rows, and on histories written by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.exploration.plots import MAX_COLUMNS, staleness_figure
from training.exploration.staleness import staleness

START = pd.Timestamp("2024-03-01T00:00:00Z")
NAN = np.nan


def history(values, seconds=None, device="a"):
    seconds = 10 * np.arange(len(values)) if seconds is None else seconds
    return pd.DataFrame(
        {"device": device, "timestamp": START + pd.to_timedelta(seconds, unit="s"), "heat": values}
    )


def only(rows, name="heat"):
    return staleness(rows, [name], "timestamp").iloc[0]


def by_hand(rows, name):
    """Reading age and time unchanged of each row, by a loop."""
    ages, unchanged = [], []
    for _, part in rows.sort_values("timestamp", kind="stable").groupby("device"):
        read_at = new_at = part["timestamp"].iloc[0]
        last = None
        for moment, value in zip(part["timestamp"], part[name], strict=True):
            if not np.isnan(value):
                read_at = moment
                if last is None or value != last:
                    new_at = moment
                last = value
            ages.append((moment - read_at).total_seconds())
            unchanged.append((moment - new_at).total_seconds())
    return ages, unchanged


def test_a_column_with_a_new_value_in_every_row_is_never_stale():
    found = only(history([1.0, 2.0, 3.0, 2.0]))
    assert found.drop("feature").tolist() == [0.0] * 7


def test_the_age_of_a_reading_grows_while_it_is_missing_and_is_zero_where_it_is_not():
    #          0    10   20   30   40
    found = only(history([1.0, NAN, NAN, 2.0, 3.0]))
    assert found["missing_share"] == pytest.approx(0.4)
    assert (found["reading_age_median"], found["reading_age_max"]) == (0.0, 20.0)
    assert found["unchanged_max"] == 20.0


def test_a_stuck_sensor_is_unchanged_though_it_reads():
    found = only(history([1.0, 5.0, 5.0, 5.0, 5.0]))
    assert found["reading_age_max"] == 0.0
    assert (found["unchanged_median"], found["unchanged_max"]) == (10.0, 30.0)


def test_a_value_that_comes_back_as_it_was_is_not_new():
    assert only(history([5.0, NAN, 5.0, NAN, 6.0]))["unchanged_max"] == 30.0


def test_a_column_without_any_value_grows_stale_from_the_first_row():
    found = only(history([NAN] * 7))
    assert found["missing_share"] == 1.0
    assert (found["reading_age_median"], found["reading_age_max"], found["unchanged_max"]) == (
        30.0,
        60.0,
        60.0,
    )


def test_no_device_takes_a_reading_from_another():
    rows = pd.concat([history([5.0, NAN], device="b"), history([NAN, 5.0, 5.0], device="a")])
    found = only(rows)
    assert (found["reading_age_max"], found["unchanged_max"]) == (10.0, 10.0)


def test_the_order_of_rows_and_a_distant_year_change_nothing():
    rows = history([1.0, NAN, 1.0, 2.0, 2.0], seconds=[0.0, 0.5, 7.25, 8.0, 100.125])
    late = rows.assign(timestamp=rows["timestamp"] + pd.Timedelta(days=36500))
    for other in (rows.sample(frac=1.0, random_state=1), late):
        pd.testing.assert_series_equal(only(other), only(rows))
    assert only(rows)["unchanged_max"] == 92.125


def test_it_is_what_a_loop_over_rows_finds():
    random = np.random.default_rng(6)
    rows = pd.concat(
        [
            history(
                np.where(random.random(80) < 0.4, NAN, random.integers(0, 3, 80)),
                seconds=np.cumsum(random.integers(1, 9, 80)),
                device=device,
            )
            for device in ("a", "b", "c")
        ]
    )
    found = only(rows)
    for measure, seconds in zip(("reading_age", "unchanged"), by_hand(rows, "heat"), strict=True):
        assert found[f"{measure}_median"] == np.median(seconds)
        assert found[f"{measure}_p95"] == pytest.approx(np.quantile(seconds, 0.95))
        assert found[f"{measure}_max"] == max(seconds) > 0


def test_the_plot_shows_the_worst_columns_first():
    rows = history([1.0, 2.0, 3.0, 4.0]).assign(
        dead=NAN, stuck=7.0, gappy=[1.0, NAN, 2.0, 3.0], **{f"fine_{n}": [1.0, 2, 3, 4] for n in range(50)}
    )
    names = ["heat", *(f"fine_{n}" for n in range(50)), "stuck", "gappy", "dead"]
    figure = staleness_figure(staleness(rows, names, "timestamp"))
    bar, heat_map = figure.data
    assert list(bar.y[:4]) == list(heat_map.y[:4]) == ["dead", "gappy", "stuck", "heat"]
    assert len(bar.y) == MAX_COLUMNS and heat_map.z.shape == (MAX_COLUMNS, 6)
    assert list(bar.x[:3]) == [1.0, 0.25, 0.0]
    assert heat_map.text[0][2] == "30 s" and heat_map.text[3][5] == "0 s"
    assert "40 of 54 columns drawn" in figure.layout.title.text
