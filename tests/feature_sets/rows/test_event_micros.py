"""Times as microseconds: one rule for a value and for a column of any type."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.rows.event_micros import column_micros, event_micros


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("int64", [99_999_999_999, -99_999_999_999, 0]),
        ("uint64", [99_999_999_999]),
        ("int32", [1_714_564_800, -1]),
        ("Int64", [99_999_999_999, -3]),
        ("UInt32", [1_714_564_800]),
        ("int64[pyarrow]", [99_999_999_999]),
        ("float64", [1_714_564_800.123456, -0.5]),
        ("float32", [1_714_564_800.123456, 1_000.0007]),
        ("Float64", [1_714_564_800.123456, -0.5]),
        ("Float32", [1_000.0007]),
        ("double[pyarrow]", [1_714_564_800.123456]),
    ],
)
def test_epoch_seconds_of_any_number_type_are_the_same_in_a_column_and_alone(
    dtype: str, values: list[float]
) -> None:
    column = pd.Series(values, dtype=dtype, name="at")
    micros = column_micros(column)
    assert micros.dtype == np.int64
    assert micros.tolist() == [event_micros(value) for value in column]
    # Exact: what a float holds is rounded once.
    assert micros.tolist() == [round(Fraction(value) * 1_000_000) for value in column.tolist()]


@pytest.mark.parametrize(
    "dtype", ["Int64", "Float64", "Float32", "int64[pyarrow]", "double[pyarrow]", "float64"]
)
def test_a_missing_number_is_refused(dtype: str) -> None:
    with pytest.raises(
        ValueError, match="column 'at': must be epoch seconds or a time in every row, got nan"
    ):
        column_micros(pd.Series([1, None], dtype=dtype, name="at"))


@pytest.mark.parametrize(
    ("dtype", "value"), [("int64", -(2**63)), ("UInt64", 2**64 - 1), ("float32", 1e20), ("Float64", -1e11)]
)
def test_a_number_that_is_too_large_for_seconds_is_refused(dtype: str, value: Any) -> None:
    with pytest.raises(ValueError, match="column 'at': must be epoch seconds"):
        column_micros(pd.Series([0, value], dtype=dtype, name="at"))


@pytest.mark.parametrize("value", [1j, 10**400, np.bool_(True), np.float32("nan"), np.int64(2**62)])
def test_a_value_that_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="timestamp: must be epoch seconds or a time, got"):
        event_micros(value)
