"""Readings of counters as whole numbers, no unit lost: one, those of a list, those of a column."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.rows.whole_numbers import EXACT
from feature_sets.windows.readings import is_missing

Wholes = tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]
"""Numbers, 0 where there is none, and whether there is one."""


def whole_reading(column: str, value: Any, largest: int) -> int | None:
    """A reading as a whole number; None means there is no reading.

    :raises InputError: unless it is a whole number from 0 to the largest, or missing. A float must be one
        that stands for no other number.
    """
    if is_missing(value):
        return None
    exact = isinstance(value, float) and value.is_integer() and abs(value) < EXACT
    whole = int(value) if exact or (isinstance(value, Integral) and not isinstance(value, bool)) else None
    if whole is None or not 0 <= whole <= largest:
        raise InputError(column, f"must be a whole number from 0 to {largest}, exactly, or None", value)
    return whole


def wholes_of_list(column: str, values: Sequence[Any], largest: int) -> Wholes:
    """``whole_reading`` of each."""
    numbers = [whole_reading(column, value, largest) for value in values]
    told = np.array([number is not None for number in numbers], dtype=np.bool_)
    return np.array([number or 0 for number in numbers], dtype=np.uint64), told


def wholes_of_column(column: pd.Series, largest: int) -> Wholes:
    """``whole_reading`` of each row of a column."""
    if column.dtype.kind != "u":
        return wholes_of_list(str(column.name), column.tolist(), largest)
    told = column.notna().to_numpy()
    numbers = column.to_numpy(dtype=np.uint64, na_value=0)
    if len(numbers) and int(numbers.max()) > largest:
        return wholes_of_list(str(column.name), column.tolist(), largest)
    return numbers, told
