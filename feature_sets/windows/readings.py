"""Readings as numbers: one, those of a list, those of a column."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError

_PLAIN = {float, int, type(None)}


def reading(metric: str, value: Any) -> float:
    """A reading as a number; None means there is no reading.

    :raises InputError: unless it is a number that a float can hold, or None.
    """
    if type(value) is float:  # As nearly always.
        return value
    if value is None:
        return math.nan
    if not isinstance(value, Real) or isinstance(value, bool):
        raise InputError(metric, "must be a number or None", value)
    try:
        return float(value)
    except OverflowError:
        given = f"a larger {type(value).__name__}"
        raise InputError(metric, "must fit a 64-bit float", given) from None


def readings_of_list(metric: str, values: list[Any]) -> npt.NDArray[np.float64]:
    """``reading`` of each, at once if they are plain."""
    if set(map(type, values)) <= _PLAIN:
        try:
            return np.array(values, dtype=np.float64)
        except OverflowError:
            pass  # A whole number is too large; ``reading`` says which rule it breaks.
    return np.array([reading(metric, value) for value in values], dtype=np.float64)


def readings_of_column(column: pd.Series) -> npt.NDArray[Any]:
    """``reading`` of each row of a column."""
    if column.dtype.kind in "iuf" and isinstance(column.dtype, np.dtype):
        return column.to_numpy()
    if column.dtype == object:
        return readings_of_list(str(column.name), column.tolist())
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind in "bc":
        raise InputError(f"column '{column.name}'", "must be numbers", str(column.dtype))
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN or NaT."""
    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and value != value)
