"""By how much errors that come in runs carry less information than as many independent ones.

A sum of n correlated values varies as one of n / f independent values does; f is the variance inflation (G.
V. Bayley, J. M. Hammersley, "The 'Effective' Number of Independent Observations in an Autocorrelated Time
Series", Journal of the Royal Statistical Society, Supplement 8 (2), 1946, pages 184-197). Three ways to see
it, of which the largest counts:

- neighbors: an error that follows an error, as a chain with correlation r, f = (1 + r) / (1 - r);
- one lag: labels of d devices arrive in turns, so an episode of a device shows d values later, not at once.
  The lag is the one whose correlation stands out from those of the lags around it;
- blocks: sums of blocks vary by f more than independent ones would (batch means). This alone sees devices
  that fail together, or arrive in no fixed order, but takes a long base. Blocks two apart are compared, so
  that a rate that slowly wanders does not count (J. von Neumann, "Distribution of the Ratio of the Mean
  Square Successive Difference to the Variance", Annals of Mathematical Statistics 12 (4), 1941).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]

PRIOR_ERRORS = 3
"""Until errors have been seen, they are taken to come in long runs: so many pseudo-errors say so."""

PRIOR_CORRELATION = 0.95

LEAST_EPISODES = 5.0
"""Independent errors that those of a rise are worth, and those to be expected before it is called over."""

LONGEST_LAG = 256
"""Devices that may take turns, at most."""

OF_ONE_EVENT = 4
"""Squared differences that an event can make which lies over the border of two blocks."""

LEAST_BLOCKS = 12
"""Fewest blocks whose sums say how much they vary."""

LEAST_BESIDE_EVENT = 32
"""The same where one event is left out: of fewer, it may be the rule."""

_LARGEST_CORRELATION = 0.995
_LEAST_VALUES = 600
_NEIGHBORS = (2, 3, 4, 5)
_SIGNIFICANCE = 5.0


def neighbor_inflation(correlation: float, errors: int) -> float:
    """Variance inflation by the correlation of neighbors, which few errors do not tell.

    >>> round(neighbor_inflation(0.0, 1000), 2), round(neighbor_inflation(0.0, 1), 2)
    (1.01, 5.96)

    :param correlation: measured, -1 to 1.
    :param errors: how many errors it was measured on.
    """
    known = max(0.0, correlation) * errors + PRIOR_ERRORS * PRIOR_CORRELATION
    return _of_chain(known / (errors + PRIOR_ERRORS))


def lag_inflation(bits: Bits) -> float:
    """Variance inflation by the one lag, from 6 to ``LONGEST_LAG``, whose correlation stands out.

    :param bits: error flags in the order they arrive, shape (n,).
    :returns: 1 if no lag stands out or there are too few values.
    """
    n = len(bits)
    share = float(bits.mean()) if n else 0.0
    if n < _LEAST_VALUES or not 0 < share < 1:
        return 1.0
    lags = min(LONGEST_LAG, n // 8)
    # counts of errors k apart, for every k at once
    spectrum = np.fft.rfft(bits.astype(np.float64), 2 ** math.ceil(math.log2(n + lags + 10)))
    pairs = np.rint(np.fft.irfft(spectrum.real**2 + spectrum.imag**2))[: lags + 6]
    covariance = pairs / (n - np.arange(lags + 6)) - share**2
    tested = np.arange(6, lags)
    around = sum(covariance[tested - j] + covariance[tested + j] for j in _NEIGHBORS) / (2 * len(_NEIGHBORS))
    level = np.maximum(around, 0.0)
    variance = share * (1 - share)
    correlation = np.where(level < variance, (covariance[tested] - level) / (variance - level + 1e-300), 0.0)
    largest = float(correlation.max())
    return _of_chain(largest) if largest > _SIGNIFICANCE / math.sqrt(n) else 1.0


class BlockSums:
    """Sums of blocks of several lengths, from which the variance inflation over such a length follows.

    :param lengths: of the blocks, ascending.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = tuple(lengths)
        self.totals = [[0] * 4 for _ in self.lengths]
        """Of each length: blocks so far, the last but one sum, the last sum, sum of squared differences."""
        self.largest = [[0] * OF_ONE_EVENT for _ in self.lengths]
        """Of each length: the largest of these squares, ascending."""

    def add(self, i: int, block_sum: int) -> None:
        """Take the sum of the next block of length number i."""
        count, before, last, squares = self.totals[i]
        if count >= 2:
            square = (block_sum - before) ** 2
            squares += square
            self.largest[i] = sorted((*self.largest[i], square))[1:]
        self.totals[i] = [count + 1, last, block_sum, squares]

    def inflations(self, share: float, but_one_event: bool = False) -> list[float]:
        """Variance inflation up to each length, discounted by what chance makes of few blocks.

        :param share: of errors, over all blocks.
        :param but_one_event: without the largest differences, which one event can make, where there are
            ``LEAST_BESIDE_EVENT`` blocks.
        """
        found, largest = [], 1.0
        variance = share * (1 - share)
        for length, (count, _, _, squares), left_out in zip(
            self.lengths, self.totals, self.largest, strict=True
        ):
            if count >= LEAST_BLOCKS and variance > 0:
                used = count - 2
                if but_one_event and count >= LEAST_BESIDE_EVENT:
                    squares, used = squares - sum(left_out), used - OF_ONE_EVENT
                raw = squares / used / 2 / length / variance
                largest = max(largest, raw / (1 + math.sqrt(2 / count)))
            found.append(largest)
        return found


def _of_chain(correlation: float) -> float:
    known = min(max(correlation, 0.0), _LARGEST_CORRELATION)
    return (1 + known) / (1 - known)
