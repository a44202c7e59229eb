"""Running level and spread of features of each device, and how far a row is from them.

A row is compared with the rows of its device that were taken in before it, then taken in itself. Level and
spread are the mean and the standard deviation of all these rows, kept by the updates of Welford (1962, Note
on a method for calculating corrected sums of squares and products, Technometrics 4). There is one compiled
loop for one row and for a whole history, so both give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Key = str | int

COUNT, MEAN, SQUARES = range(3)
"""Of each feature: values taken in, their mean, and the sum of the squared differences from it."""

FARTHEST = 100.0
"""A row that is further away, in spreads, is given as this far: it says no more, and a spread may be 0."""

_RESIDUE = 1e-9
"""A spread below this share of the level is rounding residue, and counts as this share."""


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def take(state: Floats, rows: Places, features: Floats, after: int, out: Floats) -> None:
    """Put how far each row is from its device's level into ``out``, and take the row in, row by row.

    A feature that is no finite number is passed over, and so is one that would carry the sums beyond a float.

    :param state: shape (devices, features, 3).
    :param rows: device of each row, shape (n,).
    :param features: shape (n, features).
    :param after: values that a level is made of at least; before that the answer is NaN.
    :param out: shape (n, features).
    """
    for i in range(len(rows)):
        for k in range(features.shape[1]):
            value = features[i, k]
            out[i, k] = np.nan
            if not np.isfinite(value):
                continue
            count, mean, squares = (
                state[rows[i], k, COUNT],
                state[rows[i], k, MEAN],
                state[rows[i], k, SQUARES],
            )
            difference = value - mean
            if count >= after:
                spread = max(np.sqrt(squares / count), _RESIDUE * abs(mean))
                if difference == 0.0:
                    out[i, k] = 0.0
                elif abs(difference) >= FARTHEST * spread:
                    out[i, k] = FARTHEST if difference > 0.0 else -FARTHEST
                else:
                    out[i, k] = difference / spread
            new_mean = mean + difference / (count + 1.0)
            new_squares = squares + difference * (value - new_mean)
            if np.isfinite(new_mean) and np.isfinite(new_squares):
                state[rows[i], k, COUNT] = count + 1.0
                state[rows[i], k, MEAN] = new_mean
                state[rows[i], k, SQUARES] = new_squares


class Baselines:
    """Level and spread of each device, known by its key.

    The state of a device is three numbers for each feature. It never grows.

    :param features: how many.
    :param after: rows of a device after which it has a level.
    """

    def __init__(self, features: int, after: int) -> None:
        self._after = after
        self._state = np.zeros((0, features, 3))
        self._places: dict[Key, int] = {}
        self._unused: list[int] = []
        self._used = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def compare(self, keys: Sequence[Key], codes: Places, features: Floats) -> Floats:
        """How far each row is from its device's level, in spreads; takes the rows in, in their order.

        :param keys: the key of each code.
        :param codes: of each row, shape (n,).
        :param features: shape (n, features); NaN where there is none.
        :returns: shape (n, features), from -``FARTHEST`` to ``FARTHEST``; NaN without a value or a level.
        """
        places = np.array([self._place(key) for key in keys], dtype=np.int64)
        out = np.empty(features.shape)
        take(self._state, places[codes], np.ascontiguousarray(features), self._after, out)
        return out

    def forget(self, keys: Iterable[Key]) -> None:
        """Give up the state of devices."""
        for key in keys:
            place = self._places.pop(key, None)
            if place is not None:
                self._state[place] = 0.0
                self._unused.append(place)

    def content(self) -> tuple[list[Key], Floats]:
        """Keys of the devices, and the state of each, shape (devices, features, 3)."""
        return list(self._places), self._state[list(self._places.values())]

    def put(self, keys: Sequence[Key], state: Floats) -> None:
        """Have these devices, and no others, with the state that ``content`` gave."""
        self._state = np.array(state)
        self._places = {key: place for place, key in enumerate(keys)}
        self._unused, self._used = [], len(keys)

    def _place(self, key: Key) -> int:
        """Where the state of a device is, made if it is new."""
        place = self._places.get(key)
        if place is None:
            if self._unused:
                place = self._unused.pop()
            else:
                place, self._used = self._used, self._used + 1
                if place == len(self._state):
                    longer = np.zeros((max(64, 2 * place), *self._state.shape[1:]))
                    longer[:place] = self._state
                    self._state = longer
            self._places[key] = place
        return place
