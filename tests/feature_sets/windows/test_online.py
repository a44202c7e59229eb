"""The online engine: equal to the reference on any stream, exact at the edges."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_sets.windows.event_status import OF_WINDOWS
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.reference import reference
from tests.feature_sets.windows.engines import NAMES, FakeClock, assert_equal_features, engine
from tests.feature_sets.windows.streams import DEFINITION, START, Event, event, ordered_stream, streams


@settings(max_examples=150, deadline=None)
@given(streams(), st.sampled_from([None, "10s", "30s"]))
def test_online_equals_the_reference_on_any_stream(events: list[Event], lateness: str | None) -> None:
    definition = replace(DEFINITION, allowed_lateness=lateness)
    online = OnlineWindows(definition, FakeClock(0.0), arrival="arrival")
    got = pd.DataFrame(online.update(events))
    want = reference(pd.DataFrame(events), definition, arrival="arrival")
    assert_equal_features(got, want, events, NAMES)
    assert online.counts == {status: got["event_status"].eq(status).sum() for status in OF_WINDOWS}


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
