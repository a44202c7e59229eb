"""Label rows that a schema excludes: their labels are treated as unknown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.telemetry.schema import TelemetrySchema


def excluded_rows(labels: pd.DataFrame, schema: TelemetrySchema) -> npt.NDArray[np.bool_]:
    """Which label rows have the value that excludes them in a column of ``schema.exclude_labels``.

    :param labels: with these columns; a missing value there excludes nothing.
    :returns: shape (n,).
    """
    excluded = np.zeros(len(labels), dtype=np.bool_)
    for column, value in schema.exclude_labels.items():
        excluded |= (labels[column] == value).to_numpy(dtype=np.bool_, na_value=False)
    return excluded
