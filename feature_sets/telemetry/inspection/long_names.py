"""Names of metrics in a table with one row a value."""

from __future__ import annotations

import numpy as np

from feature_sets.telemetry.cell_numbers import numbers_of
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.inspection.table_profile import TableProfile


def numeric_names(table: TableProfile, metric: str, value: str) -> list[str]:
    """Names whose values are numbers in all rows that were looked at, in the order in which they come.

    :param metric: column with the names; there are none if the table does not have it.
    :param value: column with the values.
    """
    if metric not in table.columns or value not in table.columns:
        return []
    codes, names = texts_of(table.head[metric])
    numbers = numbers_of(table.head[value], table.decimal)
    wrong = set(codes[numbers.refused].tolist())
    told = set(codes[~np.isnan(numbers.values)].tolist())
    return [name for code, name in enumerate(names) if code in told and code not in wrong]
