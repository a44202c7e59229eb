"""The latest row of the same key at or before a moment: to which reading a label beside it belongs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feature_sets.rows.keyed_rows import Integers


def latest_rows(
    codes: Integers, micros: Integers, of_codes: Integers, of_micros: Integers, oldest: int
) -> npt.NDArray[np.intp]:
    """Which of some rows is the latest of its key at or before each moment, -1 if none is.

    >>> one = np.zeros(3, dtype=np.int64)
    >>> latest_rows(one, np.array([0, 7, 99]), one[:2], np.array([0, 10]), 20).tolist()
    [0, 0, -1]

    :param codes: key of each moment, numbered alike on both sides.
    :param micros: the moments, microseconds.
    :param of_codes: keys of the rows; each pair of key and time once.
    :param of_micros: their times.
    :param oldest: how much older than the moment the row may be, microseconds; 0 is the same time.
    :returns: shape (n,).
    """
    if not len(codes):  # As nearly always, and there may be many rows.
        return np.empty(0, dtype=np.intp)
    side = np.repeat([0, 1], [len(of_codes), len(codes)])
    all_codes, all_micros = np.concatenate([of_codes, codes]), np.concatenate([of_micros, micros])
    order = np.lexsort((side, all_micros, all_codes))
    is_row = side[order] == 0
    # The place of the last row up to each place; nothing before the first.
    last = np.maximum.accumulate(np.where(is_row, np.arange(len(order)), -1))
    moments = np.flatnonzero(~is_row)
    before = last[moments]
    found = order[np.maximum(before, 0)]
    mine = order[moments]
    near = (before >= 0) & (all_codes[found] == all_codes[mine])
    near &= all_micros[mine] - all_micros[found] <= oldest
    places = np.full(len(codes), -1, dtype=np.intp)
    places[mine - len(of_codes)] = np.where(near, found, -1)
    return places
