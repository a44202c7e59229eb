"""Windows of readings in the order of their arrival, given in event order, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.ingestion.window_columns import FeatureColumns, FeatureWindows
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Integers, KeyedRows
from feature_sets.rows.row_sort import RowSort
from feature_sets.telemetry.reading_table import arrow_values, plain_values, times_of
from feature_sets.telemetry.readings import Readings

_KEY, PLACE, _ARRIVAL = "(key)", "(place)", "(arrival)"
"""Columns beside those of the readings; ``PLACE`` is that of a row in event order."""


def arrival_chunks(
    readings: Readings, windows: FeatureWindows, rows: int, folder: Path | None
) -> Iterator[FeatureColumns]:
    """Columns of readings in event order, with the windows as they were known when each arrived.

    They are sorted by arrival, on disk if they do not fit into memory, and back. Those of one time of arrival
    are in memory together.

    :param windows: with an arrival.
    :param rows: that a chunk has, about.
    :param folder: of temporary files, see ``SpillFile``.
    :raises InputError: if none of them is in its windows.
    """
    entity, time = windows.definition.entity, windows.definition.timestamp
    keys: dict[str | int, int] = {}
    given_kinds: dict[str, bool] = {}
    kinds: dict[str, bool] = {}
    back = RowSort(PLACE, folder)
    left_out: dict[str, int] = {}
    without_others: dict[str, int] = {}
    for given in arrival_order(readings, entity, time, str(windows.arrival), rows, folder):
        given_kinds = {
            str(name): _is_time(column) for name, column in given.frame.items() if name not in (entity, PLACE)
        }
        found = windows.columns(given)
        for status, count in found.left_out.items():
            left_out[status] = left_out.get(status, 0) + count
        for what, count in found.without_others.items():
            without_others[what] = without_others.get(what, 0) + count
        values = {name: column for name, column in found.values.items() if name != PLACE}
        if found.rows is not None and found.count:
            numbers = [keys.setdefault(key, len(keys)) for key in found.rows.keys]
            codes = np.array(numbers, dtype=np.int64)
            back.add(_table(values, codes[found.rows.codes], found.values[PLACE].to_numpy()))
            kinds = {name: _is_time(column) for name, column in values.items()}
    windows.check(left_out, len(readings))
    of_frame = [
        entity,
        *given_kinds,
        *(name for name in windows.definition.rate_names if name not in given_kinds),
    ]
    with_windows = _Columns(list(keys), entity, time, kinds)
    for table in back.slices(rows):
        table = table.take(pa.array(np.argsort(table[PLACE].to_numpy())))
        whole = with_windows.rows(table)
        yield FeatureColumns(
            entity,
            time,
            windows.definition,
            whole.frame[entity],
            {name: whole.frame[name] for name in kinds},
            KeyedRows(whole.frame[of_frame], entity, time, whole.codes, whole.keys, whole.micros),
            left_out,
            without_others,
        )
        left_out, without_others = {}, {}
    back.close()


def arrival_order(
    readings: Readings, entity: str, time: str, arrival: str, rows: int, folder: Path | None
) -> Iterator[KeyedRows]:
    """Readings in the order of their arrival, with the column ``PLACE``; see ``arrival_chunks``."""
    keys: dict[str | int, int] = {}
    kinds: dict[str, bool] = {}
    arriving = RowSort(_ARRIVAL, folder)
    place = 0
    for chunk in readings.chunks(rows):
        codes = np.array([keys.setdefault(key, len(keys)) for key in chunk.keys], dtype=np.int64)
        frame = chunk.frame.drop(columns=chunk.entity)
        places = np.arange(place, place + len(chunk))
        arrivals = column_micros(frame[arrival])
        arriving.add(_table(frame, codes[chunk.codes], places).append_column(_ARRIVAL, pa.array(arrivals)))
        place += len(chunk)
        kinds = {str(name): _is_time(column) for name, column in frame.items()}
    columns = _Columns(list(keys), entity, time, kinds)
    for table in arriving.slices(rows):
        order = np.lexsort((table[PLACE].to_numpy(), table[_ARRIVAL].to_numpy()))
        given = columns.rows(table.take(pa.array(order)))
        given.frame[PLACE] = table[PLACE].to_numpy()[order]
        yield given
    arriving.close()


class _Columns:
    """Makes rows of tables.

    :param keys: by number.
    :param kinds: column -> whether it holds times.
    """

    def __init__(self, keys: list[str | int], entity: str, time: str, kinds: dict[str, bool]) -> None:
        self.keys, self._entity, self._time, self._kinds = keys, entity, time, kinds

    def rows(self, table: pa.Table) -> KeyedRows:
        """The rows of a table, in its order."""
        codes = table[_KEY].to_numpy()
        columns: dict[str, Any] = {
            name: times_of(table[name].to_numpy()) if is_time else plain_values(table[name])
            for name, is_time in self._kinds.items()
        }
        devices = np.array([*self.keys, None], dtype=object)[codes]
        frame = pd.DataFrame({self._entity: devices, **columns}, copy=False)
        every = KeyedRows(frame, self._entity, self._time, codes, self.keys, table[self._time].to_numpy())
        return every.take(np.arange(len(codes)))  # Of its keys every one occurs.


def _table(columns: Any, codes: Integers, places: Integers) -> pa.Table:
    """Columns with numbers alone."""
    found = {_KEY: pa.array(codes), PLACE: pa.array(places)}
    for name, column in columns.items():
        found[name] = pa.array(column_micros(column)) if _is_time(column) else arrow_values(column)
    return pa.table(found)


def _is_time(column: pd.Series) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(column.dtype))
