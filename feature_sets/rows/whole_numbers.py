"""Columns of whole numbers of 64 bits, some of them missing, no unit lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

EXACT = 2**53
"""From here on a float stands for several whole numbers."""

AS_WHOLE: Mapping[pa.DataType, Any] = {pa.uint64(): pd.UInt64Dtype()}
"""What pandas makes of columns of Arrow; by itself it makes floats of whole numbers if one is missing."""


def whole_array(numbers: npt.NDArray[np.uint64], told: npt.NDArray[np.bool_]) -> pd.arrays.IntegerArray:
    """A column of whole numbers, some of them missing. From a list, pandas makes it by way of floats.

    :param told: whether there is a number, shape (n,).
    """
    return pd.arrays.IntegerArray(np.where(told, numbers, np.uint64(0)), ~told)


def to_frame(table: pa.Table) -> pd.DataFrame:
    """A table as a frame that keeps whole numbers whole."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=AS_WHOLE.get)
    return frame
