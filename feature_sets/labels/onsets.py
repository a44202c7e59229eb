"""When errors began that no reading shows, as their device was silent by then."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from feature_sets.labels.covered import DeviceIncidents
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Integers, KeyedRows
from feature_sets.rows.latest_row import latest_rows
from feature_sets.telemetry.incident_rows import START
from feature_sets.telemetry.schema import TelemetrySchema


class Onsets(NamedTuple):
    """Moments of devices, shape (n,).

    :param codes: number of the device.
    :param micros: microseconds.
    """

    codes: Integers
    micros: Integers


NO_ONSETS = Onsets(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def starts(found: DeviceIncidents, incidents: pd.DataFrame, schema: TelemetrySchema) -> Onsets:
    """The start of each incident of a device.

    A device that an incident names only later, by its attributes, is in it without a start.

    :param incidents: rows that ``found`` is of.
    """
    start = column_micros(incidents[START]) - schema.labels.tolerance_seconds * 1_000_000
    begins = np.flatnonzero(found.start == start[found.row])
    return Onsets(found.codes[begins], found.start[begins])


def announced(readings: KeyedRows, moments: Onsets, horizon_seconds: int) -> Onsets:
    """Those moments at which their device has no reading, but has one within the horizon before.

    ::

        readings     o     o     o                       o
        moments                  x    x           x
        announced                     x                       horizon: one and a half steps

    :param moments: in any order, and any of them several times.
    :returns: each once.
    """
    last = latest_rows(*moments, readings.codes, readings.micros, horizon_seconds * 1_000_000)
    found = np.flatnonzero(last >= 0)
    found = found[readings.micros[last[found]] < moments.micros[found]]
    each = np.unique(np.stack([column[found] for column in moments], axis=1), axis=0)
    return Onsets(each[:, 0], each[:, 1])
