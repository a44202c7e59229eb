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
    if len(values) == 1:  # A lone event: fewer calls, and to the same bits.
        pairs = zip(values[0].tolist(), replacements.tolist(), strict=True)
        row = [value if -LARGEST <= value <= LARGEST else other for value, other in pairs]
        return np.array([row], dtype=np.float32)
    there = np.abs(values) <= LARGEST
    if np.logical_and.reduce(there, axis=None):  # As nearly always.
        return values.astype(np.float32)
    return np.where(there, values, replacements).astype(np.float32)


def count_missing(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """How many inputs of each row ``replace_missing`` replaces.

    :param values: shape (n, inputs).
    :returns: shape (n,).
    """
    if len(values) == 1:
        absent_of_one = sum(not -LARGEST <= value <= LARGEST for value in values[0].tolist())
        return np.array([absent_of_one], dtype=np.int64)
    there = np.abs(values) <= LARGEST
    if np.logical_and.reduce(there, axis=None):  # As nearly always, and counting in rows is slow.
        return np.zeros(len(values), dtype=np.int64)
    absent: npt.NDArray[np.int64] = values.shape[1] - np.add.reduce(there, axis=1, dtype=np.int64)
    return absent
