"""Attributes of devices over time: each row holds from its ``valid_from`` until the next of its device."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.schema import DEVICE


def in_time_order(attributes: pd.DataFrame) -> pd.DataFrame:
    """Sorted by device and time; of a device what holds from the beginning, which is NaT, comes first."""
    return attributes.sort_values([DEVICE, VALID_FROM], na_position="first", ignore_index=True)


def newest(attributes: pd.DataFrame) -> pd.DataFrame:
    """The last row of each device, sorted by device."""
    return in_time_order(attributes).drop_duplicates(DEVICE, keep="last", ignore_index=True)


def from_beginning(attributes: pd.DataFrame) -> pd.DataFrame:
    """In time order, where the first row of each device holds from the beginning, which is 1970 here."""
    ordered = in_time_order(attributes)
    times = ordered[VALID_FROM].mask(~ordered[DEVICE].duplicated(), pd.Timestamp(0, tz="UTC"))
    return ordered.assign(**{VALID_FROM: times})


def as_of(attributes: pd.DataFrame, rows: pd.DataFrame, time: str) -> pd.DataFrame:
    """What held on the devices of rows at their times, in their order and with their index; NaN if nothing.

    :param attributes: device, ``valid_from`` without NaT, and the columns asked for.
    :param rows: device and time, UTC.
    """
    keys = rows[[DEVICE]].assign(_time=rows[time].dt.as_unit("ns"), _row=np.arange(len(rows)))
    known = attributes.sort_values(VALID_FROM, kind="stable")
    known = known.assign(**{VALID_FROM: known[VALID_FROM].dt.as_unit("ns")})
    found = pd.merge_asof(
        keys.sort_values("_time", kind="stable"), known, left_on="_time", right_on=VALID_FROM, by=DEVICE
    )
    found = found.sort_values("_row", kind="stable").set_index(rows.index)
    return found.drop(columns=[DEVICE, VALID_FROM, "_time", "_row"])
