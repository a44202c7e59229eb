"""Which numbers look like a counter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_sets.telemetry.inspection.counter_shape import counter_fields, repeated_snapshots

ROWS = 100
READINGS = pd.DataFrame(
    {
        "device": np.repeat([0, 1], ROWS),
        "time": np.tile(pd.date_range("2024-05-01", periods=ROWS, freq="10s", tz="UTC"), 2),
    }
)
UP = [100_000 + 700 * row for row in range(ROWS)]
HIGH = [2**63 + 700 * row for row in range(ROWS)]
RESET = [*UP[:50], *(700 * row for row in range(50))]
WRAPPED = [(2**32 - 30_000 + 700 * row) % 2**32 for row in range(ROWS)]
NOISE = np.random.default_rng(1).integers(0, 10**6, ROWS).tolist()


@pytest.mark.parametrize(
    ("numbers", "fields"),
    [
        (UP + HIGH, {"kind": "counter"}),
        (UP + RESET, {"kind": "counter"}),
        (UP + WRAPPED, {"kind": "counter", "bits": 32}),
        (HIGH + WRAPPED, {"kind": "counter"}),
        (UP + NOISE, None),
        ([*UP, *UP[:50], *(up - 50_000 for up in UP[50:])], None),  # It falls, but begins nowhere.
        (UP + [number % 5_000 for number in UP], None),  # It begins again all the time.
        ([row // 50 for row in range(2 * ROWS)], None),
        ([100_000] * 2 * ROWS, None),
    ],
)
def test_whole_numbers_that_never_fall_but_at_a_reset(numbers: list[int], fields: object) -> None:
    assert counter_fields(pa.chunked_array([pa.array(numbers, pa.uint64())]), READINGS) == fields
    texts = [None if place % 7 == 3 else str(number) for place, number in enumerate(numbers)]
    assert counter_fields(pa.chunked_array([texts]), READINGS) == fields


def test_numbers_with_places_are_none() -> None:
    values = [number + 0.5 for number in (*UP, *UP)]
    assert counter_fields(pa.chunked_array([values]), READINGS) is None
    assert counter_fields(pa.chunked_array([pa.nulls(2 * ROWS)]), READINGS) is None


@pytest.mark.parametrize(
    ("steps", "seconds", "shortest"),
    [
        ([1.5, *[11.5] * 98], 11.5, "5s"),
        ([11.5] * 99, 11.5, None),
        ([10.0, 2.0] * 50, 6.0, None),  # That is how it reports.
        ([0.1, *[1.0] * 98], 1.0, None),
    ],
)
def test_snapshots_that_were_taken_again_are_told_from_a_cadence(steps, seconds, shortest) -> None:
    times = pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(np.cumsum([0.0, *steps]), unit="s")
    readings = pd.DataFrame({"device": 0, "time": times})
    assert repeated_snapshots(readings, seconds) == shortest
    assert repeated_snapshots(readings, None) is None
