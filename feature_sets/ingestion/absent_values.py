"""What an ingestion tells of rows that lack values: counters without a rate, neighbors and peers too old."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_sets.derived_features import DerivedFeatures
from feature_sets.rows.keyed_rows import Bools
from feature_sets.windows.definition import WindowDefinition


def without_rate(
    definition: WindowDefinition | None, rates: Mapping[str, npt.NDArray[Any]], told: Mapping[str, Bools]
) -> dict[str, int]:
    """Counter -> how many of its readings have no rate.

    :param rates: by metric, shape (n,).
    :param told: by column, whether there is a reading.
    """
    if definition is None or definition.counters is None:
        return {}
    return {
        rule.metric: int(np.count_nonzero(np.isnan(rates[rule.metric]) & told[rule.column]))
        for rule in definition.counters.rules
    }


def rate_lines(found: Mapping[str, int], rows: int) -> list[str]:
    """What is worth knowing, for people.

    :param found: see ``without_rate``.
    :param rows: among which they are.
    """
    why = "first ones, resets, long gaps, repeated snapshots, or faster than max_rate or range allow"
    return [
        f"{metric}: {count:,} of {rows:,} new rows have a counter without a rate ({why})"
        for metric, count in found.items()
        if count
    ]


def without_others(
    derived: DerivedFeatures | None, values: Mapping[str, npt.NDArray[np.float64]]
) -> dict[str, int]:
    """What others are -> how many rows have none of their values.

    :param values: the derived features by name, shape (n,).
    """
    if derived is None:
        return {}
    return {
        what: int(np.count_nonzero(np.all([np.isnan(values[name]) for name in names], axis=0)))
        for what, names in derived.groups.by_relation.items()
    }


def group_lines(missing: Mapping[str, int], rows: int) -> list[str]:
    """A line for each of the others, for people.

    >>> group_lines({"upstream": 5}, 20)
    ['upstream: 5 of 20 rows (25.0 %) have no value that is new enough; their features are missing']

    :param rows: of which these are.
    """
    why = "have no value that is new enough; their features are missing"
    return [
        f"{what}: {count:,} of {rows:,} rows ({100 * count / rows:.1f} %) {why}"
        for what, count in missing.items()
        if count and rows
    ]
