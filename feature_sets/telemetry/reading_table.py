"""Readings as tables of Arrow with numbers alone, in which they are sorted and kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.rows.whole_numbers import whole_array

TIME, DEVICE_CODE, ROW, ARRIVAL = "(time)", "(device)", "(row)", "(arrival)"
"""Columns beside the values: microseconds, number of the device, number of the row, microseconds."""

NO_TIME = -1
NAIVE_TIME = -2
"""In the place of an arrival time that is none, or has no zone."""

_FILE_BITS = 40


def row_numbers(file: int, rows: Integers) -> Integers:
    """Number of rows among those of all files: in the order of the files, then of their rows.

    :param rows: numbers in the file.
    """
    return (np.int64(file) << _FILE_BITS) + rows


def file_and_row(numbers: Integers) -> tuple[Integers, Integers]:
    """The inverse of ``row_numbers``."""
    return numbers >> _FILE_BITS, numbers & ((1 << _FILE_BITS) - 1)


def micros_of(times: pd.Series) -> Integers:
    """Microseconds of a column of times since 1970; below zero where there is none."""
    micros: Integers = times.array.asi8 // 1000
    return micros


def times_of(micros: Integers) -> pd.DatetimeIndex:
    """The inverse of ``micros_of``."""
    return pd.DatetimeIndex(micros.astype("datetime64[us]").astype("datetime64[ns]"), tz="UTC")


def arrow_values(values: Any) -> pa.Array:
    """Floats, of which none is null, or whole numbers with nulls."""
    if isinstance(values, pd.Series):
        values = values.array
    if isinstance(values, pd.arrays.IntegerArray):
        missing = np.asarray(values.isna())
        return pa.array(values.to_numpy(dtype=np.uint64, na_value=0), pa.uint64(), mask=missing)
    return pa.array(np.asarray(values, dtype=np.float64))


def plain_values(column: pa.ChunkedArray) -> npt.NDArray[np.float64] | pd.arrays.IntegerArray:
    """The inverse of ``arrow_values``."""
    if pa.types.is_floating(column.type):
        floats: npt.NDArray[np.float64] = column.to_numpy()
        return floats
    return whole_array(column.fill_null(0).to_numpy(), column.is_valid().to_numpy())


def packed(flags: Bools) -> pa.Array:
    """Flags, shape (m, n), as one value of bytes for each n."""
    rows = np.ascontiguousarray(np.packbits(flags, axis=0).T)
    return pa.Array.from_buffers(pa.binary(rows.shape[1]), len(rows), [None, pa.py_buffer(rows)])


def unpacked(column: pa.ChunkedArray, count: int) -> Bools:
    """The inverse of ``packed``.

    :param count: of flags, m.
    """
    found = [np.zeros((0, -(-count // 8)), dtype=np.uint8)]
    for chunk in column.chunks:
        size = chunk.type.byte_width
        content = np.frombuffer(chunk.buffers()[1], dtype=np.uint8)
        found.append(content[chunk.offset * size : (chunk.offset + len(chunk)) * size].reshape(-1, size))
    return np.unpackbits(np.concatenate(found), axis=1, count=count).T.astype(np.bool_)


def ascends(columns: Sequence[Integers]) -> bool:
    """Whether rows are in the order of some columns, the first one before the second and so on."""
    steps = np.diff(columns[0])
    if len(columns) == 1:
        return not np.any(steps < 0)
    if np.any(steps < 0):
        return False
    same = np.flatnonzero(steps == 0)
    tied = steps[same]
    for column in columns[1:]:
        tied = column[same + 1] - column[same]
        if np.any(tied < 0):
            return False
        same = same[tied == 0]
    return True
