"""Over how many rows in a row readings depend on each other: how long blocks must be to be dealt out.

The automatic block length of D. N. Politis, H. White, "Automatic Block-Length Selection for the Dependent
Bootstrap", Econometric Reviews 23 (1), 2004, pages 53-70, for blocks of one length, with the correction of A.
Patton, D. N. Politis, H. White, Econometric Reviews 28 (4), 2009, pages 372-375: (3 G^2 N / 2 g^2)^(1/3),
where g sums the autocovariances up to the lag from which on they are chance, with a flat-top window, and G
sums them times their lag. Autocovariances are of all devices together, each around its own mean, so that
devices of different levels are no dependence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_LEAST_ROWS = 50
_INSIGNIFICANT = 2.0
"""Times sqrt(log10(n) / n): autocorrelations below are chance; the value that the paper advises."""


def dependent_rows(columns: Iterable[npt.ArrayLike], stretches: Index) -> int:
    """Length of the longest blocks that any of several columns needs, at least 1.

    >>> random = np.random.default_rng(0)
    >>> still = random.normal(size=4000)
    >>> walk = np.convolve(random.normal(size=4099), np.ones(100), "valid")
    >>> dependent_rows([still], np.array([4000])), dependent_rows([still, walk], np.array([4000]))
    (1, 97)

    :param columns: numbers without missing ones, each of shape (n,): stretches one after another, each in
        event order.
    :param stretches: rows of each stretch, such as those of one device; they sum to n.
    """
    longest = 1
    for column in columns:
        longest = max(longest, _block_length(np.asarray(column, dtype=np.float64), stretches))
    return longest


def _block_length(values: Floats, stretches: Index) -> int:
    n = len(values)
    if n < _LEAST_ROWS:
        return 1
    most = max(1, int(stretches.max()) // 2)
    covariance = _autocovariance(values, stretches, most)
    if covariance[0] <= 1e-12 * max(1.0, float(np.abs(values).max()) ** 2):
        return 1
    lags = _significant_lags(covariance / covariance[0], n)
    if not lags:
        return 1
    window = min(2 * lags, most)
    k = np.arange(1, window + 1)
    flat_top = np.clip(2 * (1 - k / window), 0.0, 1.0)
    weighted = flat_top * covariance[1 : window + 1]
    spectrum = covariance[0] + 2 * float(weighted.sum())
    slope = 2 * float((k * weighted).sum())
    if slope <= 0:
        return 1
    if spectrum <= 0:
        return lags
    return max(1, math.ceil(math.cbrt(1.5 * (slope / spectrum) ** 2 * n)))


def _autocovariance(values: Floats, stretches: Index, most: int) -> Floats:
    """Autocovariances at the lags 0 to ``most``, of all stretches together; shape (most + 1,)."""
    ends = np.cumsum(stretches)
    sums = np.add.reduceat(values, ends - stretches)
    centered = values - np.repeat(sums / stretches, stretches)
    # zeros between stretches, so that no lag reaches from one into the next
    places = np.arange(len(values)) + np.repeat(np.arange(len(stretches)) * most, stretches)
    size = 2 ** math.ceil(math.log2(int(places[-1]) + most + 1))
    padded = np.zeros(size)
    padded[places] = centered
    spectrum = np.fft.rfft(padded)
    found = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size)[: most + 1]
    return np.asarray(found / len(values), dtype=np.float64)


def _significant_lags(correlation: Floats, n: int) -> int:
    """The last lag before several in a row are chance; the longest one if that never happens."""
    several = max(5, math.ceil(math.sqrt(math.log10(n))))
    is_chance = np.abs(correlation[1:]) < _INSIGNIFICANT * math.sqrt(math.log10(n) / n)
    run = 0
    for lag, chance in enumerate(is_chance.tolist(), 1):
        run = run + 1 if chance else 0
        if run == several:
            return lag - several
    return len(is_chance)
