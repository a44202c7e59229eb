"""Two distributions over the same bins, checked: what every distance takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SUM_TOLERANCE = 1e-9


def distribution(counts: npt.ArrayLike) -> Floats:
    """Share of each bin.

    :param counts: rows in each bin, shape (k,), not negative, at least one row in all.
    :returns: shape (k,), sums to 1.
    :raises ValueError: naming the rule and what came.
    """
    array = _vector(counts, "counts")
    total = array.sum()
    if not total > 0:
        raise ValueError(f"counts must have at least one row in all, got {total:g}")
    return np.asarray(array / total, dtype=np.float64)


def checked_pair(p: npt.ArrayLike, q: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Check two distributions over the same bins.

    :param p: shares, shape (k,), not negative, sum 1.
    :param q: the same bins in the same order.
    :raises ValueError: naming the argument, the rule and what came.
    """
    first, second = _vector(p, "p"), _vector(q, "q")
    if first.shape != second.shape:
        raise ValueError(f"p and q must have the same bins, got {len(first)} and {len(second)}")
    for name, shares in (("p", first), ("q", second)):
        if abs(shares.sum() - 1.0) > _SUM_TOLERANCE:
            raise ValueError(f"{name} must sum to 1, got {shares.sum():g}")
    return first, second


def _vector(values: npt.ArrayLike, name: str) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{name} must have one dimension and at least one bin, got shape {array.shape}")
    bad = array[~(np.isfinite(array) & (array >= 0))]
    if len(bad):
        raise ValueError(f"{name} must be finite and not negative, got {bad[:5].tolist()}")
    return array
