"""Event times: one rule for a live event and for a column, whatever form they come in."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_sets.checks import InputError
from feature_sets.telemetry.event_time import LAST_SECOND, seconds_of
from feature_sets.telemetry.time_columns import parse_times

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
    for column in (pd.Series([value]), pd.Series([str(value)]), pd.Series([float(value)])):
        if unit == "ns" and column.dtype == float:
            assert parse_times(column).unparsable.all()  # a float does not hold nanoseconds
            continue
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
    assert seconds_of(value, zone="UTC") == parse_times(column, zone="UTC").times[0].timestamp()


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
    assert parse_times(stamps, zone="UTC").times[0] == pd.Timestamp("2024-05-01T12:00:00.123456Z")


@given(st.lists(st.integers(0, LAST_SECOND * 1_000_000 - 1), min_size=1, max_size=20))
def test_every_microsecond_survives_as_text_as_datetime_and_as_seconds(micros: list[int]) -> None:
    moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=m) for m in micros]
    parsed = parse_times(pd.Series([m.isoformat() for m in moments]))
    assert parsed.times.astype("int64").floordiv(1000).tolist() == micros
    assert [round(seconds_of(m) * 1e6) for m in moments] == micros
    assert [round(seconds_of(m.isoformat()) * 1e6) for m in moments] == micros


FORMS: list[tuple[Any, str | None]] = [
    ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
    ("2024-05-01T12:00:00z", "2024-05-01T12:00:00Z"),
    ("2024-05-01t12:00:00Z", "2024-05-01T12:00:00Z"),
    ("2024-05-01 12:00:00 UTC", "2024-05-01T12:00:00Z"),
    ("2024-05-01 12:00:00 GMT", "2024-05-01T12:00:00Z"),
    ("2024-05-01 12:00:00UTC", "2024-05-01T12:00:00Z"),
    ("2024-05-01 14:00:00 +0200", "2024-05-01T12:00:00Z"),
    ("2024-05-01T14+02", "2024-05-01T12:00:00Z"),
    ("2024-05-01T17:30+05:30", "2024-05-01T12:00:00Z"),
    ("2024-05-01T12:00:00,5Z", "2024-05-01T12:00:00.5Z"),
    ("2024-05-01T12:00:00.123456999Z", "2024-05-01T12:00:00.123456Z"),
    ("2024-05-01T12:00:00.1234567890123Z", "2024-05-01T12:00:00.123456Z"),
    ("2024-05-01 12:00:00 PM UTC", "2024-05-01T12:00:00Z"),
    ("2024-05-01 12:00:00.5 a.m. +00:00", "2024-05-01T00:00:00.5Z"),
    ("2024-05-01 01:30pmZ", "2024-05-01T13:30:00Z"),
    ("2024-05-01 13:30 PM Z", None),
    ("2024-05-01 00:30 AM Z", None),
    ("2024-05-01 12:00 M Z", None),
    ("20240501T120000Z", "2024-05-01T12:00:00Z"),
    ("2024-05-01T120000Z", "2024-05-01T12:00:00Z"),
    ("\t2024-05-01T12:00:00Z ", "2024-05-01T12:00:00Z"),
    ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ("1714564800", "2024-05-01T12:00:00Z"),
    (" +1714564800.50 ", "2024-05-01T12:00:00.5Z"),
    ("1.7145648e9", "2024-05-01T12:00:00Z"),
    ("0001714564800", "2024-05-01T12:00:00Z"),
    ("1714564800123456789", "2024-05-01T12:00:00.123456Z"),
    ("1714564800123456789.0", "2024-05-01T12:00:00.123456Z"),
    (1714564800123456789, "2024-05-01T12:00:00.123456Z"),
    (1714564800123456.0, "2024-05-01T12:00:00.123456Z"),
    (1714564800123456789.0, None),
    ("1714564800123456789.5", None),
    ("1.7145648e18", None),
    ("20240501", None),
    (20240501, None),
    (20240501.0, None),
    ("202405011200", None),
    (202405011200, None),
    ("20241301", None),
    ("19700100", "1970-08-17T00:15:00Z"),
    ("1714564800.5", "2024-05-01T12:00:00.5Z"),
    ("2024-0501T12:00:00Z", None),
    ("2024-5-1T12:00:00Z", None),
    ("2024-W18-3T12:00:00Z", None),
    ("2024-122T12:00:00Z", None),
    ("2023-02-29T00:00:00Z", None),
    ("2024-05-01T12:00:60Z", None),
    ("2024-05-01T12:60:00Z", None),
    ("2024-05-01T24:00:00Z", "2024-05-02T00:00:00Z"),
    ("2024-02-29 24:00:00.000+02:00", "2024-02-29T22:00:00Z"),
    ("20241231T24Z", "2025-01-01T00:00:00Z"),
    ("9999-12-31T24:00:00Z", None),
    ("2024-05-01T24:00:01Z", None),
    ("2024-05-01T24:00:00.5Z", None),
    ("2024-05-01T24:01Z", None),
    ("2024-05-01T24:00 PM Z", None),
    ("2024-05-01T25:00:00Z", None),
    ("2016-12-31T23:59:60Z", None),
    ("2024-05-01T12:00:00.Z", None),
    ("2024-05-01T12:00:00+24:00", None),
    ("2024-05-01T12:00:00+01:60", None),
    ("2024-05-01T12:00:00+01:00:00", None),
    ("2024-05-01T12:00:00 CET", None),
    ("2024-05-01T12:00:00", None),
    ("\u0662\u0660\u0662\u0664-05-01T12:00:00Z", None),
    ("0000-05-01T12:00:00Z", None),
    ("1" * 30, None),
    ("1" * 5000, None),
    ("-1", None),
    ("1e999", None),
    ("nan", None),
    ("0x6632", None),
    ("1_714_564_800", None),
    ("01/05/2024 12:00", None),
]


@pytest.mark.parametrize(("form", "instant"), FORMS)
def test_one_grammar_of_live_events_and_of_columns_alone_and_among_other_forms(
    form: Any, instant: str | None
) -> None:
    try:
        live = seconds_of(form)
    except InputError:
        live = None
    assert live == (None if instant is None else pd.Timestamp(instant).timestamp())
    columns: list[list[Any]] = [[form], [form, None]]
    if isinstance(form, str):
        columns += [[form, other] for other, _ in FORMS if isinstance(other, str)]
    for column in columns:
        found = parse_times(pd.Series(column, dtype=object)).times[0]
        assert (None if pd.isna(found) else found.timestamp()) == live


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([1714564800123456789, None], pa.int64()),
        pa.array([1714564800123456789, None], pa.uint64()),
        pa.array([Decimal(1714564800123456789), None], pa.decimal128(20, 0)),
        pa.array([Decimal("1714564800123456789.00"), None], pa.decimal128(25, 2)),
        pa.array([Decimal("1714564800.123456"), None], pa.decimal128(25, 6)),
        pa.array(["1714564800123456789", None], pa.large_string()),
        pa.array([b"2024-05-01T12:00:00.123456Z", None], pa.binary()),
        pa.array(["2024-05-01T12:00:00.123456Z", None]).dictionary_encode(),
        pa.array([1714564800123456789, None], pa.timestamp("ns", "Asia/Tokyo")),
        pa.array([1714564800123456, None], pa.timestamp("us", "UTC")),
    ],
    ids=lambda cells: str(cells.type),
)
def test_every_type_that_can_hold_a_time_gives_the_same_instant(cells: pa.Array) -> None:
    parsed = parse_times(pa.chunked_array([cells]))
    assert parsed.times[0].timestamp() == SECONDS
    assert parsed.unparsable.tolist() == [False, True]


def test_types_that_hold_no_time_have_none() -> None:
    for cells in (
        pa.nulls(1),
        pa.array([True]),
        pa.array([[1]]),
        pa.array([timedelta(1)]),
        pa.array([b"\xff"]),
    ):
        assert parse_times(pa.chunked_array([cells])).unparsable.tolist() == [True]
    assert parse_times(pa.chunked_array([], pa.string())).times.empty
    dates = pa.chunked_array([pa.array([date(2024, 5, 1)])])
    assert parse_times(dates).naive.tolist() == [True]
    assert parse_times(dates, zone="UTC").times[0] == pd.Timestamp("2024-05-01T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("2016-12-31T23:59:60Z", "must have seconds from 0 to 59; a leap second, :60, is not read"),
        ("2024-05-01T24:00:01Z", "must be at most 24:00:00, which is the end of the day"),
        ("2024-05-01T25:00:00Z", "must be at most 24:00:00, which is the end of the day"),
    ],
)
def test_what_is_no_time_of_a_day_is_refused_with_its_rule(text: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        seconds_of(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-05-01T12:00:00", "2024-05-01T10:00:00Z"),
        ("2024-04-30T24:00:00", "2024-04-30T22:00:00Z"),
        ("2024-01-01 12:00:00", "2024-01-01T11:00:00Z"),
        ("2024-01-01", "2023-12-31T23:00:00Z"),
        ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
        ("2024-03-31T02:30:00", None),  # clocks went from 2 to 3
        ("2024-10-27T02:30:00", None),  # from 3 back to 2
        ("2024-10-27T03:00:00", "2024-10-27T02:00:00Z"),
        ("1714564800", "2024-05-01T12:00:00Z"),
    ],
)
def test_times_without_a_zone_are_of_the_one_that_is_named(text: str, instant: str | None) -> None:
    expected = None if instant is None else pd.Timestamp(instant).timestamp()
    try:
        live = seconds_of(text, "Europe/Oslo")
    except InputError as error:
        assert error.rule == {
            "2024-03-31T02:30:00": "must be a moment in Europe/Oslo, whose clocks leave this one out",
            "2024-10-27T02:30:00": "must be one moment in Europe/Oslo, whose clocks show this one twice: "
            "write an offset, +02:00 or +01:00",
        }.get(text)
        live = None
    assert live == expected
    for other in (text, "2024-05-01T12:00:00+09:00", "no time"):
        parsed = parse_times(pd.Series([text, other]), "Europe/Oslo")
        assert parsed.unparsable[0] == (instant is None)
        assert not parsed.naive.any()
        assert instant is None or parsed.times[0].timestamp() == expected


@pytest.mark.parametrize(
    "text",
    ["01.01.2024 00:00:00 - 00:05:00", "1/1/2024 12:00:00 AM - 12:05:00 AM", "2024-01-01 00:00 - 00:05"],
)
def test_a_span_is_told_as_that(text: str) -> None:
    with pytest.raises(InputError, match="must be one time, not a span as PRTG writes it"):
        seconds_of(text, "UTC", "day_first")


@pytest.mark.parametrize("text", ["1:11" * 5000 + " - " * 5000, "1:11 - " * 5000 + "x", "1:11" * 10_000])
def test_a_long_text_that_is_no_time_is_refused_at_once(text: str) -> None:
    """An expression that looks at all pairs of places in it takes hours, and the endpoint with it."""
    with pytest.raises(InputError, match="event time"):
        seconds_of(text)
