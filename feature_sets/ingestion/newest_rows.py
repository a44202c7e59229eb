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

    :raises IngestError: if Redis does not take them.
    """
    micros = columns.moments().astype(np.int64)
    order = np.argsort(micros, kind="stable")
    newest = order[~columns.keys.iloc[order].duplicated(keep="last").to_numpy()]
    keys = columns.keys.iloc[newest].tolist()
    shown = {columns.entity: keys}
    for name, column in columns.values.items():
        if name != columns.time:
            shown[name] = column.iloc[newest].tolist()
    buckets: dict[object, dict[str, str]] = {}
    schema = None
    definition = columns.definition
    if definition:
        read = {name: columns.values[name] for name in (definition.timestamp, *definition.metrics)}
        buckets = bucket_fields(pd.DataFrame({columns.entity: columns.keys, **read}, copy=False), definition)
        schema = table_schema(definition)

    def rows() -> Iterator[tuple[object, int, dict[str, str]]]:
        for position, (key, event_time) in enumerate(zip(keys, micros[newest].tolist(), strict=True)):
            texts = {name: to_text(values[position]) for name, values in shown.items()}
            given = {name: text for name, text in texts.items() if text is not None}
            yield key, event_time, {**given, **buckets.get(key, {})}

    return write_newest(table, rows(), schema)
