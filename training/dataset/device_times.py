"""Looking up many times of many devices at once: which row of a device is the first at or after a time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

Positions = npt.NDArray[np.intp]
Moments = npt.NDArray[np.int64]
SECOND = 10**9


def moments_of(times: pd.Series) -> Moments:
    """Nanoseconds since the Unix epoch, shape (n,)."""
    return np.asarray(times.dt.as_unit("ns").astype(np.int64), dtype=np.int64)


def label_gap_seconds(labels: pd.DataFrame, schema: TelemetrySchema) -> int:
    """The longest gap that labels bridge: the longest window or, where they are sparse, twice the usual step.

    :param labels: device and time of label rows, in any order.
    """
    moments = moments_of(labels[schema.time])
    device = pd.factorize(labels[DEVICE])[0]
    order = np.lexsort((moments, device))
    steps = np.diff(moments[order])[device[order][1:] == device[order][:-1]]
    usual = 2.0 * float(np.median(steps)) / SECOND if len(steps) else 0.0
    return max(schema.longest_window_seconds, math.ceil(usual))


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
