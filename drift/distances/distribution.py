"""Two distributions over the same bins, checked: what every distance takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feature_sets.checks import InputError

Floats = npt.NDArray[np.float64]

_SUM_TOLERANCE = 1e-9


def distribution(counts: npt.ArrayLike) -> Floats:
    """Share of each bin.

    >>> distribution([1, 3]).tolist()
    [0.25, 0.75]

    :param counts: rows in each bin, shape (k,), not negative, at least one row in all.
    :returns: shape (k,), sums to 1.
    :raises InputError: naming the rule and what was given.
    """
    array = _vector(counts, "counts")
    total = array.sum()
    if not total > 0:
        raise InputError("counts", "must have at least one row in all", float(total))
    return np.asarray(array / total, dtype=np.float64)


def checked_pair(p: npt.ArrayLike, q: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Raise InputError unless two arrays are distributions over the same bins.

    :param p: shares, shape (k,), not negative, sum 1.
    :param q: the same bins in the same order.
    """
    first, second = _vector(p, "p"), _vector(q, "q")
    if first.shape != second.shape:
        raise InputError("p and q", "must have the same bins", (len(first), len(second)))
    for name, shares in (("p", first), ("q", second)):
        if abs(shares.sum() - 1.0) > _SUM_TOLERANCE:
            raise InputError(name, "must sum to 1", float(shares.sum()))
    return first, second


def _vector(values: npt.ArrayLike, name: str) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise InputError(f"shape of {name}", "must be one dimension with at least one bin", array.shape)
    bad = array[~(np.isfinite(array) & (array >= 0))]
    if len(bad):
        raise InputError(name, "must be finite and not negative", bad[:5].tolist())
    return array
