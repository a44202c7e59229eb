"""The online engine: equal to the reference on any stream, exact at the edges, resumable."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_sets.checks import InputError
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.event_status import COUNTED, STATUSES
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.reference import reference
from feature_sets.windows.snapshot import pack, unpack
from tests.feature_sets.windows.streams import DEFINITION, START, Event, event, ordered_stream, streams

NAMES = list(DEFINITION.feature_names)


class FakeClock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def engine(definition: WindowDefinition = DEFINITION, ahead: float = 1e6) -> OnlineWindows:
    return OnlineWindows(definition, FakeClock(START + ahead))


def assert_equal_features(
    got: pd.DataFrame, want: pd.DataFrame, events: list[Event], names: list[str]
) -> None:
    assert got["event_status"].tolist() == want["event_status"].tolist()
    largest = max(
        [1.0, *(abs(e[m]) for e in events for m in ("load", "heat") if e[m] is not None and e[m] == e[m])]
    )
    squared = np.array(["_sqr_" in name or "_stdvar_" in name for name in names])
    tolerance = 1e-12 * np.where(squared, largest**2, largest)
    ours, theirs = got[names].to_numpy(), want[names].to_numpy()
    with np.errstate(invalid="ignore"):
        near = np.abs(ours - theirs) <= tolerance + 1e-9 * np.abs(theirs)
    near |= (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    different = [
        (row, names[column], ours[row, column], theirs[row, column]) for row, column in np.argwhere(~near)
    ]
    assert not different


@settings(max_examples=150, deadline=None)
@given(streams(), st.sampled_from([None, "10s", "30s"]))
def test_online_equals_the_reference_on_any_stream(events: list[Event], lateness: str | None) -> None:
    definition = replace(DEFINITION, allowed_lateness=lateness)
    online = OnlineWindows(definition, FakeClock(0.0), arrival="arrival")
    got = pd.DataFrame(online.update(events))
    want = reference(pd.DataFrame(events), definition, arrival="arrival")
    assert_equal_features(got, want, events, NAMES)
    assert online.counts == {status: got["event_status"].eq(status).sum() for status in STATUSES}


@settings(max_examples=50, deadline=None)
@given(streams(), st.data())
def test_an_engine_restored_midway_continues_to_the_last_bit(
    events: list[Event], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(events)))
    straight = OnlineWindows(DEFINITION, FakeClock(0.0), arrival="arrival")
    first = OnlineWindows(DEFINITION, FakeClock(0.0), arrival="arrival")
    second = OnlineWindows(DEFINITION, FakeClock(0.0), arrival="arrival")
    want = straight.update(events)
    got = first.update(events[:cut])
    second.restore(first.snapshot())
    got += second.update(events[cut:])
    assert repr(got) == repr(want)
    assert second.snapshot() == straight.snapshot()


@settings(max_examples=50, deadline=None)
@given(streams())
def test_devices_do_not_disturb_each_other(events: list[Event]) -> None:
    together = OnlineWindows(DEFINITION, FakeClock(0.0), arrival="arrival").update(events)
    for device in {e["device"] for e in events}:
        own = [e for e in events if e["device"] == device]
        alone = OnlineWindows(DEFINITION, FakeClock(0.0), arrival="arrival").update(own)
        assert repr(alone) == repr(
            [row for e, row in zip(events, together, strict=True) if e["device"] == device]
        )


@settings(max_examples=50, deadline=None)
@given(st.permutations([event(second, float(second)) for second in (0, 1, 9, 10, 15, 20, 31, 39, 44, 58)]))
def test_the_final_windows_do_not_depend_on_the_order_of_arrival(events: list[Event]) -> None:
    online = engine()
    online.update(events)
    final = online.update(event(59, 59.0))
    assert final["load_count_1m"] == 11
    assert final["load_sum_1m"] == sum((0, 1, 9, 10, 15, 20, 31, 39, 44, 58, 59))
    assert (final["load_first_1m"], final["load_last_1m"]) == (0.0, 59.0)


def test_a_long_stream_in_order_equals_the_reference() -> None:
    events = ordered_stream(seed=11, events=200)
    got = pd.DataFrame(engine().update(events))
    want = reference(pd.DataFrame(events), DEFINITION, clock=lambda: START + 1e6)
    assert_equal_features(got, want, events, NAMES)
    assert set(got["event_status"]) == {"accepted"}


def test_fewer_operations_give_the_same_numbers_as_all() -> None:
    few = replace(DEFINITION, operations=("stddev", "avg", "max"))
    events = ordered_stream(seed=4, events=60)
    for all_of_them, some in zip(engine().update(events), engine(few).update(events), strict=True):
        assert repr(some) == repr({name: all_of_them[name] for name in some})


def test_one_event_gives_one_row_with_every_feature_and_its_status() -> None:
    row = engine().update(event(0, 5.0))
    assert set(row) == {*NAMES, "event_status"}
    assert row["event_status"] == "accepted"
    assert row["load_avg_20s"] == 5.0
    assert math.isnan(row["load_stddev_20s"])
    assert engine().update([]) == []


def test_an_event_that_is_not_counted_has_nan_in_every_feature() -> None:
    online = engine(ahead=100)
    rows = online.update([event(100), event(100), event(20), event(131)])
    assert [row["event_status"] for row in rows] == ["accepted", "duplicate", "too_late", "quarantined"]
    for row in rows[1:]:
        assert all(math.isnan(row[name]) for name in NAMES)
    assert online.counts == {"accepted": 1, "late": 0, "duplicate": 1, "too_late": 1, "quarantined": 1}


def test_a_first_event_in_the_future_leaves_no_device_behind() -> None:
    online = engine(ahead=0)
    assert online.update(event(31))["event_status"] == "quarantined"
    assert online.devices == ()
    assert online.update(event(30))["event_status"] == "accepted"


def test_constants_have_no_deviation_and_their_own_average_whatever_their_size() -> None:
    for value in (50.3, 0.1, 1e9 + 0.1, -3e-7):
        rows = engine().update([event(second * 3, value) for second in range(60)])
        assert {row["load_stddev_1m"] for row in rows[1:]} == {0.0}
        assert {row["load_stdvar_20s"] for row in rows[1:]} == {0.0}
        assert {row["load_avg_1m"] for row in rows} == {value}


def test_a_spike_that_left_the_window_leaves_no_residue() -> None:
    online = engine()
    online.update(event(0, 2.0**64))
    rows = online.update([event(10 * step, 1e6) for step in range(1, 30)])
    assert rows[-1]["load_sum_1m"] == 6e6
    assert rows[-1]["load_stddev_1m"] == 0.0


def test_values_too_large_to_square_do_not_stop_the_engine() -> None:
    rows = engine().update([event(0, 1e300), event(1, -1e300)])
    assert rows[1]["load_sqr_1m"] == math.inf
    assert rows[1]["load_min_1m"] == -1e300


def test_infinite_and_missing_values_are_no_readings() -> None:
    rows = engine().update([event(0, math.inf, None), event(1, None, 2.0), event(2, 3.0, math.nan)])
    assert [row["load_count_1m"] for row in rows] == [0.0, 0.0, 1.0]
    assert [row["heat_count_1m"] for row in rows] == [0.0, 1.0, 1.0]
    assert rows[2]["heat_last_1m"] == 2.0
    assert math.isnan(rows[0]["load_sum_1m"])


def test_a_late_event_may_open_a_bucket_between_two() -> None:
    online = engine()
    online.update([event(0, 1), event(30, 8), event(15, 2)])
    row = online.update(event(25, 4))
    assert row["event_status"] == "late"
    assert (row["load_sum_20s"], row["load_sum_1m"]) == (12.0, 15.0)
    assert online.update(event(40, 16))["load_sum_20s"] == 24.0


def test_first_and_last_follow_event_time_and_not_arrival_even_inside_a_bucket() -> None:
    online = engine()
    online.update([event(5, 5.0), event(2, 2.0)])
    row = online.update(event(8, 8.0))
    assert (row["load_first_20s"], row["load_last_20s"]) == (2.0, 8.0)
    row = online.update(event(7, 7.0))
    assert (row["load_first_20s"], row["load_last_20s"]) == (2.0, 8.0)
    row = online.update(event(1, None, 1.0))
    assert row["load_first_20s"] == 2.0
    assert row["heat_first_20s"] == 1.0


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


def test_idle_devices_are_forgotten_by_the_clock_and_start_anew() -> None:
    clock = FakeClock(START)
    online = OnlineWindows(DEFINITION, clock)
    online.update([event(0, device="a"), event(0, device="b")])
    clock.now = START + 50
    online.update(event(50, device="b"))
    clock.now = START + 60
    assert online.evict(60) == []
    clock.now = START + 60.000001
    assert online.evict(60) == ["a"]
    assert online.devices == ("b",)
    assert online.update(event(55, 4.0, device="a"))["load_count_1m"] == 1.0


@pytest.mark.parametrize("idle", [59.9, 0, -1, math.nan])
def test_forgetting_within_the_longest_window_is_refused(idle: float) -> None:
    with pytest.raises(ValueError, match="idle_seconds: must be at least the longest window, 60 s"):
        engine().evict(idle)


def test_memory_does_not_grow_with_time() -> None:
    online = engine(ahead=1e7)
    sizes = set()
    for step in range(600):
        online.update(event(5.0 * step))
        if step >= 20:
            sizes.add((online.memory_bytes, len(online.snapshot())))
    assert len({memory for memory, _ in sizes}) == 1
    assert max(size for _, size in sizes) - min(size for _, size in sizes) <= 200


def test_only_what_is_too_short_is_lengthened() -> None:
    online = OnlineWindows(DEFINITION, FakeClock(START + 1e6), threads=1)
    online.update([event(number) for number in range(60)])
    (state,) = online._state._states
    # Rings of 8, 16, 32 and 64, of which the last is in use, and room for the median of one.
    assert len(state._times) == len(state._readings) == 8 + 16 + 32 + 64
    assert len(state._scratch) == 64
    online.restore(online.snapshot())
    (state,) = online._state._states
    assert (len(state._times), len(state._scratch)) == (64, 0)
    assert online.update(event(59.5, 3.0))["load_median_1m"] == 1.0
    assert (len(state._times), len(state._scratch)) == (64, 64)


def test_state_of_devices_that_were_forgotten_is_used_again() -> None:
    clock = FakeClock(START)
    online = OnlineWindows(DEFINITION, clock, threads=1)
    online.update([event(0, device=f"d{number:02}") for number in range(40)])
    memory = online.memory_bytes
    clock.now = START + 1000
    online.update([event(900, float(number), device=f"d{number:02}") for number in range(7)])
    assert len(online.evict(60)) == 33
    rows = online.update([event(1000, 5.0, device=f"e{number:02}") for number in range(33)])
    assert {row["load_sum_1m"] for row in rows} == {5.0}
    assert online.memory_bytes == memory
    assert online.update(event(900.5, 2.0, device="d06"))["load_sum_1m"] == 8.0


def test_a_snapshot_of_another_version_or_definition_is_refused() -> None:
    snapshot = engine().snapshot()
    header, arrays = unpack(snapshot)
    with pytest.raises(InputError, match="'version': must be 2, got 3"):
        engine().restore(pack({**header, "version": 3}, arrays))
    with pytest.raises(InputError, match=r"'definition\.period': must be '20s', got '10s'"):
        engine(replace(DEFINITION, period="20s")).restore(snapshot)


def test_a_damaged_snapshot_is_refused_and_the_state_stays() -> None:
    online = engine()
    online.update([event(0), event(1)])
    snapshot = online.snapshot()
    middle = len(snapshot) // 2
    damaged = {
        "'checksum': must fit": snapshot[:middle] + bytes([snapshot[middle] ^ 1]) + snapshot[middle + 1 :],
        "'checksum': must fit the": snapshot[:-9],
        "'snapshot': must begin with": b"PK" + snapshot[2:],
        "'snapshot': must begin": snapshot[:12],
        "'snapshot': must be bytes": {"version": 1},
    }
    for words, content in damaged.items():
        with pytest.raises(InputError, match=words):
            online.restore(content)  # type: ignore[arg-type]
    assert online.update(event(2))["load_count_1m"] == 3


def test_restoring_replaces_what_was_there() -> None:
    empty = engine().snapshot()
    online = engine()
    online.update(event(0))
    online.restore(empty)
    assert online.devices == ()
    assert online.counts["accepted"] == 0


def test_statuses_with_features_are_the_counted_ones() -> None:
    assert set(COUNTED) < set(STATUSES)
