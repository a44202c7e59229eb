"""Of which labeled pairs the history knows what is predicted, and of which it never will."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.ingestion.history.held_rows import held_rows
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.labels.excluded import excluded_rows
from feature_sets.rows.keyed_rows import Bools, KeyedRows
from feature_sets.telemetry.events import label_columns
from feature_sets.telemetry.maintenance_columns import IN_MAINTENANCE
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


def held_labels(
    labels: StoredHistory | None, pairs: pd.DataFrame, schema: TelemetrySchema
) -> tuple[Bools, Bools]:
    """Which pairs the history has a target of, and of which it has none for good, shape (n,) each.

    With a horizon a row that is in error already has none, and neither has one that is left out. Live it may
    have been joined before, as where the incident was told late. Others without a target are at the end of
    the history: what lies ahead of them is not known there yet.

    :param labels: history of the labels; None without one.
    :param pairs: device and time, each pair once; at least one.
    """
    labeled, never = (np.zeros(len(pairs), dtype=np.bool_) for _ in range(2))
    if labels is None:
        return labeled, never
    stored_columns = {*labels.record.spec.features.keys()}
    wanted = dict.fromkeys([schema.target, schema.label, *label_columns(schema)])
    if schema.maintenance is not None and IN_MAINTENANCE in stored_columns:
        wanted[IN_MAINTENANCE] = None
    places, stored = held_rows(labels, KeyedRows.of(pairs, DEVICE, schema.time), [*wanted])
    known = stored.table.to_pandas()
    if schema.maintenance is not None and IN_MAINTENANCE not in known:
        known[IN_MAINTENANCE] = 0  # A history without a calendar yet.
    told = pd.notna(known[schema.target].to_numpy())
    in_error = known[schema.label].to_numpy(dtype=np.float64, na_value=np.nan) == 1
    there = places >= 0
    labeled[there] = told[places[there]]
    never[there] = (~told & (in_error | excluded_rows(known, schema)))[places[there]]
    return labeled, never
