"""Rows in the order of event time, each (key, time) once: what windows of history are computed from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.entity_keys import key_codes
from feature_sets.windows.event_micros import column_micros

Integers = npt.NDArray[np.int64]


def in_event_order(frame: pd.DataFrame, entity: str, time: str) -> pd.DataFrame:
    """Rows in the order of event time, then of the key; of rows with equal key and time only the first.

    Times are equal if they are in the same microsecond, as for the windows.

    :param frame: accepted telemetry; every row has a key and a time; UTC without a zone.
    :raises ValueError: for a key or a time that is none.
    :returns: a frame with a new index 0, 1, ...; the data is shared with ``frame`` if it is in order already.
    """
    keys = _ranks(frame[entity])
    micros = column_micros(frame[time])
    order: Integers | None = None
    if not _ascends(keys, micros, strictly=False):
        order = np.lexsort((keys, micros))
        keys, micros = keys[order], micros[order]
    if not _ascends(keys, micros, strictly=True):
        again = (keys[1:] == keys[:-1]) & (micros[1:] == micros[:-1])
        # lexsort is stable: the first of equal rows is the first that came.
        first = np.concatenate([[True], ~again])
        order = np.flatnonzero(first) if order is None else order[first]
    if order is None:
        shared = frame.copy(deep=False)
        shared.index = pd.RangeIndex(len(frame))
        return shared
    return frame.take(order).reset_index(drop=True)


def _ranks(column: pd.Series) -> Integers:
    """Place of each row's key among all keys in order, whole numbers before text."""
    codes, keys = key_codes(column)
    order = sorted(range(len(keys)), key=lambda code: (isinstance(keys[code], str), keys[code]))
    ranks = np.empty(len(keys), dtype=np.int64)
    ranks[order] = np.arange(len(keys))
    ranked: Integers = ranks[codes]
    return ranked


def _ascends(keys: Integers, micros: Integers, strictly: bool) -> bool:
    steps = np.diff(micros)
    within = np.diff(keys)
    tie = within > 0 if strictly else within >= 0
    return bool(np.all((steps > 0) | ((steps == 0) & tie)))
