"""Numbers that a device may write where it has no reading, such as -999 or 65535."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.cell_numbers import numbers_of

_FEWEST_ROWS = 100
_FEWEST = 3
"""Times that a value must be there: a reading hardly repeats itself so far away."""
_RARE = 0.2
_MOST = 3
"""Different values that may be far away; with more of them the metric itself reaches that far."""
_FAR = 10.0
"""So many times the range of nearly all others must lie between them and the nearest other value."""
_OUTER = (0.01, 0.99)


def tell_far_values(column: pa.ChunkedArray, name: str, decimal: str = ".") -> str:
    """Tell of whole numbers that come again and again, far from all other values of a metric; else empty.

    >>> tell_far_values(pa.chunked_array([[*range(200), -9999, -9999, -9999]]), "level")
    "'level' is -9,999 in 3 of 203 rows, far from all others (0 to 199): if that means no reading, \
name it in no_value of the metric, or give that a range without it."

    :param column: its numbers.
    :param name: of the metric in the files.
    :param decimal: of numbers in text.
    """
    values = numbers_of(column, decimal).values
    values = values[np.isfinite(values)]
    if len(values) < _FEWEST_ROWS:
        return ""
    distinct, counts = np.unique(values, return_counts=True)
    for most in range(_MOST, 0, -1):
        for below in range(most + 1):
            far = [*range(below), *range(len(distinct) - (most - below), len(distinct))]
            if len(distinct) < most + 2 or not _are_far(distinct, counts, below, most - below):
                continue
            shown = " and ".join(f"{distinct[place]:,.0f} in {counts[place]:,}" for place in far)
            rest = np.delete(distinct, far)
            return (
                f"'{name}' is {shown} of {len(values):,} rows, far from all others "
                f"({rest[0]:,.12g} to {rest[-1]:,.12g}): if that means no reading, "
                "name it in no_value of the metric, or give that a range without it."
            )
    return ""


def _are_far(distinct: npt.NDArray[np.float64], counts: Integers, below: int, above: int) -> bool:
    """Whether so many of the lowest and of the highest values are codes, by all that is between them.

    :param distinct: values in ascending order.
    :param counts: rows of each.
    """
    end = len(distinct) - above
    codes = np.r_[0:below, end : len(distinct)]
    rest, rows = distinct[below:end], counts[below:end]
    if rows.sum() < (1 - _RARE) * counts.sum() or counts[codes].min() < _FEWEST:
        return False
    low, high = (rest[np.searchsorted(np.cumsum(rows), share * rows.sum())] for share in _OUTER)
    gaps = [*(rest[0] - distinct[:below]), *(distinct[end:] - rest[-1])]
    is_whole = bool((distinct[codes] == np.floor(distinct[codes])).all())
    # Where another value is as far away, it is a reading: the metric reaches that far.
    is_near = bool((np.diff(rest) <= _FAR * (high - low)).all())
    return is_whole and is_near and high > low and min(gaps) > _FAR * (high - low)
