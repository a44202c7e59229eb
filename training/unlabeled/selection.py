"""Selection without labels: all relative features that vary, as nobody can vote."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.split import Split
from training.selection.feature_scorers import SCORERS
from training.selection.feature_votes import (
    FEATURE,
    REASON,
    SCALED,
    SELECTED,
    VOTED,
    VOTES,
    Election,
)
from training.unlabeled.fit import relative_inputs

NOT_RELATIVE = "not relative to the device; there are no labels to choose it by"


def elect_without_labels(
    split: Split, schema: TelemetrySchema, features: list[str]
) -> tuple[Election, dict[str, str]]:
    """Every relative feature that varies, and why others of them are left out.

    :param features: all features of the training set.
    :raises InputError: if no feature is left.
    """
    selected, dropped = relative_inputs(split.train, schema)
    voted = [name for name in features if name not in dropped]
    chosen = [name in selected for name in voted]
    columns: dict[str, Any] = {FEATURE: voted}
    for scorer in SCORERS:
        columns |= {scorer: np.nan, f"{scorer}{SCALED}": np.nan, f"{scorer}{VOTED}": False}
    columns |= {VOTES: 0, SELECTED: chosen, REASON: ["" if taken else NOT_RELATIVE for taken in chosen]}
    table = pd.DataFrame(columns)
    order = np.argsort(~np.array(chosen), kind="stable")
    return Election(table.iloc[order].reset_index(drop=True), selected, {}, 1), dropped
