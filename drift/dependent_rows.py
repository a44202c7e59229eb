"""Over how many rows in a row readings depend on each other: how long blocks must be to be dealt out.

The automatic block length of D. N. Politis, H. White, "Automatic Block-Length Selection for the Dependent
Bootstrap", Econometric Reviews 23 (1), 2004, pages 53-70, for blocks of one length, with the correction of A.
Patton, D. N. Politis, H. White, Econometric Reviews 28 (4), 2009, pages 372-375: (3 G^2 N / 2 g^2)^(1/3),
where g sums the autocovariances up to the lag from which on they are chance, with a flat-top window, and G
sums them times their lag. Autocovariances are of all devices together, each around its own mean, so that
devices of different levels are no dependence.

Three things are added, as a short base of one device looks more independent than it is. Around a mean of its
own, each autocovariance is too small by g / n (T. W. Anderson, "The Statistical Analysis of Time Series",
1971), which is put back. How long rows depend is taken to be one standard error more than was measured (that
of M. B. Priestley, "Spectral Analysis and Time Series", 1981). And blocks of the length that is best still
vary less than rows of their number do, by G / g parts of their length: ``lasting`` says so, and ``chance.py``
makes up for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_LEAST_ROWS = 50
_INSIGNIFICANT = 2.0
"""Times sqrt(log10(n) / n): autocorrelations below are chance; the value that the paper advises."""

_STANDARD_ERRORS = 1.0
"""By which how long rows depend may be more than was measured."""


class Dependence(NamedTuple):
    """For how long rows of a column depend on each other.

    :param rows: length of the blocks that are dealt out together, at least 1.
    :param lasting: G / g in rows: so many parts of a block of as many rows are missing from its variance.
    """

    rows: int = 1
    lasting: float = 0.0

    @property
    def least(self) -> int:
        """Length of the shortest blocks for whose missing variance can be made up: half of it."""
        return max(1, min(self.rows, math.ceil(2 * self.lasting)))


def dependent_rows(columns: Iterable[npt.ArrayLike], stretches: Index) -> Dependence:
    """The longest blocks that any of several columns needs.

    >>> random = np.random.default_rng(0)
    >>> still = random.normal(size=4000)
    >>> walk = np.convolve(random.normal(size=4099), np.ones(100), "valid")
    >>> [dependent_rows(each, np.array([4000])).rows for each in ([still], [still, walk])]
    [1, 129]

    :param columns: numbers without missing ones, each of shape (n,): stretches one after another, each in
        event order.
    :param stretches: rows of each stretch, such as those of one device; they sum to n.
    """
    found = (_dependence(np.asarray(column, dtype=np.float64), stretches) for column in columns)
    return max(found, default=Dependence())


def _dependence(values: Floats, stretches: Index) -> Dependence:
    n = len(values)
    if n < _LEAST_ROWS:
        return Dependence()
    most = max(1, int(stretches.max()) // 2)
    covariance = _autocovariance(values, stretches, most)
    if covariance[0] <= 1e-12 * max(1.0, float(np.abs(values).max()) ** 2):
        return Dependence()
    lags = _significant_lags(covariance / covariance[0], n)
    if not lags:
        return Dependence()
    window = min(2 * lags, most)
    k = np.arange(1, window + 1)
    flat_top = np.clip(2 * (1 - k / window), 0.0, 1.0)
    weighted = flat_top * covariance[1 : window + 1]
    spectrum = covariance[0] + 2 * float(weighted.sum())
    slope = 2 * float((k * weighted).sum())
    if spectrum <= 0:
        return _until_it_turns(covariance)
    # What each mean of a stretch took away; of the half of all rows at most, beyond that nobody knows.
    taken = len(stretches) * (1 + 2 * float(flat_top.sum())) / n
    missing = spectrum * len(stretches) / n / max(0.5, 1 - taken)
    spectrum += missing * (1 + 2 * float(flat_top.sum()))
    slope += missing * 2 * float((k * flat_top).sum())
    if slope <= 0:
        return _until_it_turns(covariance)
    error = math.sqrt(2 * (1 + 2 * float((flat_top**2).sum())) / n)
    lasting = slope / spectrum * (1 + _STANDARD_ERRORS * error)
    return Dependence(max(1, math.ceil(math.cbrt(1.5 * lasting**2 * n))), lasting)


def _until_it_turns(covariance: Floats) -> Dependence:
    """What can be said of rows that swing: they are alike up to the first lag at which they are opposite."""
    turned = np.flatnonzero(covariance[1:] <= 0)
    rows = 1 + int(turned[0]) if len(turned) else len(covariance)
    return Dependence(rows, rows / 2 if rows > 1 else 0.0)


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
