"""A model has been in production for 13 days when a run measures how far the live rows have moved."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pandas as pd
import pytest

from drift.kind_of_drift import BOTH, CONCEPT, DATA, LABEL, NONE
from feature_sets.model_package.columns import PREDICTION
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.jobs.drift_magnitude import Found, _measured

SCHEMA = TelemetrySchema.load()
DEVICES, A_DAY = 40, 144
NOTHING = Found()
BASE_DAYS, LIVE_DAYS, CHANGED_DAYS = 9, 13, 5
FIRST = pd.Timestamp("2026-09-07", tz="UTC")  # A Monday.


def days(begin: int, count: int, seed: int, shifted: float = 0, errors: float = 1.0) -> pd.DataFrame:
    """Readings every ten minutes of two sites with a daily and a weekly rhythm, labels in episodes.

    :param begin: first day.
    :param count: of days.
    :param shifted: newest days in which one of the sites is warmer.
    :param errors: how many times as many episodes there are in the newest ``CHANGED_DAYS`` days.
    """
    random = np.random.default_rng(seed)
    ticks = count * A_DAY
    times = FIRST + pd.Timedelta(days=begin) + pd.to_timedelta(np.arange(ticks) * 10, "min")
    hours = (times.hour + times.minute / 60).to_numpy()[:, None]
    rhythm = np.where(times.dayofweek >= 5, 0.6, 1.0)[:, None] * (1 + 0.5 * np.sin((hours - 8) / 12 * np.pi))
    steps = random.normal(size=(ticks, DEVICES))
    noise = np.empty_like(steps)
    noise[0] = steps[0]
    for tick in range(1, ticks):
        noise[tick] = 0.8 * noise[tick - 1] + 0.6 * steps[tick]
    is_changed = np.arange(ticks) >= ticks - CHANGED_DAYS * A_DAY
    begins = random.random((ticks, DEVICES)) < 0.004 * np.where(is_changed, errors, 1.0)[:, None]
    label = sum(np.roll(begins, late, axis=0) for late in range(6)) > 0
    is_shifted = np.arange(ticks) >= ticks - shifted * A_DAY
    warmer = 7 * is_shifted[:, None] * (np.arange(DEVICES) % 2)
    wrong = random.random((ticks, DEVICES)) < 0.003
    columns = {
        "cpu": 12 + 25 * rhythm + 4 * noise,
        "temperature": 35
        + 6 * np.sin((hours - 10) / 12 * np.pi)
        + 2 * random.normal(size=DEVICES)
        + warmer
        + noise,
        "errors_per_second": np.exp(0.5 * noise) + 5 * label,
        SCHEMA.target: label.astype(int),
        PREDICTION: (label ^ wrong).astype(int),
    }
    named = {name: values.ravel() for name, values in columns.items()}
    devices = [f"site{number % 2}/r{number:02d}" for number in range(DEVICES)] * ticks
    return pd.DataFrame({DEVICE: devices, SCHEMA.time: times.repeat(DEVICES), **named})


@cache
def base() -> pd.DataFrame:
    return days(0, BASE_DAYS, 1)


def live(**changes: float) -> pd.DataFrame:
    return days(BASE_DAYS, LIVE_DAYS, 2, **changes)


def measured(rows: pd.DataFrame, reference: str = "week", told: Found = NOTHING) -> dict:
    return _measured(base(), rows, SCHEMA, reference, 1000, told)


def test_one_site_that_shifts_in_the_newest_days_is_data_drift_and_its_column_is_named():
    found = measured(live(shifted=5))
    assert (found["kind"], found["drifted"]) == (DATA, True)
    assert "feature temperature" in found["reason"] and found["kind_reason"].startswith("temperature, ")
    assert found["batch_rows"] == DEVICES * A_DAY
    assert (found["batch_from"], found["batch_to"]) == (
        "2026-09-28T00:00:00+00:00",
        "2026-09-28T23:50:00+00:00",
    )


def test_a_change_within_the_newest_day_is_measured_since_it_began_if_detectors_know_of_it():
    assert measured(live(shifted=1))["kind"] == DATA
    since = FIRST + pd.Timedelta(days=BASE_DAYS + LIVE_DAYS - 0.5)
    found = measured(live(shifted=0.5), told=Found("", since.isoformat()))
    # Detectors know since when: only the rows since then are measured, at their hours.
    assert (found["batch_rows"], found["kind"]) == (DEVICES * A_DAY / 2, BOTH)


def test_a_doubled_error_rate_of_the_newest_days_is_label_shift():
    found = measured(live(errors=2.0))
    assert found["kind"] == LABEL, found["reason"]


def test_still_days_of_a_daily_and_weekly_rhythm_are_no_drift():
    rows = live()
    ends = rows[SCHEMA.time].max()
    for back in (0, 4, 8):  # Monday, Thursday and Sunday.
        seen = rows[rows[SCHEMA.time] <= ends - pd.Timedelta(days=back)]
        assert measured(seen)["kind"] == NONE, back
    sunday = rows[rows[SCHEMA.time] < FIRST + pd.Timedelta(days=21)]
    assert [measured(sunday, reference)["kind"] for reference in ("week", "day")] == [NONE, NONE]


def test_few_errors_more_are_seen_in_the_newest_week_which_is_told():
    found = _measured(
        days(0, BASE_DAYS, 30), days(BASE_DAYS, LIVE_DAYS, 130, errors=2.0), SCHEMA, "week", 1000, NOTHING
    )
    assert (found["kind"], found["batch_rows"], found["newest_alone"]) == (
        LABEL,
        7 * DEVICES * A_DAY,
        DEVICES * A_DAY,
    )


@pytest.mark.parametrize(("age", "kind"), [(0.2, CONCEPT), (3, CONCEPT), (12, CONCEPT)])
def test_an_alert_that_is_open_counts_however_old_it_is(age, kind):
    raised = (FIRST + pd.Timedelta(days=BASE_DAYS + LIVE_DAYS - age)).isoformat()
    assert measured(live(), told=Found(raised, raised))["kind"] == kind
    if age > 7:  # Without an open alert, a drift of before the batch says nothing of it.
        assert measured(live(), told=Found(raised))["kind"] == NONE


def test_hours_of_after_clocks_changed_are_compared_with_the_same_hours_of_before_by_the_clock():
    """Load goes by the clock of Madrid, which was put back on 25 October 2026, a Sunday."""
    madrid = dataclasses.replace(SCHEMA, assume_timezone="Europe/Madrid")
    rows = days(0, 21, 3)  # Of a clock of no zone, from a Monday on.
    clock = rows[SCHEMA.time].dt.tz_localize(None) + (pd.Timestamp("2026-10-12") - FIRST.tz_localize(None))
    by_clock = rows.assign(
        **{SCHEMA.time: clock.dt.tz_localize("Europe/Madrid", ambiguous=True).dt.tz_convert("UTC")}
    )
    before, after = (
        by_clock[clock < "2026-10-25"],
        by_clock[clock.between("2026-10-27T05:00", "2026-10-27T11:00")],
    )
    kinds = [_measured(before, after, schema, "day", 1000, NOTHING)["kind"] for schema in (SCHEMA, madrid)]
    assert kinds == [DATA, NONE]
