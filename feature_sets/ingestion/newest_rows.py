"""The newest row of each key of an ingestion, with all that MLRun's readers and ours ask for, into Redis."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from feature_sets.ingestion.window_columns import FeatureColumns
from feature_sets.online_store.redis_table import OnlineTable, to_text
from feature_sets.online_store.redis_write import OnlineWrite, write_newest
from feature_sets.online_store.storey_buckets import bucket_fields, table_schema


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
    buckets: dict[object, dict[str, str]] = {}
    schema = None
    definition = columns.definition
    if definition and columns.rows:
        buckets = bucket_fields(columns.rows, definition)
        schema = table_schema(definition)

    def rows() -> Iterator[tuple[object, int, dict[str, str]]]:
        for position, (key, event_time) in enumerate(zip(keys, micros[newest].tolist(), strict=True)):
            texts = {name: to_text(values[position]) for name, values in shown.items()}
            given = {name: text for name, text in texts.items() if text is not None}
            yield key, event_time, {**given, **buckets.get(key, {})}

    return write_newest(table, rows(), schema)
