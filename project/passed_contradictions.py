"""Readings that were sent again when their windows had passed, and say something else than the history."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from feature_sets.device_metrics import device_metrics
from feature_sets.ingestion.history.held_rows import held_rows
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


def passed_contradictions(passed: pd.DataFrame, schema: TelemetrySchema) -> list[dict[str, Any]]:
    """Those that contradict the history of the current project, each with the first column that differs.

    No window takes them any more, so they are never held against the rows that an addition brings.

    :param passed: see ``LiveRows``; what the history does not have is passed over.
    :returns: as ``TelemetryAppended.conflicts``: key, time, column, what is kept and what was given.
    """
    history = StoredHistory.of(device_metrics(schema)) if len(passed) else None
    if history is None:
        return []
    columns = schema.reading_columns
    # Each may have been sent several times; it is looked for once.
    keys = [DEVICE, schema.time]
    which = passed.groupby(keys, sort=False).ngroup().to_numpy()
    asked = passed[keys].drop_duplicates(ignore_index=True)
    places, stored = held_rows(history, KeyedRows.of(asked, DEVICE, schema.time), columns)
    places = places[which]
    rows = np.flatnonzero(places >= 0)
    kept = {name: stored.table[name].take(places[rows]).to_pylist() for name in columns}
    given = {name: passed[name].tolist() for name in columns}
    found = []
    for number, row in enumerate(rows.tolist()):
        for name in columns:
            one, other = (_plain(value) for value in (kept[name][number], given[name][row]))
            if one != other:
                key = {"key": passed[DEVICE].iloc[row], "time": passed[schema.time].iloc[row].isoformat()}
                found.append({**key, "column": name, "kept": one, "given": other})
                break
    return found


def _plain(value: Any) -> Any:
    """A value as JSON has it; None where there is none."""
    return None if pd.isna(value) else value
