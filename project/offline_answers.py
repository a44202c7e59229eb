"""Whether answers of an endpoint are those of the model offline."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_TOLERANCE = 1e-6
"""Largest difference of two probabilities that are the same: the last digits of float32."""


def answers_differ(served: npt.ArrayLike, offline: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which answers are not those of the model, shape (n,); a missing one is not.

    :param served: probabilities that the endpoint gave, shape (n,).
    :param offline: those of the model on the same rows, shape (n,).
    """
    apart = np.abs(np.asarray(served, dtype=np.float64) - np.asarray(offline, dtype=np.float64))
    return np.asarray(~(apart <= _TOLERANCE), dtype=np.bool_)
