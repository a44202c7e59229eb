"""Wasserstein distance: how far the readings moved on average, in their own unit.

W(p, q) is the area between the two distribution functions. L. V. Kantorovich, "Mathematical Methods of
Organizing and Planning Production", 1939 (Management Science 6 (4), 1960, pages 366-422). It needs no bins:
readings that all grow by 3 ms are at distance 3 ms.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def wasserstein(base: npt.ArrayLike, batch: npt.ArrayLike) -> float | None:
    """Wasserstein distance of two samples of a number.

    >>> wasserstein([1.0, 2.0], [4.0, 5.0])
    3.0

    :param base: readings, shape (n,); missing and infinite ones are left out.
    :param batch: the same, shape (m,).
    :returns: 0 or more, in the unit of the readings; None if a side has no finite reading.
    """
    first, second = (np.asarray(side, dtype=np.float64) for side in (base, batch))
    first, second = first[np.isfinite(first)], second[np.isfinite(second)]
    if not len(first) or not len(second):
        return None
    return _area(np.sort(first), np.sort(second))


def _area(first: Floats, second: Floats) -> float:
    """Area between the distribution functions of two sorted samples, as SciPy has it, to the last bit.

    SciPy sorts each of them twice, and looks up all readings in both.
    """
    readings = np.concatenate([first, second])
    readings.sort(kind="stable")  # Two runs that are merged.
    up_to = first.searchsorted(readings[:-1], "right")
    # So many readings are not above one; of equal ones this holds of the last, and no others have a width.
    others = np.arange(1, len(readings)) - up_to
    height = np.abs(up_to / len(first) - others / len(second))
    return float(np.sum(height * np.diff(readings)))
