"""What is predicted with a horizon: an error that starts soon, as far as it is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_sets.labels.horizon import with_target
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from tests.training.network import START, make_schema

SCHEMA = make_schema(horizon="60s")
PLANNED = make_schema(horizon="60s", exclude_labels={"planned": 1})
TARGET = "is_error_within_60s"


def labels(*rows, **columns):
    """(device, seconds, label) and further columns as a table."""
    return pd.DataFrame(
        {
            DEVICE: [device for device, _, _ in rows],
            "timestamp": START + pd.to_timedelta([second for _, second, _ in rows], unit="s"),
            "is_error": [label for _, _, label in rows],
            **columns,
        }
    )


def targets(*rows):
    return with_target(labels(*rows), SCHEMA)[TARGET].tolist()


def test_a_row_is_positive_up_to_the_horizon_before_an_error_starts():
    #    39 -------- 99 is 60 s after it; 38 is one second too early, and known to be quiet
    got = targets(("a", 38, 0), ("a", 39, 0), ("a", 98, 0), ("a", 99, 1), ("a", 300, 0))
    np.testing.assert_equal(got, [0.0, 1.0, 1.0, np.nan, np.nan])


def test_a_device_whose_labels_stop_for_longer_than_the_horizon_is_not_known_to_be_quiet():
    schema = make_schema(horizon="10m")
    rows = labels(*(("a", 60 * minute, 0) for minute in (0, 1, 300, 301, 310, 311)))
    found = with_target(rows, schema)[schema.target].tolist()
    np.testing.assert_equal(found, [np.nan, np.nan, 0.0, 0.0, np.nan, np.nan])
    # At 60 s apart or just less the labels still say what happened between them; a second more, and not.
    np.testing.assert_equal(targets(("a", 0, 0), ("a", 59, 0), ("a", 119, 0)), [0.0, 0.0, np.nan])
    np.testing.assert_equal(targets(("a", 0, 0), ("a", 59, 0), ("a", 120, 0)), [np.nan, np.nan, np.nan])


def planned(rows, marks):
    return with_target(labels(*rows, planned=marks), PLANNED)[PLANNED.target].tolist()


def test_an_excluded_row_hides_what_comes_after_it_and_not_what_came_before():
    rows = [("a", 0, 0), ("a", 20, 0), ("a", 40, 0), ("a", 60, 1), ("a", 80, 0), ("a", 120, 0), ("a", 180, 0)]
    np.testing.assert_equal(planned(rows, [0] * 7), [1.0, 1.0, 1.0, np.nan, 0.0, 0.0, np.nan])
    # The row at 20 s is excluded: whether 0 s is followed by an error is unknown, of 40 s it is known.
    nan = np.nan
    np.testing.assert_equal(planned(rows, [0, 1, 0, 0, 0, 0, 0]), [nan, nan, 1.0, nan, 0.0, 0.0, nan])
    # An error that is excluded is no error.
    np.testing.assert_equal(planned(rows, [0, 0, 0, 1, 0, 0, 0]), [nan, nan, nan, nan, 0.0, 0.0, nan])
    # After the error an excluded row changes nothing for the rows before it.
    np.testing.assert_equal(planned(rows, [0, 0, 0, 0, 1, 0, 0]), [1.0, 1.0, 1.0, nan, nan, 0.0, nan])


@pytest.mark.parametrize("kind", ["object", "float64", "Int64"])
def test_a_missing_value_excludes_nothing(kind):
    marks = pd.Series([None, None, 1, None], dtype=kind)
    got = planned([("a", 0, 0), ("a", 60, 0), ("b", 0, 1), ("b", 1, 1)], marks)
    np.testing.assert_equal(got, [0.0, np.nan, np.nan, np.nan])


def test_the_end_of_the_labels_is_not_known_to_be_quiet():
    np.testing.assert_equal(targets(("a", 0, 0), ("a", 60, 0), ("a", 61, 0)), [0.0, np.nan, np.nan])


def test_an_error_of_another_device_says_nothing():
    got = targets(("b", 10, 1), ("a", 0, 0), ("a", 60, 0), ("b", 0, 0))
    np.testing.assert_equal(got, [np.nan, 0.0, np.nan, 1.0])


def test_without_a_horizon_the_label_is_the_target():
    table = labels(("a", 0, 1))
    assert with_target(table, make_schema()) is table
    assert make_schema().target == "is_error"


def test_no_rows_are_no_rows():
    assert with_target(labels(), SCHEMA)[TARGET].tolist() == []


def slow(rows, marks):
    """The rule, row by row."""
    result = []
    entries = [(*row, mark) for row, mark in zip(rows, marks, strict=True)]
    for device, second, label, mark in entries:
        later = sorted(entry[1:] for entry in entries if entry[0] == device and entry[1] > second)
        result.append(np.nan if mark == 1 or label != 0 else slow_row(second, later))
    return result


def slow_row(second, later):
    """(second, label, mark) of the later rows of the device, in order of time."""
    for s, label, mark in later:
        if s <= second + 60 and mark == 1:
            return np.nan
        if s <= second + 60 and label == 1:
            return 1.0
    last = second
    for s, label, mark in later:
        if mark == 1 or label is None:
            continue
        if s - last > 60:
            return np.nan
        last = s
        if s >= second + 60:
            return 0.0
    return np.nan


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.integers(0, 400),
            st.sampled_from([0, 0, 0, 1, None]),
            st.sampled_from([0, 0, None, 1]),
        ),
        max_size=60,
        unique_by=lambda row: row[:2],
    )
)
def test_it_is_the_rule_of_each_row_in_any_order(entries):
    rows, marks = [entry[:3] for entry in entries], [entry[3] for entry in entries]
    np.testing.assert_equal(planned(rows, marks), slow(rows, marks))


def test_it_is_the_rule_of_each_row_of_long_ragged_recordings():
    random = np.random.default_rng(4)
    rows, marks = [], []
    for device in range(12):
        # Rows about 20 s apart with holes of minutes: all three answers are frequent.
        gaps = random.integers(1, 40, 120) + random.choice([0, 300], 120, p=[0.95, 0.05])
        rows += [(f"d{device}", int(at), int(random.random() < 0.05)) for at in np.cumsum(gaps)]
        marks += (random.random(120) < 0.03).astype(int).tolist()
    shuffled = random.permutation(len(rows))
    rows, marks = [rows[at] for at in shuffled], [marks[at] for at in shuffled]
    expected = slow(rows, marks)
    np.testing.assert_equal(planned(rows, marks), expected)
    assert min(np.sum(np.equal(expected, 0)), np.sum(np.equal(expected, 1)), np.isnan(expected).sum()) > 100


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_other_zones_change_nothing(zone):
    table = labels(("a", 0, 0), ("a", 30, 1))
    table["timestamp"] = table["timestamp"].dt.tz_convert(zone)
    assert with_target(table, SCHEMA)[TARGET].iloc[0] == 1.0


def test_each_of_several_horizons_says_what_it_says_alone():
    rows = labels(*[("a", 20 * tick, int(tick % 37 in (20, 21))) for tick in range(120)])
    several = make_schema(horizon="60s")
    several = TelemetrySchema.from_dict({**several.to_dict(), "horizon": ["0s", "60s", "10m"]})
    found = with_target(rows, several)
    assert list(found.columns) == [*rows.columns, "is_error_within_60s", "is_error_within_10m"]
    for horizon in ("60s", "10m"):
        alone = make_schema(horizon=horizon)
        expected = with_target(rows, alone)[alone.target]
        assert expected.nunique() == 2
        pd.testing.assert_series_equal(found[alone.target], expected)
