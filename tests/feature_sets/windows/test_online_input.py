"""The online engine: times, readings and keys of every kind, alone, in a list and in a frame."""

from __future__ import annotations

import copy
import math
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.windows import kernel
from feature_sets.windows.online import OnlineWindows
from tests.feature_sets.windows.engines import FakeClock, engine
from tests.feature_sets.windows.streams import DEFINITION, START, event


def test_datetimes_and_epoch_seconds_are_the_same_instant() -> None:
    online = engine()
    online.update(event(1.25, 1))
    moment = datetime.fromtimestamp(START + 1.25, tz=UTC)
    assert online.update({**event(0), "at": moment})["event_status"] == "duplicate"
    assert online.update({**event(0), "at": pd.Timestamp(moment)})["event_status"] == "duplicate"


def test_times_of_numpy_are_times_alone_in_a_list_and_in_a_frame() -> None:
    body = {**event(0), "at": np.int64(START)}
    for events in (body, [body], pd.DataFrame([body]), pd.DataFrame([body]).astype({"at": "Int64"})):
        online = engine()
        online.update(event(0))
        online.update(events)
        assert online.counts["duplicate"] == 1


@pytest.mark.parametrize("at", ["2024-05-01T00:00:00Z", None, True, 1e15, math.nan, pd.NaT])
def test_a_time_that_is_no_instant_is_refused(at: Any) -> None:
    with pytest.raises(ValueError, match="timestamp: must"):
        engine().update({**event(0), "at": at})


def test_a_time_without_a_zone_is_utc() -> None:
    online = engine()
    online.update(event(1.25, 1))
    naive = datetime.fromtimestamp(START + 1.25, tz=UTC).replace(tzinfo=None)
    assert online.update({**event(0), "at": naive})["event_status"] == "duplicate"


@pytest.mark.parametrize("dtype", ["complex128", "bool", "boolean", "string"])
def test_a_column_of_readings_that_are_no_numbers_is_refused(dtype: str) -> None:
    frame = pd.DataFrame([event(0), event(1)]).astype({"heat": dtype})
    with pytest.raises(ValueError, match=f"column 'heat': must be numbers, got '{dtype}'"):
        engine().update(frame)


@pytest.mark.parametrize(
    "largest", [10**400, -(10**400), Fraction(10**400)], ids=["above", "below", "fraction"]
)
def test_a_reading_beyond_a_float_is_refused_with_the_rule(largest: Any) -> None:
    body = event(0, largest)
    frame = pd.DataFrame([event(0)]).assign(load=pd.Series([largest], dtype=object))
    for events in (body, [event(1), body], frame):
        with pytest.raises(ValueError, match=r"load: must fit a 64-bit float, got 'a larger (int|Fraction)'"):
            engine().update(events)


def test_readings_near_the_limit_of_a_float_overflow_as_it_is_written() -> None:
    rows = engine().update([event(0, 1e154), event(1, 3e154)])
    assert (rows[1]["load_sqr_1m"], rows[1]["load_stddev_1m"]) == (math.inf, math.inf)
    assert (rows[1]["load_sum_1m"], rows[1]["load_avg_1m"]) == (pytest.approx(4e154), pytest.approx(2e154))
    rows = engine().update([event(0, 1e308), event(1, -1e308), event(2, 5e307)])
    assert not math.isfinite(rows[2]["load_sum_1m"]) and not math.isfinite(rows[2]["load_avg_1m"])
    assert (rows[2]["load_min_1m"], rows[2]["load_median_1m"]) == (-1e308, 5e307)


