"""MLRun's one-hot encoder over whole columns."""

from __future__ import annotations

from collections.abc import Mapping

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
from mlrun.feature_store.steps import OneHotEncoder

STEP = "mlrun.feature_store.steps.OneHotEncoder"
"""Class of the graph step that encodes."""


def encoded(feature_set: fstore.FeatureSet, columns: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    """Columns with those that the feature set's encoders name in one-hot form, each in the place of its own.

    A value that no category equals encodes to all zeros. The names are MLRun's.
    """
    shown = dict(columns)
    for step in feature_set.spec.graph.steps.values():
        if step.class_name == STEP:
            shown = _encoded(step.class_args["mapping"], shown)
    return shown


def _encoded(
    mapping: Mapping[str, list[str | int]], columns: Mapping[str, pd.Series]
) -> dict[str, pd.Series]:
    shown: dict[str, pd.Series] = {}
    for name, column in columns.items():
        if not mapping.get(name):
            shown[name] = column
            continue
        for category in mapping[name]:
            # Two categories may have one name in the end; a device has but one of them.
            key = f"{name}_{OneHotEncoder._sanitized_category(category)}"
            flags = (column == category).to_numpy(dtype=np.int64)
            shown[key] = pd.Series(flags | shown[key].to_numpy() if key in shown else flags)
    return shown
