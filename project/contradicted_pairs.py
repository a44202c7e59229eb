"""Labeled pairs of an endpoint whose label is another one in the history; what was joined stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.ingestion.history.held_rows import held_rows
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.labels.excluded import excluded_rows
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.events import label_columns
from feature_sets.telemetry.maintenance_columns import IN_MAINTENANCE
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.labeled_files import newest_files, read_pairs
from project.summary.live_labels import COMPARED, CONTRADICTED

_MOST = 1_000_000


def contradicted_pairs(
    directory: Path, labels: StoredHistory, schema: TelemetrySchema, most: int = _MOST
) -> dict[str, int]:
    """Count the newest pairs against the labels of the history; excluded labels say nothing.

    :param directory: of the Parquet batches of the endpoint.
    :param labels: of the history.
    :param most: no more batches are read when there are so many pairs.
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
    said[excluded_rows(known, schema)] = np.nan
    met = np.flatnonzero(places >= 0)
    found, joined = said[places[met]], rows.frame[schema.target].to_numpy(dtype=np.float64)[met]
    compared = ~np.isnan(found)
    differing = compared & (found != joined)
    return {COMPARED: int(compared.sum()), CONTRADICTED: int(differing.sum())}


def _newest(directory: Path, schema: TelemetrySchema, most: int) -> pd.DataFrame:
    """Device, time and label of pairs, from the newest batches; those of another schema are left out."""
    columns = [DEVICE, schema.time, schema.target]
    found = [read_pairs(path, columns) for path in newest_files(directory, columns, most)]
    if not found:
        return pd.DataFrame(columns=columns)
    pairs: pd.DataFrame = pa.concat_tables(found).to_pandas().drop_duplicates(columns[:2], ignore_index=True)
    return pairs
