"""What the report says of rows without neighbors or peers whose values are new enough."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from feature_sets.derived_features import DerivedFeatures


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
