"""How far a row is from the level that its device had, for each point at which what was known of it may end.

Which rows of the past were known is not written down. So the level is made of the first rows of the history,
of all numbers of them in turn, and of those that came since. One walk through the history gives all.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from feature_sets.windows.baselines import PLACES, Floats, Hours, Places, take, take_by_hour, take_of_max


@njit(nogil=True, cache=True, error_model="numpy")
def _probe(
    kinds: tuple[int, int, int],
    after: int,
    rows: Floats,
    hours: Hours,
    first: int,
    spans: Places,
    out: Floats,
) -> None:
    """See ``far_by_cut``; one place calls the kernels, as compiling each call of them takes seconds.

    :param rows: all of them, one after the other.
    :param spans: of each number, begin and end of the rows between, and of those that came live.
    """
    own, same_hour, of_max = kinds
    last, width = own + same_hour, own + same_hour * PLACES + of_max
    state = np.zeros((2, 1, width, 3))
    zeros, scratch = np.zeros(len(rows), dtype=np.int64), np.empty(rows.shape)
    for cut in range(len(spans)):
        if cut >= first:
            state[1] = state[0]
        for phase in range(3):
            begin, end = spans[cut, 2 * phase], spans[cut, 2 * phase + 1]
            if end <= begin or (phase < 2 and cut < first):
                continue
            # The first two go on from a copy, and the row of the history comes last.
            into = state[0] if phase == 2 else state[1]
            count, part, codes = end - begin, rows[begin:end], zeros[: end - begin]
            take(into, codes, part[:, :own], after, scratch[:count, :own])
            take_by_hour(
                into, own, codes, hours[begin:end], part[:, own:last], after, scratch[:count, own:last]
            )
            take_of_max(into, own + same_hour * PLACES, codes, part[:, last:], after, scratch[:count, last:])
            if phase == 1:
                out[cut - first] = scratch[count - 1]


def far_by_cut(
    kinds: tuple[int, int, int],
    after: int,
    past: tuple[Floats, Hours],
    first: int,
    between: tuple[Places, Places],
    live: tuple[Floats, Hours],
    live_from: Places,
) -> Floats:
    """How far the last live row is from the level, by how many rows of the history that begins with.

    :param kinds: features compared with all of the past, with the same hour, and with the largest value.
    :param after: see ``Baselines``.
    :param past: rows of the history in their order, shape (m, features), and their hours.
    :param first: least number of them, up to m.
    :param between: rows of the history that count whatever that number is, shape (b,), and with which of
        these each number goes on, shape (m + 1,).
    :param live: rows that came live in their order, the one in question last, shape (n, features), and hours.
    :param live_from: with which of them each number goes on, shape (m + 1,).
    :returns: shape (m + 1 - first, features).
    """
    count, extra = len(past[0]), between[0]
    rows = np.concatenate([past[0], past[0][extra], live[0]])
    hours = np.concatenate([past[1], past[1][extra], live[1]])
    begin = count + len(extra)
    spans = np.empty((count + 1, 6), dtype=np.int64)
    spans[:, 0], spans[:, 1] = count + between[1], begin
    spans[:, 2], spans[:, 3] = begin + live_from, len(rows)
    spans[:, 4] = np.arange(count + 1)
    spans[:, 5] = np.minimum(spans[:, 4] + 1, count)
    out = np.empty((count + 1 - first, rows.shape[1]))
    _probe(kinds, after, rows, hours, first, spans, out)
    return out
