"""Symmetric Kullback-Leibler divergence, with a rule for empty bins.

J(p, q) = KL(p || q) + KL(q || p), with KL(p || q) = sum p_i ln(p_i / q_i), in nats. S. Kullback, R. A.
Leibler, "On Information and Sufficiency", Annals of Mathematical Statistics 22 (1), 1951, pages 79-86.

A bin that is empty on one side only makes J infinite, though it may be one row of thousands. The older
system then set the result to 10. Here each side is first mixed with a small share ``skew`` of the average of
both, p' = (1 - skew) p + skew (p + q) / 2, after the skew divergence of L. Lee, "Measures of Distributional
Similarity", ACL 1999. So

- J is finite, and grows with how much lies in the empty bins, not with whether there are any;
- a bin that is empty on both sides counts nothing, however many there are (adding a pseudo-count to each bin
  would make the result depend on the number of bins, which hurts joint histograms most);
- the largest value is ``largest_divergence(skew)``, 10.5 nats for the default of 0.01, reached when p and q
  have no bin in common, as in MLRun's former hub function;
- where no bin is empty the result is about 2 x ``skew`` below the exact one, relatively.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from drift.distances.distribution import Floats, checked_pair
from feature_sets.checks import check_number

SKEW = 0.01
"""Share of the average that is mixed into each side."""


def kullback_leibler(p: npt.ArrayLike, q: npt.ArrayLike, skew: float = SKEW) -> float:
    """Kullback-Leibler divergence in both directions, summed, of two distributions over the same bins.

    >>> round(kullback_leibler([0.5, 0.5], [0.9, 0.1]), 3)  # exact, without the skew: 0.879
    0.858

    :param p: shares, shape (k,), sum 1.
    :param q: shares of the same bins.
    :param skew: share of the average mixed into each side, above 0 and below 1.
    :returns: nats, between 0 (equal) and ``largest_divergence(skew)``; symmetric.
    :raises InputError: if p or q is no distribution, their bins differ in number, or skew is out of range.
    """
    largest = largest_divergence(skew)
    first, second = checked_pair(p, q)
    used = (first > 0) | (second > 0)
    average = (first[used] + second[used]) / 2
    left = (1 - skew) * first[used] + skew * average
    right = (1 - skew) * second[used] + skew * average
    return min(largest, _terms(left, right))


def largest_divergence(skew: float = SKEW) -> float:
    """Divergence in nats of two distributions without a bin in common: 2 (1 - skew) ln((2 - skew) / skew).

    :raises InputError: unless skew is above 0 and below 1.
    """
    check_number("skew", skew, above=0, below=1)
    return 2 * (1 - skew) * math.log((2 - skew) / skew)


def _terms(left: Floats, right: Floats) -> float:
    # (l - r)(ln l - ln r) is the sum of both directions and never negative, so the sum is not either
    return float(((left - right) * (np.log(left) - np.log(right))).sum())
