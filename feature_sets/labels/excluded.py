"""Label rows that a schema excludes: their labels are treated as unknown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.telemetry.cell_text import rows_saying
from feature_sets.telemetry.schema import TelemetrySchema


def excluded_rows(labels: pd.DataFrame, schema: TelemetrySchema) -> npt.NDArray[np.bool_]:
    """Which label rows have the value that excludes them in a column of ``schema.exclude_labels``.

    :param labels: with these columns; a missing value there excludes nothing. Values
        are compared by ``says_the_same``: as text, with one rule for truth values.
    :returns: shape (n,).
    """
    excluded = np.zeros(len(labels), dtype=np.bool_)
    for column, value in schema.exclude_labels.items():
        excluded |= rows_saying(labels[column], value)
    return excluded
