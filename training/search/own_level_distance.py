"""How far a device is from its own level: one number of the features that are relative to its past."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

SMALLEST = 1e-6
"""A distance is taken to be no less: the logarithm of 0 is no number."""


class OwnLevelDistance(BaseEstimator):  # type: ignore[misc]
    """The root mean square of relative features, each in spreads of the device itself.

    Of independent features its square is Hotelling's T² up to a factor (1931, The generalization of Student's
    ratio, Annals of Mathematical Statistics 2).
    """

    def fit(self, rows: npt.NDArray[Any], labels: object = None) -> Self:
        """Nothing is learned but how many features there are; labels are not looked at."""
        self.n_features_in_ = rows.shape[1]
        return self

    def decision_function(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Logarithm of the distance of each row, shape (n,)."""
        values = np.asarray(rows, dtype=np.float64)
        distance = np.sqrt(np.mean(values * values, axis=1))
        logarithm: npt.NDArray[np.float64] = np.log(np.maximum(distance, SMALLEST))
        return logarithm
