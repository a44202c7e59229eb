"""What an ingestion tells of readings of counters that have no rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

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
