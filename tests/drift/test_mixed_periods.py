"""Devices of one site that send at different periods: their mix stays, and each has blocks of its own."""

import numpy as np
import pandas as pd
import pytest

from drift.blocks import block_starts, rows_of_a_device, selected, stretches_of, usual_gap
from drift.magnitude import drift_magnitude
from drift.reference_rows import reference_rows
from feature_sets.checks import InputError

START = pd.Timestamp("2024-01-01", tz="UTC")
SWITCHES = {f"switch-{number}": 30 for number in range(3)}
POINTS = {f"point-{number:02}": 300 for number in range(12)}
BLOCK = 120
"""Rows of a switch in an hour."""


def site(days, seed, first_day=0, busier=()):
    """Rows in device order: a load that changes every hour, and so much more of some devices."""
    random, frames = np.random.default_rng(seed), []
    for device, period in sorted({**SWITCHES, **POINTS}.items()):
        times = START + pd.to_timedelta(first_day * 86_400 + np.arange(0, days * 86_400, period), unit="s")
        hourly = random.normal(size=24 * days).repeat(3600 // period)
        values = hourly + random.normal(size=len(times)) / 4 + 6 * (device in busier)
        frames.append(pd.DataFrame({"device": device, "at": times, "load": values}))
    return pd.concat(frames, ignore_index=True)


def test_a_selection_keeps_the_mix_of_devices():
    frame = site(7, 0)
    gap = usual_gap(frame, "device", "at")
    starts = block_starts(frame, BLOCK, "device", "at", gap)
    kept, kept_starts = selected(frame, starts, len(frame) // 3, np.random.default_rng(1))
    share = kept["device"].value_counts() / frame["device"].value_counts()
    assert len(kept) == pytest.approx(len(frame) / 3, rel=0.02)
    assert share.between(0.2, 0.45).all() and len(share) == 15
    pd.testing.assert_frame_equal(kept, frame.loc[kept.index])
    # Each block is a whole one.
    assert (kept.index[kept_starts].isin(starts)).all()


def test_a_selection_is_of_all_hours():
    """Of devices with equally many blocks, blocks at equal distances would be of the same hours of each."""
    frame = site(9, 0)
    frame = frame[frame["device"].str.startswith("point")].reset_index(drop=True)
    starts = block_starts(frame, 144, "device", "at", 300.0)
    kept, _ = selected(frame, starts, len(frame) // 6, np.random.default_rng(1))
    assert len(starts) == 12 * 18
    assert kept.groupby(kept["at"].dt.floor("12h")).size().shape[0] >= 15


def test_a_block_is_a_span_of_time_of_one_device():
    frame = site(1, 0)
    starts = block_starts(frame, BLOCK, "device", "at", 30.0)
    assert len(starts) == 15 * 24
    assert np.diff(starts, append=len(frame)).tolist() == 12 * 24 * [12] + 3 * 24 * [120]
    assert np.isin(np.cumsum(stretches_of(frame, "device"))[:-1], starts).all()


def test_blocks_of_a_device_are_equally_long_and_none_is_a_rest():
    frame = site(1, 0)
    starts = block_starts(frame, 7 * 120, "device", "at", 30.0)  # Seven hours: a day has three, and a rest.
    assert set(np.diff(starts, append=len(frame))) == {96, 960} and len(starts) == 45


def test_rows_of_some_hours_take_as_long_as_the_hours_between():
    frame = site(14, 0)
    mondays = frame[frame["at"].dt.dayofweek == 0]
    assert usual_gap(frame, "device", "at") == 30.0
    # 2,880 rows a week, of two days: 30 s apart, and six days between.
    assert usual_gap(mondays, "device", "at") == pytest.approx(8 * 86_400 / 5760, rel=0.01)
    starts = block_starts(mondays.reset_index(drop=True), 2 * 2880, "device", "at", 120.0)
    assert len(starts) == 15


def test_a_side_of_few_spans_is_too_few_rows():
    """A batch of a device that sends ten times as often as those of the base."""
    base, batch = site(7, 0), site(1, 1, 7)
    base, batch = (
        base[base["device"].str.startswith("point")],
        batch[batch["device"] == "switch-0"].head(1200),
    )
    found = drift_magnitude(base, batch, ["load"], block_rows=120, entity="device", time="at")
    assert found.drifted is None and "not enough data: a side has 1 blocks of 36,000 s" in found.reason


def many(minutes, seed, first_day=0, devices=120):
    """Rows of every 30 s in device order: each device has a load of its own in each hour."""
    random, rows, frames = np.random.default_rng(seed), 2 * minutes, []
    for number in range(devices):
        times = START + pd.to_timedelta(first_day * 86_400 + 30 * np.arange(rows), unit="s")
        load = random.normal(size=1 + rows // BLOCK).repeat(BLOCK)[:rows] + random.normal(size=rows) / 4
        frames.append(pd.DataFrame({"device": f"d{number:03}", "at": times, "load": load}))
    return pd.concat(frames, ignore_index=True)


def test_no_block_is_longer_than_the_batch_of_a_device():
    """Of minutes a device has one load, of the hours of a longer block several: no such block is like it."""
    base, alarms = many(600, 0), 0
    for seed in range(1, 21):
        batch = many(20, seed, 7)
        found = drift_magnitude(base, batch, ["load"], entity="device", time="at", min_distance=0.0)
        alarms += bool(found.drifted)
        assert found.block_rows == rows_of_a_device(batch, "device", "at", 30.0) == 40
    assert alarms <= 2
    assert rows_of_a_device(batch, None, "at", 30.0) == rows_of_a_device(batch, "device", "at", 0.0) == 0


def test_a_silence_ends_a_block():
    frame = site(1, 0)
    frame = frame[(frame["at"] < START + pd.Timedelta("2h")) | (frame["at"] >= START + pd.Timedelta("20h"))]
    starts = block_starts(frame, BLOCK, "device", "at", 30.0)
    ends = np.append(starts[1:], len(frame)) - 1
    lasted = frame["at"].to_numpy()[ends] - frame["at"].to_numpy()[starts]
    assert 15 * 6 <= len(starts) <= 15 * 7 and lasted.max() <= pd.Timedelta("2h")


def test_without_times_or_devices_blocks_are_rows():
    frame = site(1, 0)
    for named in ((None, "at"), ("device", None), (None, None)):
        assert block_starts(frame, BLOCK, *named, 30.0).tolist() == list(range(0, len(frame), BLOCK))
    assert len(block_starts(frame, 1, "device", "at", 30.0)) == len(frame)


def compared(busier=(), seed=1):
    rows = reference_rows(site(7, 0), site(1, seed, 7, busier), "device", "at", 3600)
    how = {"block_rows": rows.block_rows, "max_rows": rows.max_rows, "entity": "device"}
    return drift_magnitude(rows.base, rows.batch, ["load"], alpha=0.005, permutations=399, time="at", **how)


def test_a_change_of_a_few_devices_that_send_seldom_is_found():
    # One row in fourteen: in blocks of as many rows as of a switch they were chance.
    found = compared(busier=sorted(POINTS)[::4])
    assert found.drifted and found.features[0].moved_share is not None


def test_no_change_is_none():
    assert not any(compared(seed=seed).drifted for seed in range(1, 21))


def test_a_time_that_is_no_column_is_refused():
    frame = site(1, 0)
    with pytest.raises(InputError, match="time: must be a column of base and batch, got 'when'"):
        drift_magnitude(frame, frame, ["load"], entity="device", time="when")
