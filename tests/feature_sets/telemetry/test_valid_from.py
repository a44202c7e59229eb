"""Attributes of a device hold from their time until the next ones."""

from __future__ import annotations

import pandas as pd

from feature_sets.telemetry.valid_from import as_of, from_beginning, newest

NOON = pd.Timestamp("2024-05-01T12:00:00Z")
MICROSECOND = pd.Timedelta("1us")


def attributes() -> pd.DataFrame:
    """Of ``b`` the second row is from the beginning; ``a`` has a time from the first on."""
    return pd.DataFrame(
        {
            "device": ["b", "b", "a"],
            "valid_from": [NOON, pd.NaT, NOON + pd.Timedelta("1h")],
            "role": ["spine", "leaf", "edge"],
        }
    )


def test_the_newest_row_of_each_device_counts():
    assert newest(attributes())["role"].tolist() == ["edge", "spine"]


def test_what_held_at_a_time_holds_from_that_moment_on_and_the_first_from_the_beginning():
    rows = pd.DataFrame(
        {"device": ["b", "a", "b", "z"], "at": [NOON, NOON, NOON - MICROSECOND, NOON]}, index=[7, 3, 5, 1]
    )
    found = as_of(from_beginning(attributes()), rows, "at")
    assert found.index.tolist() == [7, 3, 5, 1]
    assert found["role"].tolist()[:3] == ["spine", "edge", "leaf"]
    assert found["role"].isna().tolist() == [False, False, False, True]
    assert list(found.columns) == ["role"]
