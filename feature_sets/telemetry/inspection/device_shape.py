"""How devices differ from one another: in the level of a metric, and in the time of their readings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.rows.event_micros import column_micros
from feature_sets.telemetry.cell_numbers import numbers_of

_FEWEST_DEVICES = 3
_FEWEST_READINGS = 20
_UNEVEN = 20.0
"""So many times the level of a low device is that of a high one, where levels are not comparable."""
_APART = 2.0
"""So many times the readings of a device differ the levels of devices, where a level tells the device."""
_EARLIER = 0.7
"""Share of the readings that a model would learn from if rows were split by time."""


def has_uneven_levels(column: pa.ChunkedArray, readings: pd.DataFrame, decimal: str = ".") -> bool:
    """Whether the level of a metric differs so much from device to device that it tells the device.

    Either the usual size of a high device is many times that of a low one: the 90th and the 10th percentile
    of the devices' medians, without devices that mostly say 0. Or the medians are further apart than the
    readings of a device: by the distance of their quartiles, beside that of a usual device. Devices
    whose readings hardly vary are left out there.

    :param column: its numbers.
    :param readings: ``device`` of each.
    """
    values = pd.Series(numbers_of(column, decimal).values)
    by_device = values.groupby(readings["device"].to_numpy())
    quartiles = by_device.quantile(np.array([0.25, 0.5, 0.75])).unstack()
    quartiles = quartiles[by_device.count() >= _FEWEST_READINGS]
    if len(quartiles) < _FEWEST_DEVICES:
        return False
    spreads = quartiles[0.75] - quartiles[0.25]
    levels = quartiles[0.5][spreads > 0]
    if len(levels) >= _FEWEST_DEVICES:
        apart = levels.quantile(0.75) - levels.quantile(0.25)
        if apart > _APART * spreads[spreads > 0].median():
            return True
    sizes = quartiles[0.5].abs()[quartiles[0.5] != 0]
    return len(sizes) >= _FEWEST_DEVICES and bool(sizes.quantile(0.9) > _UNEVEN * sizes.quantile(0.1))


def has_times_apart(readings: pd.DataFrame) -> bool:
    """Whether a split by time would evaluate a model on other devices than it learned from.

    That is where few devices have readings both before and after it.

    :param readings: ``device`` and ``time`` of each.
    """
    given = readings.dropna()
    micros = column_micros(given["time"])
    if not len(micros):
        return False
    later = pd.Series(micros > np.quantile(micros, _EARLIER)).groupby(given["device"].to_numpy())
    is_both = later.any() & ~later.all()
    return bool(len(is_both) >= _FEWEST_DEVICES and is_both.mean() < 0.5)
