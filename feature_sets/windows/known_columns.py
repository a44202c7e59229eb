"""Windows as they were known, a column at a time, in little more memory than the columns take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.windows import event_status
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows

CHUNK = 1 << 18
"""Rows whose windows are computed at a time."""

_TURNED_ROWS = 4096
"""Rows that are put into columns at a time: as many as the processor's cache holds."""


def known_columns(
    rows: KeyedRows,
    definition: WindowDefinition,
    arrival: str | None,
    names: Sequence[str],
    chunk: int = CHUNK,
    engine: OnlineWindows | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.object_]]:
    """What ``windows_as_known`` gives, to the last bit, each column with its values side by side in memory.

    Those of the engine come a row at a time; statistics and files are made a column at a time, which takes
    three times as long on values that lie far apart.

    :param rows: in event order.
    :param arrival: as for ``windows_as_known``.
    :param names: columns of the engine's answer.
    :param chunk: rows that are computed at a time.
    :param engine: that has taken all rows before these; none were, by default.
    :returns: the columns, shape (names, n), and the status of each row, shape (n,).
    """
    order = None
    if arrival is not None:
        order = np.argsort(column_micros(rows.frame[arrival]), kind="stable")
    engine = engine or known_engine(definition, arrival)
    values = np.empty((len(names), len(rows)))
    statuses = np.empty(len(rows), dtype=object)
    for start in range(0, len(rows), chunk):
        at = (
            np.arange(start, min(start + chunk, len(rows))) if order is None else order[start : start + chunk]
        )
        known = engine.update(rows.take(at))
        statuses[at] = known[event_status.COLUMN].to_numpy()
        _turn(known, names, at, values)
    return values, statuses


def known_engine(definition: WindowDefinition, arrival: str | None) -> OnlineWindows:
    """The engine of ``known_columns``."""
    return OnlineWindows(definition, time.time, arrival or definition.timestamp)


def _turn(known: pd.DataFrame, names: Sequence[str], at: npt.NDArray[Any], values: npt.NDArray[Any]) -> None:
    """Put columns of some rows in their places."""
    columns = [known[name].to_numpy() for name in names]
    for start in range(0, len(at), _TURNED_ROWS):
        part = slice(start, start + _TURNED_ROWS)
        for place, column in enumerate(columns):
            values[place, at[part]] = column[part]
