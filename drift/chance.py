"""How large distances get by chance: the same rows, dealt out at random to base and batch.

Two samples of one distribution are never equal, the less so the smaller they are and the more bins there
are: a joint histogram of 200 rows over 125 bins has a large total variation distance from anything. So each
distance is compared with those of random re-divisions of the pooled rows (a permutation test: P. Good,
"Permutation, Parametric, and Bootstrap Tests of Hypotheses", 2005), and all columns together with the
largest standardized distance of any (P. H. Westfall, S. S. Young, "Resampling-Based Multiple Testing",
1993), so that many columns do not mean many false alarms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, vstack

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Chance:
    """Distances of every column, beside what chance gives.

    :param expected: mean total variation distance over the random divisions, shape (c,).
    :param p_values: share of divisions, the real one included, in which any column is as extreme as this
        one is; shape (c,). A column with p <= alpha is reported in at most a share alpha of all
        comparisons without drift, however many columns there are.
    """

    expected: Floats
    p_values: Floats


def compare_with_chance(
    base: Index,
    batch: Index,
    sizes: Index,
    permutations: int,
    starts: tuple[Index, Index],
    rng: np.random.Generator,
) -> Chance:
    """Compare the total variation distance of each column with its distances in random divisions.

    :param base: bin of each value, shape (n, c); column j has the bins 0 to ``sizes[j] - 1``.
    :param batch: the same for the batch, shape (m, c).
    :param sizes: number of bins per column, shape (c,).
    :param permutations: number of random divisions.
    :param starts: first row of each block of the base, and of the batch: its rows are dealt out together.
    """
    # Every column gets its own stretch of one long histogram, and each block has one: those of a division are
    # the sums over its blocks, however many rows these have.
    first_bins = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    blocks, rows = len(starts[0]) + len(starts[1]), len(base) + len(batch)
    block_rows = np.diff(np.concatenate([starts[0], len(base) + starts[1]]), append=rows)
    block_of = np.repeat(np.arange(blocks), block_rows)
    ones = np.ones(rows, dtype=np.int64)
    histograms = vstack(
        [
            # Column by column, so that only one of them is there for each row.
            coo_array(
                (ones, (np.concatenate([base[:, j], batch[:, j]]), block_of)), shape=(size, blocks)
            ).tocsr()
            for j, size in enumerate(sizes.tolist())
        ],
        format="csr",
    )
    total = histograms.sum(axis=1)

    def distances(is_drawn: npt.NDArray[np.bool_]) -> Floats:
        one, n = histograms @ is_drawn, int(block_rows[is_drawn].sum())
        difference = one / n - (total - one) / (rows - n)
        return np.asarray(np.add.reduceat(np.abs(difference), first_bins) / 2, dtype=np.float64)

    # Drawing the smaller side is the same division and cheaper.
    drawn = min(map(len, starts))
    samples = np.empty((permutations + 1, len(sizes)))
    samples[0] = distances(np.arange(blocks) >= len(starts[0]))
    for i in range(1, permutations + 1):
        is_drawn = np.zeros(blocks, dtype=bool)
        is_drawn[rng.choice(blocks, drawn, replace=False, shuffle=False)] = True
        samples[i] = distances(is_drawn)
    spread = samples.std(axis=0)
    scores = (samples - samples.mean(axis=0)) / np.where(spread > _ROUNDING, spread, np.inf)
    largest = scores.max(axis=1)
    p_values = np.array([(largest >= score - _ROUNDING).mean() for score in scores[0]])
    return Chance(expected=samples[1:].mean(axis=0), p_values=p_values)
