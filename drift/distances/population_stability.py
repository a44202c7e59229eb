"""Population stability index: symmetric Kullback-Leibler divergence as credit scoring writes it.

PSI(p, q) = sum (p_i - q_i) ln(p_i / q_i). N. Siddiqi, "Credit Risk Scorecards", 2006: below 0.1 little has
changed, from 0.25 much. A share below 0.0001 counts as 0.0001, the usual rule for empty bins, so that an
empty bin counts a little more than in ``kullback_leibler``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from drift.distances.distribution import checked_pair

LEAST_SHARE = 1e-4
"""A share that is smaller counts as this."""


def population_stability(p: npt.ArrayLike, q: npt.ArrayLike) -> float:
    """Population stability index of two distributions over the same bins.

    >>> round(population_stability([0.5, 0.5], [0.9, 0.1]), 4)
    0.8789

    :param p: shares, shape (k,), sum 1.
    :param q: shares of the same bins.
    :returns: 0 (equal) or more; symmetric.
    :raises InputError: if p or q is no distribution, or their bins differ in number.
    """
    first, second = (np.maximum(shares, LEAST_SHARE) for shares in checked_pair(p, q))
    return float(((first - second) * np.log(first / second)).sum())
