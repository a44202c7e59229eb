"""The newest row of each key of an ingestion, with all that MLRun's readers and ours ask for, into Redis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.ingestion.window_columns import FeatureColumns
from feature_sets.online_store.redis_table import OnlineTable, to_text
from feature_sets.online_store.redis_write import OnlineWrite, write_newest
from feature_sets.online_store.storey_buckets import bucket_fields, table_schema
from feature_sets.rows.keyed_rows import Integers, KeyedRows
from feature_sets.windows.definition import WindowDefinition


class NewestRows:
    """The newest row of each key, and the readings in its windows, of one chunk of rows after the other.

    Of several with the same time, or without one, it is the last. Rows without an event time count as of now.
    """

    def __init__(self) -> None:
        self._values: dict[str, pd.Series] = {}
        self._keys = pd.Series(dtype="object")
        self._micros: Integers = np.empty(0, dtype=np.int64)
        self._around: KeyedRows | None = None
        self._definition: WindowDefinition | None = None
        self._entity, self._any = "", False

    def add(self, columns: FeatureColumns) -> None:
        """Take rows, none of which is of an earlier time than those before."""
        micros = columns.micros
        order = np.argsort(micros, kind="stable")
        told_apart = columns.keys if columns.rows is None else pd.Series(columns.rows.codes)
        newest = order[~told_apart.iloc[order].duplicated(keep="last").to_numpy()]
        keys, times = columns.keys.iloc[newest], micros[newest]
        values = {
            name: column.iloc[newest] for name, column in columns.values.items() if name != columns.time
        }
        if self._any:
            stays = ~self._keys.isin(set(keys)).to_numpy()
            keys = pd.concat([self._keys[stays], keys], ignore_index=True)
            times = np.concatenate([self._micros[stays], times])
            values = {
                name: pd.concat([self._values[name][stays], column], ignore_index=True)
                for name, column in values.items()
            }
        self._keys, self._micros, self._values, self._any = keys, times, values, True
        self._entity, self._definition = columns.entity, columns.definition
        if columns.rows is not None and columns.definition is not None:
            self._around = _in_newest_window(self._around, columns.rows, columns.definition)

    def write(self, table: OnlineTable) -> OnlineWrite:
        """Write the newest row of each key.

        :raises OnlineStoreError: if Redis does not take them.
        """
        keys = self._keys.tolist()
        shown = {self._entity: keys, **{name: column.tolist() for name, column in self._values.items()}}
        return write_rows(table, keys, self._micros.tolist(), shown, self._definition, self._around)


def _in_newest_window(before: KeyedRows | None, rows: KeyedRows, definition: WindowDefinition) -> KeyedRows:
    """Rows of two chunks in the newest longest window of each key: what ``bucket_fields`` asks for."""
    columns = [rows.entity, rows.time, *definition.metrics]
    rows = replace(rows, frame=rows.frame[columns])
    if before is not None:
        numbers: dict[str | int, int] = {key: code for code, key in enumerate(before.keys)}
        codes = np.array([numbers.setdefault(key, len(numbers)) for key in rows.keys], dtype=np.int64)
        rows = KeyedRows(
            pd.concat([before.frame, rows.frame], ignore_index=True),
            rows.entity,
            rows.time,
            np.concatenate([before.codes, codes[rows.codes]]),
            list(numbers),
            np.concatenate([before.micros, rows.micros]),
        )
    buckets = rows.micros // definition.period_micros
    newest = np.full(len(rows.keys), np.iinfo(np.int64).min)
    np.maximum.at(newest, rows.codes, buckets)
    return rows.take(np.flatnonzero(buckets > newest[rows.codes] - definition.longest_buckets))


def write_rows(
    table: OnlineTable,
    keys: Sequence[object],
    micros: Sequence[int],
    shown: Mapping[str, Sequence[Any]],
    definition: WindowDefinition | None = None,
    rows: KeyedRows | None = None,
) -> OnlineWrite:
    """Write one row of each key, unless there is one of a later time.

    :param micros: event times, microseconds since the epoch.
    :param shown: the values by name.
    :param definition: of the windows, if the rows have any.
    :param rows: all readings in the newest longest window of each key.
    :raises OnlineStoreError: if Redis does not take them.
    """
    buckets: dict[object, dict[str, str]] = {}
    schema = None
    if definition and rows:
        buckets = bucket_fields(rows, definition)
        schema = table_schema(definition)

    def texts() -> Iterator[tuple[object, int, dict[str, str]]]:
        for position, (key, event_time) in enumerate(zip(keys, micros, strict=True)):
            given = {name: to_text(values[position]) for name, values in shown.items()}
            fields = {name: text for name, text in given.items() if text is not None}
            yield key, event_time, {**fields, **buckets.get(key, {})}

    return write_newest(table, texts(), schema)
