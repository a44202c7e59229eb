"""The newest row of each key of an ingestion, with all that MLRun's readers and ours ask for, into Redis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.ingestion.window_columns import FeatureColumns
from feature_sets.online_store.redis_table import OnlineTable, to_text
from feature_sets.online_store.redis_write import OnlineWrite, write_newest
from feature_sets.online_store.storey_buckets import bucket_fields, table_schema
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.windows.definition import WindowDefinition


def write_newest_rows(table: OnlineTable, columns: FeatureColumns) -> OnlineWrite:
    """Write the newest row of each key; of several with the same time, or without one, the last.

    Rows without an event time count as of now.

    :raises OnlineStoreError: if Redis does not take them.
    """
    micros = columns.micros
    order = np.argsort(micros, kind="stable")
    told_apart = columns.keys if columns.rows is None else pd.Series(columns.rows.codes)
    newest = order[~told_apart.iloc[order].duplicated(keep="last").to_numpy()]
    keys = columns.keys.iloc[newest].tolist()
    shown = {columns.entity: keys}
    for name, column in columns.values.items():
        if name != columns.time:
            shown[name] = column.iloc[newest].tolist()
    return write_rows(table, keys, micros[newest].tolist(), shown, columns.definition, columns.rows)


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