@pytest.mark.parametrize("missing", [None, math.nan, pd.NaT, pd.NA, "absent"])
@pytest.mark.parametrize("told", [False, True])
def test_where_the_arrival_is_missing_the_clock_counts_alike_alone_in_a_list_and_in_a_frame(
    missing: Any, told: bool
) -> None:
    # The clock is at 0, what was told came at 60, and the tolerance is 30 s.
    events = [event(20), event(40)] + ([{**event(80), "arrival": START + 60}] if told else [])
    for body in events[:2]:
        if not isinstance(missing, str):
            body["arrival"] = missing
    want = ["accepted", "quarantined", "accepted"][: len(events)]
    for kind in (dict, list, pd.DataFrame):
        online = OnlineWindows(DEFINITION, FakeClock(START), arrival="arrival")
        if kind is dict:
            got = [online.update(body)["event_status"] for body in events]
        elif kind is list:
            got = [row["event_status"] for row in online.update(events)]
        else:
            got = online.update(pd.DataFrame(events))["event_status"].tolist()
        assert got == want, kind


@pytest.mark.parametrize("value", ["5", True, [1.0]])
def test_a_reading_that_is_no_number_is_refused_and_nothing_of_the_list_is_taken_in(value: Any) -> None:
    online = engine()
    with pytest.raises(ValueError, match="heat: must be a number or None, got"):
        online.update({**event(1), "heat": value})
    with pytest.raises(ValueError, match="heat: must be a number or None, got"):
        online.update([event(0), {**event(1), "heat": value}])
    with pytest.raises(ValueError, match="key: must be text or a whole number, got None"):
        online.update([event(0), {**event(1), "device": None}])
    with pytest.raises(ValueError, match="heat"):
        online.update(pd.DataFrame([event(0), {**event(1), "heat": value}]))
    with pytest.raises(ValueError, match="column 'device': must have a key in every row"):
        online.update(pd.DataFrame([event(0), {**event(1), "device": None}]))
    assert online.devices == ()


@pytest.mark.parametrize("key", ["a\0b", "a\ud800", True, 1.0])
def test_a_key_that_is_none_is_refused_alike_alone_in_a_list_and_in_a_frame(key: Any) -> None:
    online, events = engine(), [event(0), event(1, device=key)]
    with pytest.raises(ValueError, match="key: must be"):
        online.update(events[-1])
    with pytest.raises(ValueError, match="key: must be"):
        online.update(events)
    with pytest.raises(ValueError, match="column 'device': must be"):
        online.update(pd.DataFrame(events))
    for twin in (1, "'a\\ud800'"):
        with pytest.raises(ValueError, match="column 'device': must be"):
            online.update(pd.DataFrame([event(0, device=twin), *events]))
    assert online.devices == ()


def test_a_whole_number_of_numpy_is_the_key_that_it_is_in_a_frame() -> None:
    online = engine()
    online.update(pd.DataFrame([event(0, device=7)]))
    assert online.update(event(1, device=np.int64(7)))["load_count_1m"] == 2.0
    assert online.update([event(2, device=np.int64(7))])[0]["load_count_1m"] == 3.0
    online.restore(online.snapshot())
    assert online.devices == (7,)


def test_a_metric_that_is_not_there_is_an_error_and_not_a_missing_reading() -> None:
    body = event(0)
    del body["heat"]
    with pytest.raises(KeyError, match="heat"):
        engine().update(body)


def test_the_event_itself_is_not_changed() -> None:
    body = event(0)
    before = copy.deepcopy(body)
    engine().update(body)
    assert body == before


def test_events_of_every_form_use_the_one_compiled_kernel() -> None:
    online = engine()
    online.update(event(0))
    online.update([event(1), event(2, device="b")])
    for key in ("a", "ä", 7):
        online.update(pd.DataFrame([event(3, device=key)]))
    online.update(pd.DataFrame([event(float(number), device="ab"[number % 2]) for number in range(2000)]))
    rows = KeyedRows.of(pd.DataFrame([event(5), event(4)]), "device", "at").in_event_order()
    online.update(rows)
    online.restore(online.snapshot())
    online.update(event(6))
    # Another signature would be compiled at the first live event, which takes seconds.
    assert len(kernel.take.signatures) == len(kernel.by_device.signatures) == 1
