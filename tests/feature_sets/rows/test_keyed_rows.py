import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_sets.rows.keyed_rows import KeyedRows


def frame(rows):
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta([seconds for _, seconds in rows], unit="s")
    return pd.DataFrame({"box": [box for box, _ in rows], "t": times, "x": range(len(rows))})


def in_event_order(rows, entity, time):
    return KeyedRows.of(rows, entity, time).in_event_order().frame


def test_rows_come_in_event_order_and_once():
    given_rows = frame([("a", 2), ("a", 1), ("a", 2)])
    ordered = in_event_order(given_rows, "box", "t")
    assert ordered["x"].tolist() == [1, 0]
    assert given_rows["x"].tolist() == [0, 1, 2]


def test_times_in_one_microsecond_are_the_same_time():
    rows = frame([("a", 1), ("a", 1), ("b", 1)])
    rows["t"] += pd.to_timedelta([0, 300, 999], unit="ns")
    assert in_event_order(rows, "box", "t")["x"].tolist() == [0, 2]


def test_rows_in_order_are_not_copied():
    rows = frame([("a", 1), ("b", 1), ("a", 2)])
    ordered = in_event_order(rows, "box", "t")
    assert np.shares_memory(ordered["x"], rows["x"])
    assert in_event_order(rows.head(0), "box", "t").empty


@given(st.lists(st.tuples(st.sampled_from("cab"), st.integers(0, 4)), max_size=12))
def test_the_order_is_that_of_sorting_and_dropping(rows):
    shown = frame(rows)
    slow = shown.sort_values(["t", "box"], kind="stable").drop_duplicates(["box", "t"], keep="first")
    pd.testing.assert_frame_equal(in_event_order(shown, "box", "t"), slow.reset_index(drop=True))


@pytest.mark.parametrize(("key", "other"), [("a\0x", "a\0y"), ("\ud800", r"'\ud800'"), (1, True)])
def test_rows_of_keys_that_pandas_does_not_tell_apart_are_not_lost(key, other):
    rows = frame([("a", 1), ("a", 1)])
    with pytest.raises(ValueError, match="column 'box': must be"):
        in_event_order(rows.assign(box=pd.Series([key, other], dtype=object)), "box", "t")


def test_whole_numbers_come_in_their_order_and_before_text():
    rows = frame([("b", 1), (10, 1), ("a", 1), (9, 1)])
    assert in_event_order(rows, "box", "t")["box"].tolist() == [9, 10, "a", "b"]


def test_times_without_a_zone_are_utc():
    rows = frame([("a", 2), ("a", 1)])
    plain = rows.assign(t=rows["t"].dt.tz_localize(None))
    assert in_event_order(plain, "box", "t")["x"].tolist() == in_event_order(rows, "box", "t")["x"].tolist()


@given(
    st.lists(st.tuples(st.sampled_from("cab"), st.integers(0, 4)), max_size=12),
    st.lists(st.integers(0, 11), max_size=12),
)
def test_what_is_carried_along_is_what_the_rows_themselves_give(rows, chosen):
    keyed = KeyedRows.of(frame(rows), "box", "t")
    for part in (
        keyed.in_event_order(),
        keyed.take(np.array([n for n in chosen if n < len(rows)], dtype=int)),
    ):
        again = KeyedRows.of(part.frame, "box", "t")
        assert [part.keys[code] for code in part.codes] == [again.keys[code] for code in again.codes]
        assert sorted(part.keys) == sorted(again.keys)
        assert part.micros.tolist() == again.micros.tolist()
