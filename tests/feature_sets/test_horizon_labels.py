"""What is predicted with a horizon: an error that starts soon, as far as it is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_sets.horizon_labels import with_target
from feature_sets.telemetry.schema import DEVICE
from tests.training.network import START, make_schema

SCHEMA = make_schema(horizon="60s")
TARGET = "is_error_within_60s"


def labels(*rows):
    """(device, seconds, label) as a table."""
    return pd.DataFrame(
        {
            DEVICE: [device for device, _, _ in rows],
            "timestamp": START + pd.to_timedelta([second for _, second, _ in rows], unit="s"),
            "is_error": [label for _, _, label in rows],
        }
    )


def targets(*rows):
    return with_target(labels(*rows), SCHEMA)[TARGET].tolist()


def test_a_row_is_positive_up_to_the_horizon_before_an_error_starts():
    #    39 -------- 99 is 60 s after it; 38 is one second too early, and known to be quiet
    got = targets(("a", 38, 0), ("a", 39, 0), ("a", 98, 0), ("a", 99, 1), ("a", 300, 0))
    np.testing.assert_equal(got, [0.0, 1.0, 1.0, np.nan, np.nan])


def test_the_end_of_the_labels_is_not_known_to_be_quiet():
    np.testing.assert_equal(targets(("a", 0, 0), ("a", 60, 0), ("a", 61, 0)), [0.0, np.nan, np.nan])


def test_an_error_of_another_device_says_nothing():
    got = targets(("b", 10, 1), ("a", 0, 0), ("a", 70, 0), ("b", 0, 0))
    np.testing.assert_equal(got, [np.nan, 0.0, np.nan, 1.0])


def test_without_a_horizon_the_label_is_the_target():
    table = labels(("a", 0, 1))
    assert with_target(table, make_schema()) is table
    assert make_schema().target == "is_error"


def test_no_rows_are_no_rows():
    assert with_target(labels(), SCHEMA)[TARGET].tolist() == []


def slow(rows):
    """The rule, row by row."""
    result = []
    for device, second, label in rows:
        ahead = [(s, error) for d, s, error in rows if d == device and s > second]
        if label == 1:
            result.append(np.nan)
        elif any(error == 1 and s <= second + 60 for s, error in ahead):
            result.append(1.0)
        else:
            result.append(0.0 if any(s >= second + 60 for s, _ in ahead) else np.nan)
    return result


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 400), st.integers(0, 1)),
        max_size=40,
        unique_by=lambda row: row[:2],
    )
)
def test_it_is_the_rule_of_each_row_in_any_order(rows):
    np.testing.assert_equal(targets(*rows), slow(rows))


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_other_zones_change_nothing(zone):
    table = labels(("a", 0, 0), ("a", 30, 1))
    table["timestamp"] = table["timestamp"].dt.tz_convert(zone)
    assert with_target(table, SCHEMA)[TARGET].iloc[0] == 1.0
