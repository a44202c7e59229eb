"""Columns of a base data set and a batch as the bins of their values: what distances are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from drift.discretize import Bins, Floats, How, NumberBins, fit_bins, fit_categories, fit_column, numbers_of
from drift.shift import Kind

Index = npt.NDArray[np.int64]

Codes = npt.NDArray[np.unsignedinteger[Any]]
"""Bins of values, in as few bytes as hold their numbers."""


class CodedColumn(NamedTuple):
    """One column, or several jointly, in bins that were fitted on the base.

    :param kind: what the column is.
    :param name: of the column; joint ones joined with `` x ``.
    :param base: bin of each base row, from 0 to ``size - 1``; shape (n,).
    :param batch: the same for the batch, shape (m,).
    :param size: number of bins.
    :param numbers: values of base and batch, missing ones as NaN, if the column is one of numbers in bins.
    :param missing: share of missing values in base and batch; joint ones: of rows with any.
    :param bins: what the values were put into; None of joint ones.
    """

    kind: Kind
    name: str
    base: Codes
    batch: Codes
    size: int
    numbers: tuple[Floats, Floats] | None
    missing: tuple[float, float]
    bins: Bins | None = None


def coded_columns(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    columns: Sequence[tuple[Kind, str]],
    joint: Sequence[str],
    bins: int,
    how: How,
) -> list[CodedColumn]:
    """Code every column, then the joint ones, if any.

    :param columns: kind and name of each column.
    :param joint: features, among the columns, whose combinations are counted too; may be empty.
    :param bins: see ``fit_bins``.
    :param how: see ``fit_bins``.
    """
    coded = []
    for kind, name in columns:
        fitted = _fit(base[name], kind, bins, how)
        sides = (base[name], batch[name])
        numbers = (numbers_of(sides[0]), numbers_of(sides[1])) if isinstance(fitted, NumberBins) else None
        codes = (
            _few_bytes(fitted.index(sides[0]), fitted.size),
            _few_bytes(fitted.index(sides[1]), fitted.size),
        )
        coded.append(CodedColumn(kind, name, *codes, fitted.size, numbers, _missing(*sides), fitted))
    if joint:
        by_name = {column.name: column for column in coded}
        parts = [by_name[name] for name in joint]
        pooled = [np.concatenate([part.base, part.batch]) for part in parts]
        joined, size = _joint_cells(pooled, [part.size for part in parts])
        cells = _few_bytes(joined, size)
        both = cells[: len(base)], cells[len(base) :]
        sides = base[list(joint)].isna().any(axis=1), batch[list(joint)].isna().any(axis=1)
        missing = float(sides[0].mean()), float(sides[1].mean())
        coded.append(CodedColumn("joint", " x ".join(joint), *both, size, None, missing))
    return coded


def _few_bytes(codes: Index, size: int) -> Codes:
    return codes.astype(np.min_scalar_type(size - 1))


def _fit(base: pd.Series, kind: Kind, bins: int, how: How) -> Bins:
    if kind == "feature":
        return fit_column(base, bins, how)
    fractions = pd.api.types.is_float_dtype(base) and bool((base != np.floor(base)).any())
    return fit_bins(base, bins, how) if fractions else fit_categories(base)


def _missing(base: pd.Series, batch: pd.Series) -> tuple[float, float]:
    return float(base.isna().mean()), float(batch.isna().mean())


def _joint_cells(columns: Sequence[Codes], sizes: Sequence[int]) -> tuple[Index, int]:
    """Number each combination of bins that occurs; never more numbers than rows, so nothing overflows."""
    cells = np.zeros(len(columns[0]), dtype=np.int64)
    for column, size in zip(columns, sizes, strict=True):
        cells = np.unique(cells * size + column, return_inverse=True)[1].astype(np.int64)
    return cells, int(cells.max()) + 1
