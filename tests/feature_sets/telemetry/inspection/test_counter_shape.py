"""Which numbers look like a counter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_sets.telemetry.inspection.counter_shape import (
    counter_shape,
    counts_something,
    has_lost_units,
    repeated_snapshots,
    uptime_unit,
)

ROWS = 100
READINGS = pd.DataFrame(
    {
        "device": np.repeat([0, 1], ROWS),
        "time": np.tile(pd.date_range("2024-05-01", periods=ROWS, freq="10s", tz="UTC"), 2),
        "run": 0,
    }
)
UP = [100_000 + 700 * row for row in range(ROWS)]
HIGH = [2**63 + 700 * row for row in range(ROWS)]
RESET = [*UP[:50], *(700 * row for row in range(50))]
WRAPPED = [(2**32 - 30_000 + 700 * row) % 2**32 for row in range(ROWS)]
NOISE = np.random.default_rng(1).integers(0, 10**6, ROWS).tolist()


def counter_fields(*given: object) -> object:
    found = counter_shape(*given)
    return found and found.fields


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


@pytest.mark.parametrize(("near", "fields"), [(1, {"kind": "counter"}), (2, None)])
def test_one_reset_in_ten_may_lose_less_than_half(near: int, fields: object) -> None:
    """A device that restarts twice in a row has counted little before the second time."""
    numbers = 700 * (np.arange(5_500) % 500)
    for each in range(near):
        numbers[1_000 * each + 500 : 1_000 * each + 1_000] += 300_000
    readings = pd.DataFrame(
        {"device": 0, "time": pd.date_range("2024-05-01", periods=5_500, freq="10s", tz="UTC"), "run": 0}
    )
    assert counter_fields(pa.chunked_array([pa.array(numbers, pa.uint64())]), readings) == fields


def test_what_lies_between_two_places_that_were_looked_at_is_no_step() -> None:
    """Each time it has begun again meanwhile, and has nearly come to where it was."""
    runs = np.repeat(np.arange(20), 10)
    numbers = np.tile([900_000 + 700 * row for row in range(10)], 20) - 10_000 * runs
    hours = np.tile(np.arange(10), 20) + 240 * runs
    times = pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(hours, unit="h")
    column = pa.chunked_array([pa.array(numbers, pa.uint64())])
    readings = pd.DataFrame({"device": 0, "time": times, "run": runs})
    assert counter_fields(column, readings) == {"kind": "counter"}
    assert counter_fields(column, readings.assign(run=0)) is None
    # Of many devices each place may have one reading: then there is nothing else to go by.
    assert counter_fields(column, readings.assign(run=range(200))) is None
    uptime = pa.chunked_array([3_600 * (np.tile(np.arange(10), 20) + 100)])
    assert uptime_unit(uptime, readings, "uptime") == "s"


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


SLOW = [row // 30 for row in range(ROWS)]


@pytest.mark.parametrize(
    ("name", "numbers", "fields"),
    [
        ("ifInErrors", SLOW * 2, {"kind": "counter", "bits": 32}),
        ("interface_ifHCInOctets", SLOW * 2, {"kind": "counter"}),
        ("/if/state/counters/in-discards", SLOW * 2, {"kind": "counter"}),
        ("node_network_receive_bytes_total", SLOW + [7] * ROWS, {"kind": "counter"}),
        ("ifInOctets", [2**33 + row for row in range(2 * ROWS)], {"kind": "counter"}),  # More than 32 bits.
        ("queue_length", SLOW * 2, None),
        ("in_errors", [3 * (row % 40 == 7) for row in range(2 * ROWS)], None),  # Errors of each interval.
        ("in_errors", [5] * 2 * ROWS, None),
    ],
)
def test_a_small_counter_is_known_by_its_name_and_shape(
    name: str, numbers: list[int], fields: object
) -> None:
    assert counter_fields(pa.chunked_array([pa.array(numbers, pa.uint64())]), READINGS, name) == fields


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("ifHCOutUcastPkts", True),
        ("rx_bytes", True),
        ("node_disk_reads_completed_total", True),
        ("crc-errors", True),
        ("carrier_transitions", True),
        ("in_bytes_rate", False),
        ("packet_loss", False),
        ("memory_free_bytes", False),
        ("out_rate_mbps", False),
    ],
)
def test_names_that_counters_have(name: str, is_one: bool) -> None:
    assert counts_something(name) is is_one


def test_large_counters_that_are_floats_have_lost_units() -> None:
    numbers = pa.chunked_array([np.array(HIGH + UP, dtype=np.float64)])
    assert counter_fields(numbers, READINGS, "ifHCInOctets") is None
    assert has_lost_units(numbers, "ifHCInOctets")
    assert not has_lost_units(numbers, "load")
    assert not has_lost_units(pa.chunked_array([pa.array(HIGH + UP, pa.uint64())]), "ifHCInOctets")


@pytest.mark.parametrize(("unit", "each"), [("s", 10), ("timeticks", 1_000), ("ms", 10_000)])
def test_an_uptime_is_known_by_its_name_and_how_fast_it_rises(unit: str, each: int) -> None:
    rising = [5_000 + each * row for row in range(ROWS)]
    restarted = [*rising[:60], *(each * row for row in range(40))]
    column = pa.chunked_array([[*rising, *restarted]])
    assert uptime_unit(column, READINGS, "sysUpTimeInstance") == unit
    assert uptime_unit(column, READINGS, "load") is None
    assert uptime_unit(pa.chunked_array([[*UP, *UP]]), READINGS, "up_time") is None


LONG = 3_000
LATER = pd.DataFrame(
    {"device": 0, "time": pd.date_range("2024-05-01", periods=LONG, freq="5min", tz="UTC"), "run": 0},
)


def octets(share: float, seed: int = 5) -> np.ndarray:
    """A counter of 32 bits, of which this share of the steps wraps, and which is reset twice."""
    steps = np.random.default_rng(seed).integers(1, int(2 * share * 2**32), LONG)
    counted = np.cumsum(steps) % 2**32
    for at in (1_000, 2_000):
        counted[at:] = np.cumsum(steps[at:]) % 2**32
    return counted.astype(np.uint64)


@pytest.mark.parametrize(
    ("name", "share", "is_one"),
    [
        ("tx_octets", 0.005, True),
        ("tx_octets", 0.03, True),  # Nine times a day.
        ("tx_octets", 0.15, True),
        ("something", 0.03, True),
        ("something", 0.15, False),  # Without the name it is too seldom one.
    ],
)
def test_a_counter_of_32_bits_may_wrap_several_times_a_day(name: str, share: float, is_one: bool) -> None:
    found = counter_fields(pa.chunked_array([octets(share)]), LATER, name)
    assert found == ({"kind": "counter", "bits": 32} if is_one else None)


def test_one_that_wraps_has_32_bits_though_no_wrap_is_from_the_last_tenth_to_the_first() -> None:
    tenth = 2**32 // 10
    rising = [1, 3, 5, 7, 9.5]
    numbers = [
        int(place * tenth) for place in [*rising, 1.5, 3, 5, 7, 8.5, 0.5, *rising, 1.5, *rising[1:]] * 2
    ]
    readings = LATER.head(len(numbers))
    assert counter_fields(pa.chunked_array([pa.array(numbers, pa.uint64())]), readings, "in_octets") == {
        "kind": "counter",
        "bits": 32,
    }


def test_a_gauge_of_32_bits_that_goes_up_and_down_is_no_counter() -> None:
    noise = np.random.default_rng(3).integers(0, 2**32, LONG, dtype=np.uint64)
    assert counter_fields(pa.chunked_array([noise]), LATER, "rx_bytes") is None
    seldom = np.where(np.arange(LONG) % 20 == 0, np.uint64(2**32 - 5), np.uint64(7))
    assert counter_fields(pa.chunked_array([seldom]), LATER, "rx_bytes") is None


def test_the_reason_says_what_was_seen() -> None:
    column = pa.chunked_array([pa.array(UP + UP, pa.uint64())])
    assert counter_shape(column, READINGS).why == "whole numbers that never fall: a counter, its rate"
    column = pa.chunked_array([pa.array(UP + WRAPPED, pa.uint64())])
    expected = "whole numbers that rise, but for 1 wrap at 2^32 in 198 steps: a counter, its rate"
    assert counter_shape(column, READINGS).why == expected
    column = pa.chunked_array([pa.array(UP + RESET, pa.uint64())])
    expected = (
        "whole numbers that rise, but for 1 fall where it begins again in 198 steps: a counter, its rate"
    )
    assert counter_shape(column, READINGS).why == expected
