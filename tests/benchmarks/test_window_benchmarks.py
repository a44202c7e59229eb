"""The benchmarks of the windows at a tiny size: what they compare is equal, no figure lacks."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks import backfill, chunked_backfill, online_windows, window_memory

pytestmark = pytest.mark.slow


def test_a_history_gets_the_same_windows_from_all() -> None:
    found = json.loads(json.dumps(backfill.measure(1000, 20, slice_events=100, rounds=1)))
    assert found["equal"] is True
    assert (found["events"], found["features"]) == (1000, 32)
    assert found["ratio_storey"] > 0 and found["ratio_polars"] > 0
    long = backfill.measure(400, 2, windows=("1h", "6h"), period="10m", slice_events=50, rounds=1)
    assert long["equal"] is True


def test_live_events_get_the_same_windows_from_all() -> None:
    found = json.loads(json.dumps(online_windows.measure(5, events=100, batch=7, rounds=1)))
    assert found["equal"] is True
    assert found["ratio_single"] > 0 and found["ratio_list"] > 0


def test_memory_is_linear_in_devices_near_what_the_numbers_need_and_flat() -> None:
    few, many = window_memory.measure(20, week=3000), window_memory.measure(200, week=3000)
    for found in (few, many):
        assert found["ratio"] < 1.2
        # Devices that send seldom by now are packed, at first a third of their buckets, beside the blocks.
        assert found["memory_bytes"] <= found["memory_bytes_after_a_week"] < 1.35 * found["memory_bytes"]
    # Less than ten times, because scratch pads of 58 kB for each core do not grow with the devices.
    assert 9.0 < many["memory_bytes"] / few["memory_bytes"] < 10.1


def test_a_killed_backfill_comes_to_the_same_files() -> None:
    found = json.loads(json.dumps(chunked_backfill.measure(4000, size=1000)))
    assert found["killed"] is True
    assert found["resumed_identical"] is True
    assert found["peak_resident_bytes"] > 0
