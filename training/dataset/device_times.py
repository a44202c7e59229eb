"""Looking up many times of many devices at once: which row of a device is the first at or after a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Positions = npt.NDArray[np.intp]
Moments = npt.NDArray[np.int64]


def moments_of(times: pd.Series) -> Moments:
    """Nanoseconds since the Unix epoch, shape (n,)."""
    return np.asarray(times.dt.as_unit("ns").astype(np.int64), dtype=np.int64)


class DeviceTimes:
    """(device, time) pairs in order, to be searched.

    :param devices: number of each pair's device, shape (n,), from 0.
    :param moments: nanoseconds since the Unix epoch, shape (n,); ordered by device, then time.
    """

    def __init__(self, devices: Positions, moments: Moments) -> None:
        # One whole number a pair: a device's number and the rank of its time among all times.
        self._times = np.unique(moments)
        self._keys = self._key(devices, np.searchsorted(self._times, moments))

    def first_at(self, devices: Positions, moments: Moments) -> Positions:
        """Position of the first pair of a device at a time or later.

        :param devices: number of the device of each query, shape (m,).
        :param moments: time of each query, shape (m,).
        :returns: where there is none, the position after the device's last pair, shape (m,).
        """
        return np.searchsorted(self._keys, self._key(devices, np.searchsorted(self._times, moments)))

    def first_after(self, devices: Positions, moments: Moments) -> Positions:
        """The same, but later than the time."""
        ranks = np.searchsorted(self._times, moments, side="right")
        return np.searchsorted(self._keys, self._key(devices, ranks))

    def _key(self, devices: Positions, ranks: Positions) -> Positions:
        return devices * (len(self._times) + 1) + ranks
