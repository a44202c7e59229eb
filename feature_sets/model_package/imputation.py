"""What replaces a missing reading in a model's input."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LARGEST = float(np.finfo(np.float32).max)
"""Largest value that a model input can hold."""


def replace_missing(
    values: npt.NDArray[np.float64], replacements: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Model input of rows; the one rule for training and serving.

    :param values: shape (n, inputs); what float32 cannot hold (NaN, infinity, too large) is missing.
    :param replacements: value of each input where it is missing, shape (inputs,).
    :returns: float32, same shape.
    """
    return np.where(np.abs(values) <= LARGEST, values, replacements).astype(np.float32)


def count_missing(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """How many inputs of each row ``replace_missing`` replaces.

    :param values: shape (n, inputs).
    :returns: shape (n,).
    """
    there: npt.NDArray[np.int64] = np.count_nonzero(np.abs(values) <= LARGEST, axis=1)
    return values.shape[1] - there
