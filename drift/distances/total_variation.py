"""Total variation distance: the share of rows that would have to move to another bin.

TVD(p, q) = 1/2 sum |p_i - q_i|. See D. A. Levin, Y. Peres, E. L. Wilmer, "Markov Chains and Mixing Times",
2009, section 4.1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from drift.distances.distribution import checked_pair


def total_variation(p: npt.ArrayLike, q: npt.ArrayLike) -> float:
    """Total variation distance of two distributions over the same bins.

    >>> total_variation([0.5, 0.5, 0.0], [0.5, 0.0, 0.5])
    0.5

    :param p: shares, shape (k,), sum 1.
    :param q: shares of the same bins.
    :returns: between 0 (equal) and 1 (no bin in common); symmetric.
    :raises InputError: if p or q is no distribution, or their bins differ in number.
    """
    first, second = checked_pair(p, q)
    return float(min(1.0, 0.5 * np.abs(first - second).sum()))
