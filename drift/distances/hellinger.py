"""Hellinger distance: like total variation, but a rare bin that doubles counts for more than a common one.

H(p, q) = sqrt(sum (sqrt p_i - sqrt q_i)^2) / sqrt 2, after E. Hellinger, "Neue Begruendung der Theorie
quadratischer Formen von unendlichvielen Veraenderlichen", Journal fuer die reine und angewandte Mathematik
136, 1909, pages 210-271. H^2 <= TVD <= sqrt(2) H.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from drift.distances.distribution import checked_pair


def hellinger(p: npt.ArrayLike, q: npt.ArrayLike) -> float:
    """Hellinger distance of two distributions over the same bins.

    >>> round(hellinger([0.5, 0.5, 0.0], [0.5, 0.0, 0.5]), 4)
    0.7071

    :param p: shares, shape (k,), sum 1.
    :param q: shares of the same bins.
    :returns: between 0 (equal) and 1 (no bin in common); symmetric.
    :raises InputError: if p or q is no distribution, or their bins differ in number.
    """
    first, second = checked_pair(p, q)
    squares = float(((np.sqrt(first) - np.sqrt(second)) ** 2).sum())
    return min(1.0, math.sqrt(squares / 2))
