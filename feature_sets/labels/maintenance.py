"""Label rows of devices in maintenance: their labels are treated as unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.intervals import Intervals
from feature_sets.telemetry.maintenance_columns import IN_MAINTENANCE
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


def with_maintenance(
    labels: pd.DataFrame, schema: TelemetrySchema, calendar: Intervals | None
) -> pd.DataFrame:
    """Label rows with the column ``in_maintenance``, 0 or 1; unchanged if the schema has no calendar.

    :param labels: device and time; not changed.
    :param calendar: when devices are in maintenance; None is never.
    """
    if schema.maintenance is None:
        return labels
    inside = np.zeros(len(labels), dtype=np.int64)
    if calendar is not None and len(calendar) and len(labels):
        rows = KeyedRows.of(labels, DEVICE, schema.time)
        inside = calendar.contains(rows.keys, rows.codes, rows.micros).astype(np.int64)
    return labels.assign(**{IN_MAINTENANCE: inside})
