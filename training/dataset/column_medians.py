"""The medians that replace missing values: of the readings there are, in every column."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def column_medians(values: Floats) -> Floats:
    """Median of the known values of each column, shape (columns,).

    What replaces a missing value in a model's input is rounded to float32, see
    ``model_package.imputation``; selection and baselines compare features and take it as it is.

    :param values: shape (n, columns); NaN where missing, each column with at least one known value.
    """
    return np.asarray(np.nanmedian(values, axis=0), dtype=np.float64)
