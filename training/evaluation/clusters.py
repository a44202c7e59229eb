"""Resampling units of the intervals: the rows of a device, of its day, of its hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import check_choice
from feature_sets.telemetry.schema import DEVICE

AUTO, BY_DEVICE, BY_DAY = "auto", "device", "day"
ENOUGH = 10
"""Clusters with errors that ``auto`` wants before it takes smaller ones."""
DEVICE_HOUR = "device-hour"
_PERIODS = {"device": None, "device-day": "D", DEVICE_HOUR: "h"}


@dataclass(frozen=True)
class Clusters:
    """A partition of rows.

    :param unit: ``device``, ``device-day`` (a device in a UTC day) or ``device-hour``.
    :param codes: number of each row's cluster, shape (n,), from 0.
    :param count: how many there are.
    """

    unit: str
    codes: npt.NDArray[np.intp]
    count: int


def parse_bootstrap_by(value: object) -> str:
    """Raise InputError unless the argument ``bootstrap_by`` is ``auto``, ``device`` or ``day``."""
    return check_choice("argument 'bootstrap_by'", value, (AUTO, BY_DEVICE, BY_DAY))


def row_clusters(rows: pd.DataFrame, time: str, label: str, by: str) -> Clusters:
    """Clusters of rows.

    :param rows: device, time (UTC) and label (0 or 1).
    :param time: name of the time column.
    :param label: name of the label column.
    :param by: ``device``, ``day`` (a device in a day) or ``auto``: devices, or (device, day) pairs where
        fewer than ``ENOUGH`` devices have an error, or (device, hour) pairs where fewer of those have one as
        well.
    """
    if by == BY_DAY:
        return _clusters(rows, time, "device-day")
    for unit in ("device",) if by == BY_DEVICE else tuple(_PERIODS):
        found = _clusters(rows, time, unit)
        if len(np.unique(found.codes[rows[label] == 1])) >= ENOUGH:
            break
    return found


def _clusters(rows: pd.DataFrame, time: str, unit: str) -> Clusters:
    period = _PERIODS[unit]
    keys = rows[DEVICE] if period is None else [rows[DEVICE], rows[time].dt.floor(period)]
    # Numbered in sorted order, so the draws do not depend on the order of the rows.
    numbers = rows.groupby(keys, sort=True, observed=True).ngroup()
    return Clusters(unit, np.asarray(numbers, dtype=np.intp), int(numbers.max()) + 1)
