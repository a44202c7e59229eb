"""Which columns of a training frame are features, and which of them carry no information."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

ALL_MISSING = "no reading in the {where}"
CONSTANT = "one value only in the {where}"


def feature_columns(frame: pd.DataFrame, schema: TelemetrySchema) -> list[str]:
    """Feature columns of a training frame, in frame order.

    :param frame: device, time, features and label.
    :raises InputError: unless there is one, and each holds finite numbers or nothing.
    """
    keys = {DEVICE, schema.time, schema.target, *schema.exclude_labels}
    names = [str(column) for column in frame.columns if column not in keys]
    if not names:
        raise InputError("feature vector", "must hold at least one feature", names)
    for name in names:
        if not pd.api.types.is_numeric_dtype(frame[name].dtype):
            raise InputError(f"feature '{name}'", "must be numeric", str(frame[name].dtype))
        values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        infinite = np.isinf(values)
        if infinite.any():
            raise InputError(f"feature '{name}'", "must be finite or missing", float(values[infinite][0]))
    return names


def useless_features(
    rows: pd.DataFrame, names: Sequence[str], *, constant: bool, where: str = "training part"
) -> dict[str, str]:
    """Each uninformative feature -> the reason why it is uninformative.

    :param rows: the training part only, or a part of it.
    :param names: the features to look at.
    :param constant: whether a feature with a single value is useless too (it is to a selection).
    :param where: what the reasons call the rows.
    """
    reasons = {}
    for name in names:
        values = rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
        known = values[~np.isnan(values)]
        if not len(known):
            reasons[name] = ALL_MISSING.format(where=where)
        elif constant and len(known) == len(values) and known.min() == known.max():
            reasons[name] = CONSTANT.format(where=where)
    return reasons


def no_inputs(names: Sequence[str], schema: TelemetrySchema) -> dict[str, str]:
    """Feature -> why it is no input of a model.

    A one-hot feature is called by its column and a value, so of two columns that may be meant, as ``site``
    and ``site_type``, it is of the longer one.

    :param names: of features.
    """
    found: dict[str, str] = {}
    of_readings = set(schema.live_features)
    for name in names:
        columns = [column for column in schema.static if name.startswith(f"{column}_")]
        column = max(columns, key=len, default="")
        if name not in of_readings and column in schema.no_inputs:
            found[name] = f"the schema says that '{column}' is no input (no_inputs)"
    return found
