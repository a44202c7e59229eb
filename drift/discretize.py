"""Bins of a column, fitted on the base data set and applied to every batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError, check_choice, check_integer

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
How = Literal["uniform", "quantile"]


class Bins(Protocol):
    """A way to put each value of a column into one of ``size`` bins."""

    @property
    def size(self) -> int:
        """Number of bins, with the last one for missing values."""

    def index(self, values: pd.Series) -> Index:
        """Bin of each value, from 0 to ``size - 1``; shape (n,)."""


_FEW = 16
"""Edges up to which it is faster to compare all values with each than to look each value up."""


@dataclass(frozen=True)
class NumberBins:
    """Bins of a numeric column: half open [edge, next edge), the first and the last without end.

    A value outside the range of the base is in the first or the last bin, infinity as well; a missing value
    (NaN, None) has a bin of its own, the last.

    :param edges: inner edges, ascending; k edges make k + 1 bins, and the one for missing values.
    """

    edges: tuple[float, ...]

    @property
    def size(self) -> int:
        """Number of bins, with the one for missing values."""
        return len(self.edges) + 2

    def index(self, values: pd.Series) -> Index:
        """Bin of each value; see the class.

        :raises InputError: if a value is not a number.
        """
        numbers = numbers_of(values)
        return np.where(np.isnan(numbers), self.size - 1, self._inside(numbers))

    def _inside(self, numbers: Floats) -> Index:
        """Number of the edges that are not above each value."""
        if len(self.edges) > _FEW:
            return np.searchsorted(np.asarray(self.edges), numbers, side="right").astype(np.int64)
        inside = np.zeros(len(numbers), dtype=np.int64)
        for edge in self.edges:
            inside += numbers >= edge
        return inside


@dataclass(frozen=True)
class CategoryBins:
    """Bins of a column of categories: one for each value of the base, one for any other, one for missing.

    :param categories: values of the base, in the order they are counted.
    """

    categories: tuple[object, ...]

    @property
    def size(self) -> int:
        """Number of bins, with those for other and missing values."""
        return len(self.categories) + 2

    def others(self, values: pd.Series) -> list[str]:
        """Values that are none of the categories, the most frequent first."""
        known = values.dropna().astype(object)
        return [str(each) for each in known[~known.isin(self.categories)].value_counts().index]

    def index(self, values: pd.Series) -> Index:
        """Bin of each value; see the class."""
        plain = values.astype(object)
        found = pd.Index(self.categories, dtype=object).get_indexer(pd.Index(plain, dtype=object))
        found = np.where(found < 0, self.size - 2, found)
        return np.where(plain.isna().to_numpy(), self.size - 1, found).astype(np.int64)


def fit_bins(base: pd.Series, bins: int = 5, how: How = "uniform") -> NumberBins:
    """Bins of a numeric column from its base values.

    >>> bins = fit_bins(pd.Series([0.0, 2.0, 10.0]), bins=5)
    >>> bins.edges, bins.index(pd.Series([-1.0, 2.0, 99.0, None])).tolist()
    ((2.0, 4.0, 6.0, 8.0), [0, 1, 4, 5])

    A constant column gets three bins: below the constant, the constant, above it. A column without any
    finite value gets one bin for all numbers.

    :param base: numbers; missing and infinite values are left out of the fit.
    :param bins: how many, at least 2.
    :param how: ``uniform``: equally wide between the smallest and the largest value; ``quantile``: equally
        many base rows in each, where a value that fills more than one bin gets one for itself.
    :raises InputError: if a parameter breaks its rule or a value is not a number.
    """
    bins = check_integer("bins", bins, at_least=2)
    check_choice("how", how, ("uniform", "quantile"))
    numbers = numbers_of(base)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return NumberBins(())
    low, high = float(numbers.min()), float(numbers.max())
    if low == high:
        return NumberBins((low, float(np.nextafter(low, np.inf))))
    inner = np.arange(1, bins) / bins
    if how == "uniform":
        # not low + inner * (high - low): the width may be more than the largest float
        return NumberBins(_ascending(low * (1 - inner) + high * inner))
    edges = np.quantile(numbers, inner, method="lower")
    values, times = np.unique(np.concatenate([[low], edges]), return_counts=True)
    filling = values[times > 1]
    return NumberBins(_ascending(np.concatenate([edges, filling, np.nextafter(filling, np.inf)])))


def fit_categories(base: pd.Series) -> CategoryBins:
    """Bins of a column of categories (classes, text) from its base values; numbers equal by value are one."""
    return CategoryBins(tuple(pd.unique(base.dropna().astype(object))))


def fit_column(base: pd.Series, bins: int = 5, how: How = "uniform") -> Bins:
    """Bins for a column by its type: numbers into ``bins`` bins, anything else by category.

    :raises InputError: see ``fit_bins``.
    """
    numeric = pd.api.types.is_numeric_dtype(base) or pd.api.types.is_bool_dtype(base)
    return fit_bins(base, bins, how) if numeric else fit_categories(base)


def _ascending(edges: Floats) -> tuple[float, ...]:
    return tuple(np.unique(edges).tolist())


def numbers_of(values: pd.Series) -> Floats:
    """Values of a numeric column, missing ones (None, NA) as NaN; shape (n,).

    :raises InputError: if a value is not a number.
    """
    if values.dtype == np.float64:
        return values.to_numpy()  # As it is: other kinds are copied.
    try:
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"column '{values.name}'", "must hold numbers", str(values.dtype)) from error
