"""Labeled pairs whose label the history has otherwise, or not any more; what was joined stays."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.ingestion.history.held_rows import held_rows
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.labels.excluded import excluded_rows
from feature_sets.model_package.columns import LABELED_AT
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.events import label_columns
from feature_sets.telemetry.maintenance_columns import IN_MAINTENANCE
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.labeled_files import newest_files, read_pairs
from project.summary.live_labels import COMPARED, CONTRADICTED

_MOST = 1_000_000


def contradicted_pairs(
    directory: Path,
    labels: StoredHistory,
    schema: TelemetrySchema,
    most: int = _MOST,
    metrics: StoredHistory | None = None,
    labels_taken: float = -math.inf,
) -> dict[str, int]:
    """Count the newest pairs against the labels of the history; excluded labels say nothing.

    An error whose incident was cancelled has no label there where its device was silent then. It counts if
    the history has all that it was joined by, and so what took that back.

    :param directory: of the Parquet batches of the endpoint.
    :param labels: of the history.
    :param most: no more batches are read when there are so many pairs.
    :param metrics: readings of the history; None tells of no label that was taken back.
    :param labels_taken: see ``labels_taken_until``.
    :returns: ``COMPARED`` and ``CONTRADICTED``.
    """
    pairs = _newest(directory, schema, most)
    columns = [*dict.fromkeys([schema.target, schema.label, *label_columns(schema)])]
    if schema.maintenance is not None:
        columns.append(IN_MAINTENANCE)
    # A history that has no calendar yet gets it with the next ingestion.
    if not len(pairs) or not set(columns) <= {*labels.record.spec.features.keys()}:
        return {COMPARED: 0, CONTRADICTED: 0}
    rows = KeyedRows.of(pairs, DEVICE, schema.time)
    places, stored = held_rows(labels, rows, columns)
    known = stored.table.to_pandas()
    said = known[schema.target].to_numpy(dtype=np.float64, na_value=np.nan)
    excluded = excluded_rows(known, schema)
    said[excluded] = np.nan
    in_error = known[schema.label].to_numpy(dtype=np.float64, na_value=np.nan) == 1
    # The last of each is that of pairs without a row.
    found, closed = np.append(said, np.nan)[places], np.append(excluded | in_error, False)[places]
    joined = rows.frame[schema.target].to_numpy(dtype=np.float64)
    compared = ~np.isnan(found)
    differing = compared & (found != joined)
    gone = ~compared & ~closed & (joined == 1) & (column_micros(rows.frame[LABELED_AT]) <= labels_taken)
    if metrics is None:
        gone[:] = False
    elif gone.any():
        gone[gone] = held_rows(metrics, KeyedRows.of(rows.frame[gone], DEVICE, schema.time))[0] >= 0
    return {COMPARED: int((compared | gone).sum()), CONTRADICTED: int((differing | gone).sum())}


def _newest(directory: Path, schema: TelemetrySchema, most: int) -> pd.DataFrame:
    """Device, time, label and its arrival of pairs, from the newest batches; not those of another schema."""
    columns = [DEVICE, schema.time, schema.target, LABELED_AT]
    found = [read_pairs(path, columns) for path in newest_files(directory, columns, most)]
    if not found:
        return pd.DataFrame(columns=columns)
    pairs: pd.DataFrame = pa.concat_tables(found).to_pandas().drop_duplicates(columns[:2], ignore_index=True)
    return pairs
