"""Running level and spread of features of each device, and how far a row is from them.

A row is compared with the rows of its device that were taken in before it, then taken in itself. Some
features are compared with the same hour of earlier weeks only, and some with the largest value alone. Level
and spread are the mean and the standard deviation of all these rows, kept by the updates of Welford (1962,
Note on a method for calculating corrected sums of squares and products, Technometrics 4). One compiled loop
serves one row and a whole history, so both give the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from feature_sets.checks import InputError
from feature_sets.windows.device_places import DevicePlaces, Key

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

Hours = npt.NDArray[np.int64]

WEEK = 168
"""Hours of a week, each with a level of its own; in UTC, from Thursday."""
OPEN, STAMP = WEEK, WEEK + 1
"""After those of the hours: what the hour that is open has taken in, and its number, plus one."""
PLACES = WEEK + 2

COUNT, MEAN, SQUARES = range(3)
"""Of each feature: values taken in, their mean, and the sum of the squared differences from it."""

LARGEST = MEAN
"""Where the largest value is kept in the place of a mean."""

FARTHEST = 100.0
"""A row that is further away, in spreads or largest values, is given as this far: both may be 0."""

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
            if np.isfinite(value):
                out[i, k] = _compared(value, state[rows[i], k], after)
                _take(value, state[rows[i], k])


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def take_by_hour(
    state: Floats, first: int, rows: Places, hours: Hours, features: Floats, after: int, out: Floats
) -> None:
    """The same, but with the level of a row's hour of the week, which has what earlier weeks had in it.

    Rows of the newest hour of a device are kept apart until a later one begins. What is late belongs to the
    past at once.

    :param state: shape (devices, features, 3); of these, each has ``PLACES`` in a row.
    :param first: where they begin.
    :param hours: hour of each row since the epoch, shape (n,).
    """
    for i in range(len(rows)):
        for k in range(features.shape[1]):
            value = features[i, k]
            out[i, k] = np.nan
            if not np.isfinite(value):
                continue
            own = state[rows[i], first + k * PLACES : first + (k + 1) * PLACES]
            stamp = hours[i] + 1.0
            if own[STAMP, 0] == 0.0:
                own[STAMP, 0] = stamp
            elif stamp > own[STAMP, 0]:
                _merge(own[OPEN], own[int(own[STAMP, 0] - 1.0) % WEEK])
                own[STAMP, 0] = stamp
            past = own[hours[i] % WEEK]
            out[i, k] = _compared(value, past, after)
            _take(value, own[OPEN] if stamp == own[STAMP, 0] else past)


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def take_of_max(state: Floats, first: int, rows: Places, features: Floats, after: int, out: Floats) -> None:
    """The same, but a row is divided by the largest value that was taken in before it.

    A largest value below 0 is no measure of size: the answer is NaN then.

    :param state: shape (devices, features, 3).
    :param first: where those of these features begin.
    """
    for i in range(len(rows)):
        for k in range(features.shape[1]):
            value = features[i, k]
            out[i, k] = np.nan
            if not np.isfinite(value):
                continue
            own = state[rows[i], first + k]
            if own[COUNT] >= after and own[LARGEST] >= 0.0:
                out[i, k] = _share(value, own[LARGEST])
            if own[COUNT] == 0.0 or value > own[LARGEST]:
                own[LARGEST] = value
            own[COUNT] += 1.0


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _share(value: float, largest: float) -> float:
    """A value as a share of the largest one, which is not below 0."""
    if value == 0.0:
        return 0.0
    if abs(value) >= FARTHEST * largest:
        return FARTHEST if value > 0.0 else -FARTHEST
    return float(value / largest)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _compared(value: float, level: Floats, after: int) -> float:
    """How far a value is from a level, in spreads; NaN without one."""
    count, mean, squares = level[COUNT], level[MEAN], level[SQUARES]
    if count < after:
        return math.nan
    difference: float = value - mean
    spread = max(np.sqrt(squares / count), _RESIDUE * abs(mean))
    if difference == 0.0:
        return 0.0
    if abs(difference) >= FARTHEST * spread:
        return FARTHEST if difference > 0.0 else -FARTHEST
    return float(difference / spread)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _take(value: float, level: Floats) -> None:
    """Take a value into a level, unless that would carry the sums beyond a float."""
    count, mean, squares = level[COUNT], level[MEAN], level[SQUARES]
    difference = value - mean
    new_mean = mean + difference / (count + 1.0)
    new_squares = squares + difference * (value - new_mean)
    if np.isfinite(new_mean) and np.isfinite(new_squares):
        level[COUNT], level[MEAN], level[SQUARES] = count + 1.0, new_mean, new_squares


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _merge(level: Floats, into: Floats) -> None:
    """Take all of a level into another one, and empty it.

    T. Chan, G. Golub and R. LeVeque 1983, "Algorithms for computing the sample variance", The American
    Statistician 37.
    """
    count = level[COUNT] + into[COUNT]
    if level[COUNT] > 0.0:
        difference = level[MEAN] - into[MEAN]
        mean = into[MEAN] + difference * (level[COUNT] / count)
        squares = into[SQUARES] + level[SQUARES]
        squares += difference * difference * (into[COUNT] * level[COUNT] / count)
        if np.isfinite(mean) and np.isfinite(squares):
            into[COUNT], into[MEAN], into[SQUARES] = count, mean, squares
    level[COUNT], level[MEAN], level[SQUARES] = 0.0, 0.0, 0.0


class Baselines:
    """Level and spread of each device, known by its key.

    The state of a device is three numbers for each feature, and 510 for one of the same hour. It never grows.

    :param features: how many are compared with all of the past.
    :param after: rows of a device after which it has a level.
    :param same_hour: how many follow that are compared with the same hour of earlier weeks.
    :param of_max: how many follow that are divided by the largest value.
    """

    def __init__(self, features: int, after: int, same_hour: int = 0, of_max: int = 0) -> None:
        self._after = after
        self._features = features
        self._same_hour = same_hour
        self._of_max = of_max
        self._state = np.zeros((0, features + same_hour * PLACES + of_max, 3))
        self._places = DevicePlaces()

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def compare(
        self, keys: Sequence[Key], codes: Places, features: Floats, hours: Hours | None = None
    ) -> Floats:
        """How far each row is from its device's level, in spreads; takes the rows in, in their order.

        :param keys: the key of each code.
        :param codes: of each row, shape (n,).
        :param features: shape (n, features), those of the same hour after the others and those of the maximum
            last; NaN where there is none.
        :param hours: hour of each row since the epoch, shape (n,); not needed without features of the same
            hour.
        :raises InputError: without hours that are needed.
        :returns: shape (n, features), from -``FARTHEST`` to ``FARTHEST``; NaN without a value or a level.
        """
        places = np.array([self._place(key) for key in keys], dtype=np.int64)
        rows, own = places[codes], self._features
        out = np.empty((len(features), own))
        take(self._state, rows, np.ascontiguousarray(features[:, :own]), self._after, out)
        found = [out]
        if self._same_hour:
            if hours is None:
                raise InputError("hours", "must be given for features of the same hour", hours)
            part = np.ascontiguousarray(features[:, own : own + self._same_hour])
            found.append(np.empty(part.shape))
            take_by_hour(self._state, own, rows, hours, part, self._after, found[-1])
        if self._of_max:
            part = np.ascontiguousarray(features[:, own + self._same_hour :])
            found.append(np.empty(part.shape))
            take_of_max(self._state, own + self._same_hour * PLACES, rows, part, self._after, found[-1])
        return np.concatenate(found, axis=1) if len(found) > 1 else out

    def forget(self, keys: Iterable[Key]) -> None:
        """Give up the state of devices."""
        for key in keys:
            place = self._places.give_up(key)
            if place is not None:
                self._state[place] = 0.0

    def content(self) -> tuple[list[Key], Floats]:
        """Keys of the devices, and the state of each, shape (devices, features, 3)."""
        return self._places.keys, self._state[self._places.rows]

    def put(self, keys: Sequence[Key], state: Floats) -> None:
        """Have these devices, and no others, with the state that ``content`` gave."""
        self._state = np.array(state)
        self._places = DevicePlaces(keys)

    def _place(self, key: Key) -> int:
        """Where the state of a device is, made if it is new."""
        place = self._places.get(key)
        if place is None:
            place = self._places.add(key)
            if place == len(self._state):
                longer = np.zeros((max(64, 2 * place), *self._state.shape[1:]))
                longer[:place] = self._state
                self._state = longer
        return place
