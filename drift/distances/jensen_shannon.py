"""Jensen-Shannon distance: how far two distributions are from their average, between 0 and 1.

JSD(p, q) = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2 and logarithms of base 2; its square root is a
metric. J. Lin, "Divergence Measures Based on the Shannon Entropy", IEEE Transactions on Information Theory 37
(1), 1991, pages 145-151; D. M. Endres, J. E. Schindelin, "A New Metric for Probability Distributions", the
same 49 (7), 2003, pages 1858-1860. A bin that is empty on one side needs no rule of its own.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from drift.distances.distribution import Floats, checked_pair


def jensen_shannon(p: npt.ArrayLike, q: npt.ArrayLike) -> float:
    """Jensen-Shannon distance of two distributions over the same bins.

    >>> jensen_shannon([1.0, 0.0], [0.0, 1.0]), round(jensen_shannon([0.5, 0.5], [1.0, 0.0]), 4)
    (1.0, 0.5579)

    :param p: shares, shape (k,), sum 1.
    :param q: shares of the same bins.
    :returns: between 0 (equal) and 1 (no bin in common); symmetric.
    :raises InputError: if p or q is no distribution, or their bins differ in number.
    """
    first, second = checked_pair(p, q)
    average = (first + second) / 2
    divergence = (_bits(first, average) + _bits(second, average)) / 2
    return math.sqrt(min(1.0, max(0.0, divergence)))


def _bits(shares: Floats, average: Floats) -> float:
    used = shares > 0
    return float((shares[used] * np.log2(shares[used] / average[used])).sum())
