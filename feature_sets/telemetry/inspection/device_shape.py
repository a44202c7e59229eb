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
_EARLIER = 0.7
"""Share of the readings that a model would learn from if rows were split by time."""


def has_uneven_levels(column: pa.ChunkedArray, readings: pd.DataFrame, decimal: str = ".") -> bool:
    """Whether the usual size of a metric is quite another one from device to device.

    Low and high are the 10th and the 90th percentile of the devices' medians; devices that mostly say 0 are
    left out.

    :param column: its numbers.
    :param readings: ``device`` of each.
    """
    sizes = pd.Series(np.abs(numbers_of(column, decimal).values)).groupby(readings["device"].to_numpy())
    medians = sizes.median()[sizes.count() >= _FEWEST_READINGS]
    medians = medians[medians > 0]
    if len(medians) < _FEWEST_DEVICES:
        return False
    low, high = np.quantile(medians, [0.1, 0.9])
    return bool(high > _UNEVEN * low)


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
