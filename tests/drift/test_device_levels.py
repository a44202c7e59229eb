"""Devices differ for good: their levels are no chance where both sides have the same devices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from drift.blocks import block_devices, has_same_devices
from drift.magnitude import DriftMagnitude, drift_magnitude
from drift.shift import reason_of

DAYS, PER_DAY, DEVICES = 5, 24, 40


def fleet(seed: int, devices: int = DEVICES, days: int = DAYS + 2) -> pd.DataFrame:
    """Hourly readings that go on for about a day, around a level of each device; half are switches."""
    rng = np.random.default_rng(seed)
    hours = days * PER_DAY
    noise = np.empty((devices, hours))
    now = rng.normal(size=devices)
    for hour in range(hours):
        now = 0.95 * now + np.sqrt(1 - 0.95**2) * rng.normal(size=devices)
        noise[:, hour] = now
    times = pd.date_range("2026-03-01", periods=hours, freq="1h", tz="UTC")
    return pd.DataFrame(
        {
            "device": np.repeat([f"d{number:02}" for number in range(devices)], hours),
            "at": np.tile(times, devices),
            "load": (3 * rng.normal(size=devices)[:, None] + noise).ravel(),
            "is_switch": np.repeat(np.arange(devices) < devices // 2, hours).astype(float),
        }
    )


def compared(rows: pd.DataFrame, batch: pd.DataFrame | None = None) -> DriftMagnitude:
    begin = rows["at"].min() + pd.Timedelta(days=DAYS)
    newest = rows[rows["at"] >= begin + pd.Timedelta(days=1)] if batch is None else batch
    base, newest = (each.reset_index(drop=True) for each in (rows[rows["at"] < begin], newest))
    return drift_magnitude(base, newest, ["load", "is_switch"], joint=(), entity="device", time="at")


def test_levels_of_devices_are_no_chance_and_a_move_of_half_of_them_is_seen():
    called, seen = 0, 0
    for seed in range(20):
        rows = fleet(seed)
        still = compared(rows)
        called += bool(still.drifted)
        assert still.shifts[1].expected_by_chance == pytest.approx(0, abs=1e-12)
        moved = rows.assign(load=rows["load"] + 4 * rows["is_switch"])
        begin = rows["at"].min() + pd.Timedelta(days=DAYS + 1)
        seen += bool(compared(rows, moved[moved["at"] >= begin]).shifts[0].drifted)
    assert called <= 1 and seen >= 18  # It was 1 of 150, and 3 where devices were dealt out whole.


def test_other_devices_are_a_difference_that_shows():
    rows, others = fleet(1), fleet(2, days=1)
    others = others.assign(device="new " + others["device"], load=others["load"] + 8, is_switch=1.0)
    found = compared(rows, others)
    assert [shift.drifted for shift in found.shifts] == [True, True]
    assert found.shifts[1].total_variation == pytest.approx(0.5)


@pytest.mark.parametrize(("gone", "is_same"), [(4, True), (5, False)])
def test_few_devices_that_come_or_go_leave_the_others_compared_with_themselves(gone, is_same):
    rows = fleet(3)
    here = rows[rows["device"] >= f"d{gone:02}"].reset_index(drop=True)
    assert has_same_devices(rows, here, "device") == is_same
    starts = np.arange(0, len(rows), 24), np.arange(0, len(here), 24)
    found = block_devices((rows, here), starts, "device")
    assert found[0].tolist() == np.repeat(np.arange(DEVICES), DAYS + 2).tolist()
    assert found[1].tolist() == np.repeat(np.arange(gone, DEVICES), DAYS + 2).tolist()


def test_devices_that_send_less_are_a_difference_that_shows():
    rows = fleet(5, devices=80)
    rows["load"] += 8 * rows["is_switch"]
    newest = rows[rows["at"] >= rows["at"].min() + pd.Timedelta(days=DAYS + 1)]
    newest = newest[(newest["is_switch"] == 0) | (newest["at"].dt.hour % 12 == 0)]
    assert [shift.drifted for shift in compared(rows, newest).shifts] == [True, True]


def test_beside_no_drift_the_limit_of_the_furthest_column_is_told():
    found = compared(fleet(4))
    load = found.shifts[0]
    assert found.reason == (
        f"none of 2 columns moved; furthest: feature load {load.total_variation:.2f} "
        f"({load.expected_by_chance:.2f} by chance, the limit is {load.limit:.2f})"
    )


def test_a_column_that_only_a_large_move_of_would_show_is_named_beside_no_drift():
    narrow, wide = compared(fleet(4)).shifts
    wide = replace(wide, name="heat", limit=0.38)
    assert reason_of([narrow, wide]).endswith("; feature heat counts only from 0.38 on")
    assert "counts only" not in reason_of([narrow, replace(wide, kind="joint")])


def test_a_constant_column_without_a_least_distance_is_measured():
    rows = fleet(6).assign(load=1.0)
    found = drift_magnitude(rows, rows, ["load"], joint=(), entity="device", time="at", min_distance=0.0)
    assert found.reason.startswith("none of 1 columns moved; furthest: feature load 0.00")
