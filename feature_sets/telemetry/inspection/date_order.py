"""Dates with the year last: whether the day or the month comes first, as far as their numbers tell."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.event_time import DAY_FIRST, MONTH_FIRST
from feature_sets.telemetry.time_columns import parse_times, says_something

EITHER, MIXED = "either", "mixed"
"""No number above 12 tells, or some tell one order and some the other."""

_FEW = 100
_NEARLY_ALL = 0.99


def likely_order(column: pa.ChunkedArray) -> str:
    """The order of dates: one of ``DATE_ORDERS``, ``EITHER`` or ``MIXED``; empty unless nearly all are dates.

    >>> likely_order(pa.chunked_array([["01/02/2024", "31/01/2024", "", None]]))
    'day_first'
    >>> likely_order(pa.chunked_array([["01/02/2024"]])), likely_order(pa.chunked_array([["2024-02-01"]]))
    ('either', '')

    :param column: of plain values; an empty cell says nothing.
    """
    given = column.filter(pa.array(says_something(texts_of(column))))
    for cells in (given.slice(0, _FEW), given):
        day, month = (parse_times(cells, order=order) for order in (DAY_FIRST, MONTH_FIRST))
        found = np.count_nonzero(~day.unparsable | ~month.unparsable)
        if not found or (cells is given and found < _NEARLY_ALL * len(given)):
            return ""
    of_day, of_month = month.other.any(), day.other.any()
    if of_day or of_month:
        return MIXED if of_day and of_month else DAY_FIRST if of_day else MONTH_FIRST
    return EITHER if (parse_times(given).unparsable & ~day.unparsable).any() else ""
