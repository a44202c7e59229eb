"""Label rows that do not count: excluded by the schema, or in maintenance. Their labels are unknown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.telemetry.cell_text import rows_saying
from feature_sets.telemetry.maintenance_columns import IN_MAINTENANCE
from feature_sets.telemetry.schema import TelemetrySchema


def excluded_rows(labels: pd.DataFrame, schema: TelemetrySchema) -> npt.NDArray[np.bool_]:
    """Which label rows are in maintenance, or have the value that excludes them in ``schema.exclude_labels``.

    :param labels: with these columns, and ``in_maintenance`` if the schema has a calendar; a missing value
        there excludes nothing. Values are compared by ``says_the_same``: as text, with one rule for truth
        values.
    :returns: shape (n,).
    """
    excluded = rows_left_out(labels, schema)
    if schema.maintenance is not None:
        excluded |= labels[IN_MAINTENANCE].to_numpy(dtype=np.float64, na_value=0.0) == 1
    return excluded


def rows_left_out(rows: pd.DataFrame, schema: TelemetrySchema) -> npt.NDArray[np.bool_]:
    """Which rows, of labels or of incidents, ``schema.exclude_labels`` leaves out, shape (n,)."""
    found = np.zeros(len(rows), dtype=np.bool_)
    for column, value in schema.exclude_labels.items():
        found |= rows_saying(rows[column], value)
    return found
