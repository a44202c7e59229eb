"""Event times: one rule for a live event and for a column, whatever form they come in."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_sets.checks import InputError
from feature_sets.telemetry.event_time import LAST_SECOND, parse_times, seconds_of

NOON = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
SECONDS = 1714564800.123456


@pytest.mark.parametrize(
    "value",
    [
        "2024-05-01T12:00:00.123456Z",
        "2024-05-01T12:00:00.123456+00:00",
        "2024-05-01 14:00:00.123456+02:00",
        " 2024-05-01T05:00:00.123456-0700 ",
        "2024-05-01T12:00:00.123456789Z",
        SECONDS,
        1714564800123456,
        1714564800123456789,
        NOON,
        NOON.astimezone(timezone(timedelta(hours=5))),
        pd.Timestamp("2024-05-01T12:00:00.123456789Z"),
    ],
)
def test_all_forms_of_one_instant_are_the_same_seconds(value: Any) -> None:
    assert seconds_of(value) == SECONDS
    column = parse_times(pd.Series([value, None], dtype=object))
    assert column.times[0].timestamp() == SECONDS
    assert column.unparsable.tolist() == [False, True]
    assert not column.naive.any()


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T12:00:00.123456Z",
        "2024-05-01 14:00:00+02:00",
        "2024-05-01T12:00:00.123456789Z",
        " 2024-05-01T05:00:00-0700 ",
        "2024-05-01T12:00Z",
        "2024-05-01T24:00:00Z",
        "2024-02-30T12:00:00Z",
        "1969-12-31T23:59:59Z",
        "2106-02-07T06:28:16Z",
        "9999-01-01T00:00:00Z",
        "2024-05-01T12:00:00",
        "2024-05-01",
        "1714564800",
        "",
    ],
)
def test_text_is_read_alike_in_a_column_of_its_form_and_among_others(text: str) -> None:
    alone = parse_times(pd.Series([text, text], dtype=object))
    others = parse_times(pd.Series([text, "2024-05-01", "no time", "1714564800.5"], dtype=object))
    pd.testing.assert_series_equal(alone.times[:1], others.times[:1])
    assert (alone.naive[0], alone.unparsable[0]) == (others.naive[0], others.unparsable[0])


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        (0, "s", 0.0),
        (2**32 - 1, "s", 4294967295.0),
        (100_000_000_000, "ms", 100_000_000.0),
        (1714564800123, "ms", 1714564800.123),
        (100_000_000_000_000, "us", 100_000_000.0),
        (100_000_000_000_000_000, "ns", 100_000_000.0),
    ],
)
def test_the_unit_of_an_epoch_number_follows_from_its_size(value: int, unit: str, seconds: float) -> None:
    assert seconds_of(value) == seconds
    for column in (pd.Series([value]), pd.Series([float(value)]), pd.Series([str(value)])):
        parsed = parse_times(column)
        assert parsed.units == {unit: 1}
        assert parsed.times[0].timestamp() == seconds


@pytest.mark.parametrize("value", ["2024-05-01T12:00:00", "2024-05-01", datetime(2024, 5, 1)])  # noqa: DTZ001
def test_a_time_without_zone_is_refused_unless_utc_is_assumed(value: Any) -> None:
    with pytest.raises(InputError, match="must have a zone"):
        seconds_of(value)
    column = pd.Series([value], dtype=object)
    refused = parse_times(column)
    assert refused.naive.tolist() == [True]
    assert refused.times.isna().all()
    assert seconds_of(value, assume_utc=True) == parse_times(column, assume_utc=True).times[0].timestamp()


@pytest.mark.parametrize(
    "value",
    ["", "soon", "12:00", None, True, math.nan, math.inf, [1], "2024-13-01T00:00:00Z", 10**400, pd.NaT],
)
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"must be ISO 8601 text|1970"):
        seconds_of(value)
    assert parse_times(pd.Series([value, "x"], dtype=object)).unparsable.tolist() == [True, True]


@pytest.mark.parametrize(
    "value", [-1, -0.5, LAST_SECOND, 1e300, "1969-12-31T23:59:59Z", "2106-03-01T00:00:00Z"]
)
def test_times_outside_the_years_1970_to_2106_are_refused(value: Any) -> None:
    with pytest.raises(InputError, match="must be between 1970 and 2106"):
        seconds_of(value)
    assert parse_times(pd.Series([value])).unparsable.tolist() == [True]


def test_numeric_columns_keep_each_rows_own_unit_and_report_them() -> None:
    parsed = parse_times(pd.Series([1714564800, 1714564800123, 1714564800123456789, -1]))
    assert parsed.units == {"s": 1, "ms": 1, "ns": 1}
    assert parsed.unparsable.tolist() == [False, False, False, True]
    floats = parse_times(pd.Series([SECONDS, np.nan, np.inf, 1e300]))
    assert floats.unparsable.tolist() == [False, True, True, True]


@pytest.mark.parametrize("dtype", ["int32", "uint32", "uint64", "float64"])
def test_epoch_seconds_of_any_number_type_do_not_overflow(dtype: str) -> None:
    parsed = parse_times(pd.Series([1714564800], dtype=dtype))
    assert parsed.times[0] == pd.Timestamp("2024-05-01T12:00:00Z")


def test_columns_of_time_type_are_taken_as_they_are_and_naive_ones_refused() -> None:
    stamps = pd.Series(pd.to_datetime(["2024-05-01T12:00:00.123456789", None]))
    assert parse_times(stamps).naive.tolist() == [True, False]
    assert parse_times(stamps).unparsable.tolist() == [False, True]
    aware = parse_times(stamps.dt.tz_localize("Europe/Oslo"))
    assert aware.times[0] == pd.Timestamp("2024-05-01T10:00:00.123456Z")
    assert str(aware.times.dtype) == "datetime64[ns, UTC]"
    milliseconds = parse_times(stamps.dt.tz_localize("UTC").astype("datetime64[ms, UTC]"))
    assert milliseconds.times[0] == pd.Timestamp("2024-05-01T12:00:00.123Z")
    assert parse_times(stamps, assume_utc=True).times[0] == pd.Timestamp("2024-05-01T12:00:00.123456Z")


@given(st.lists(st.integers(0, LAST_SECOND * 1_000_000 - 1), min_size=1, max_size=20))
def test_every_microsecond_survives_as_text_as_datetime_and_as_seconds(micros: list[int]) -> None:
    moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=m) for m in micros]
    parsed = parse_times(pd.Series([m.isoformat() for m in moments]))
    assert parsed.times.astype("int64").floordiv(1000).tolist() == micros
    assert [round(seconds_of(m) * 1e6) for m in moments] == micros
    assert [round(seconds_of(m.isoformat()) * 1e6) for m in moments] == micros
